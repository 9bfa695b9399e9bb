import { accessRoutes } from "./access.ts";
import { agenciesRoutes } from "./agencies.ts";
import { agencyRoutes } from "./agency.ts";
import { apiKeyRoutes } from "./api-keys.ts";
import { auditRoutes } from "./audit.ts";
import { backfillRoutes } from "./backfills.ts";
import { bulkOperationRoutes } from "./bulk-operations.ts";
import { credentialRoutes } from "./credentials.ts";
import { executionRoutes } from "./executions.ts";
import { failureRoutes } from "./failures.ts";
import { fileRoutes } from "./files.ts";
import { hookTestRoutes } from "./hook-tests.ts";
import { liveRoutes } from "./live.ts";
import { memberRoutes } from "./members.ts";
import { nodeTestRoutes } from "./node-tests.ts";
import { nodeTypeRoutes } from "./node-types.ts";
import { occurrenceRoutes } from "./occurrences.ts";
import { offBoardingRoutes } from "./off-boardings.ts";
import { outageRoutes } from "./outages.ts";
import { provisioningRoutes } from "./provisioning.ts";
import { priceRoutes } from "./prices.ts";
import { operatorPlanRoutes } from "./operator-plans.ts";
import { planRoutes } from "./plans.ts";
import { rerunRoutes } from "./reruns.ts";
import { rolloutRoutes } from "./rollouts.ts";
import { templateRoutes } from "./templates.ts";
import { sessionRoutes } from "./sessions.ts";
import { tenantRoutes } from "./tenants.ts";
import { triggerStateRoutes } from "./trigger-states.ts";
import { triggerRoutes } from "./triggers.ts";
import { usageRoutes } from "./usage.ts";
import { workflowRoutes } from "./workflows.ts";

/** Every operation of the admin API, by operation id. */
export const ROUTES = {
  ...accessRoutes,
  ...sessionRoutes,
  ...memberRoutes,
  ...apiKeyRoutes,
  ...agenciesRoutes,
  ...agencyRoutes,
  ...tenantRoutes,
  ...offBoardingRoutes,
  ...provisioningRoutes,
  ...usageRoutes,
  ...priceRoutes,
  ...planRoutes,
  ...operatorPlanRoutes,
  ...workflowRoutes,
  ...templateRoutes,
  ...rolloutRoutes,
  ...triggerRoutes,
  ...hookTestRoutes,
  ...triggerStateRoutes,
  ...backfillRoutes,
  ...occurrenceRoutes,
  ...credentialRoutes,
  ...executionRoutes,
  ...failureRoutes,
  ...liveRoutes,
  ...nodeTestRoutes,
  ...fileRoutes,
  ...rerunRoutes,
  ...bulkOperationRoutes,
  ...outageRoutes,
  ...auditRoutes,
  ...nodeTypeRoutes,
} as const;

export type Routes = typeof ROUTES;
export type OperationId = keyof Routes;
