import { accessRoutes } from "./access.ts";
import { agencyRoutes } from "./agency.ts";
import { bulkOperationRoutes } from "./bulk-operations.ts";
import { credentialRoutes } from "./credentials.ts";
import { executionRoutes } from "./executions.ts";
import { fileRoutes } from "./files.ts";
import { nodeTypeRoutes } from "./node-types.ts";
import { rerunRoutes } from "./reruns.ts";
import { tenantRoutes } from "./tenants.ts";
import { triggerRoutes } from "./triggers.ts";
import { workflowRoutes } from "./workflows.ts";

/** Every operation of the admin API, by operation id. */
export const ROUTES = {
  ...accessRoutes,
  ...agencyRoutes,
  ...tenantRoutes,
  ...workflowRoutes,
  ...triggerRoutes,
  ...credentialRoutes,
  ...executionRoutes,
  ...fileRoutes,
  ...rerunRoutes,
  ...bulkOperationRoutes,
  ...nodeTypeRoutes,
} as const;

export type Routes = typeof ROUTES;
export type OperationId = keyof Routes;
