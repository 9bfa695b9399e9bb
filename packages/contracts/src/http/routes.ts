import { accessRoutes } from "./access.ts";
import { executionRoutes } from "./executions.ts";
import { nodeTypeRoutes } from "./node-types.ts";
import { tenantRoutes } from "./tenants.ts";
import { triggerRoutes } from "./triggers.ts";
import { workflowRoutes } from "./workflows.ts";

/** Every operation of the admin API, by operation id. */
export const ROUTES = {
  ...accessRoutes,
  ...tenantRoutes,
  ...workflowRoutes,
  ...triggerRoutes,
  ...executionRoutes,
  ...nodeTypeRoutes,
} as const;

export type Routes = typeof ROUTES;
export type OperationId = keyof Routes;
