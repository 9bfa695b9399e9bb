import { randomUUID } from "node:crypto";
import { graphSchema } from "@fluxo/core/graph/graph";
import { graphHash } from "@fluxo/core/graph/hash";
import type { JsonObject } from "@fluxo/core/json";
import { intake } from "@fluxo/prisma/executions/intake";
import { uuidV7 } from "@fluxo/prisma/ids";
import type pg from "pg";
import type { z } from "zod";

/** Ids of the operator's plans, seeded by the migrations. */
export const PLAN = {
  FREE: "00000000-0000-7000-8000-000000000001",
  STARTER: "00000000-0000-7000-8000-000000000002",
  PRO: "00000000-0000-7000-8000-000000000003",
  AGENCY: "00000000-0000-7000-8000-000000000004",
} as const;

/** A tenant with one published, active workflow. */
export interface SeededWorkflow {
  readonly tenantId: string;
  readonly workflowId: string;
  readonly versionId: string;
  readonly triggerId: string;
}

/** Writes an agency, a tenant and a published workflow as the owner. Its trigger node is `start`. */
export async function seedWorkflow(owner: pg.Pool, graph: z.input<typeof graphSchema>, planId: string = PLAN.PRO): Promise<SeededWorkflow> {
  const [agencyId, tenantId] = [randomUUID(), randomUUID()];
  await owner.query("INSERT INTO agencies (id, name) VALUES ($1, 'Agency')", [agencyId]);
  await owner.query("INSERT INTO tenants (id, agency_id, plan_id, name) VALUES ($1, $2, $3, 'Tenant')", [tenantId, agencyId, planId]);
  return addWorkflow(owner, tenantId, graph);
}

/** Writes a published workflow of a tenant as the owner. Its trigger node is `start`. */
export async function addWorkflow(owner: pg.Pool, tenantId: string, graph: z.input<typeof graphSchema>): Promise<SeededWorkflow> {
  const parsed = graphSchema.parse(graph);
  const [workflowId, versionId, triggerId] = [randomUUID(), randomUUID(), randomUUID()];
  await owner.query("INSERT INTO workflows (tenant_id, id, name, is_active, draft) VALUES ($1, $2, $3, true, $4)", [tenantId, workflowId, `Workflow ${workflowId}`, JSON.stringify(parsed)]);
  await owner.query(
    "INSERT INTO workflow_versions (tenant_id, id, workflow_id, number, graph, content_hash, node_count, node_types) VALUES ($1, $2, $3, 1, $4, $5, $6, $7)",
    [tenantId, versionId, workflowId, JSON.stringify(parsed), graphHash(parsed), parsed.nodes.length, [...new Set(parsed.nodes.map(({ type }) => type))]],
  );
  await owner.query("UPDATE workflows SET published_version_id = $3 WHERE tenant_id = $1 AND id = $2", [tenantId, workflowId, versionId]);
  await owner.query("INSERT INTO triggers (tenant_id, id, workflow_id, node_id, kind, config) VALUES ($1, $2, $3, 'start', 'manual', '{}')", [tenantId, triggerId, workflowId]);
  return { tenantId, workflowId, versionId, triggerId };
}

/** Queues executions of a seeded workflow through intake. Returns their ids. */
export async function queueExecutions(app: pg.Pool, workflow: SeededWorkflow, inputs: readonly JsonObject[]): Promise<string[]> {
  const items = inputs.map((input) => {
    const executionId = uuidV7.next();
    return { tenantId: workflow.tenantId, triggerId: workflow.triggerId, occurrenceKey: `id:${executionId}`, executionId, input, payloadId: uuidV7.next(), occurredAt: new Date() };
  });
  await intake(app, items);
  return items.map(({ executionId }) => executionId);
}
