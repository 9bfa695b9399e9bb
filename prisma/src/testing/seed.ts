import { randomUUID } from "node:crypto";
import { graphSchema } from "@fluxo/core/graph/graph";
import { graphHash } from "@fluxo/core/graph/hash";
import type { JsonObject } from "@fluxo/core/json";
import type pg from "pg";
import { intake, type IntakeItem } from "../executions/intake.ts";
import { uuidV7 } from "../ids.ts";

/** A graph as it may be saved: what has a default may be left out. */
type GraphInput = (typeof graphSchema)["_zod"]["input"];

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

/** What a plan of its own allows. */
export interface PlanLimits {
  readonly concurrencyMax: number;
  readonly executionsPerMonth: number;
  readonly nodesMax?: number;
  readonly tierRank?: number;
  readonly weight?: number;
  /** Absent: REJECT. */
  readonly park?: { readonly hours?: number; readonly perMinute?: number };
  readonly alertPercents?: readonly number[];
  readonly nodeTypes?: { readonly allowed?: readonly string[]; readonly denied?: readonly string[] };
}

/** Writes a plan of the operator's. Returns its id. */
export async function addPlan(owner: pg.Pool, limits: PlanLimits): Promise<string> {
  const planId = randomUUID();
  await owner.query(
    `INSERT INTO plans (id, code, name, tier_rank, executions_per_month, nodes_per_workflow_max, concurrency_max, concurrency_class, weight,
                        over_quota, park_hours_max, drain_per_minute, alert_percents, node_types_allowed, node_types_denied)
     VALUES ($1::uuid, $1::text, 'Test', $2, $3, $4, $5, 'small', $6, $7, $8, $9, $10, $11, $12)`,
    [
      ...[planId, limits.tierRank ?? 3, limits.executionsPerMonth, limits.nodesMax ?? 100, limits.concurrencyMax, limits.weight ?? 1],
      ...[limits.park === undefined ? "REJECT" : "PARK", limits.park?.hours ?? 24, limits.park?.perMinute ?? 120],
      ...[limits.alertPercents ?? [80, 100], limits.nodeTypes?.allowed ?? [], limits.nodeTypes?.denied ?? []],
    ],
  );
  return planId;
}

/** Writes an agency, a tenant and a published workflow as the owner. Its trigger node is `start`. */
export async function seedWorkflow(owner: pg.Pool, graph: GraphInput, planId: string = PLAN.PRO): Promise<SeededWorkflow> {
  const { tenantId } = await addTenant(owner, planId);
  return addWorkflow(owner, tenantId, graph);
}

/** Writes a tenant of an agency of its own as the owner. */
export async function addTenant(owner: pg.Pool, planId: string = PLAN.PRO): Promise<{ readonly agencyId: string; readonly tenantId: string }> {
  const [agencyId, tenantId] = [randomUUID(), randomUUID()];
  await owner.query("INSERT INTO agencies (id, name) VALUES ($1, 'Agency')", [agencyId]);
  await owner.query("INSERT INTO tenants (id, agency_id, plan_id, name) VALUES ($1, $2, $3, 'Tenant')", [tenantId, agencyId, planId]);
  return { agencyId, tenantId };
}

/** Writes a published workflow of a tenant as the owner. Its trigger node is `start`. */
export async function addWorkflow(owner: pg.Pool, tenantId: string, graph: GraphInput): Promise<SeededWorkflow> {
  const parsed = graphSchema.parse(graph);
  const [workflowId, versionId, triggerId] = [randomUUID(), randomUUID(), randomUUID()];
  await owner.query("INSERT INTO workflows (tenant_id, id, name, is_active, draft) VALUES ($1, $2, $3, true, $4)", [tenantId, workflowId, `Workflow ${workflowId}`, JSON.stringify(parsed)]);
  await owner.query(
    "INSERT INTO workflow_versions (tenant_id, id, workflow_id, number, graph, content_hash, node_count, node_types) VALUES ($1, $2, $3, 1, $4, $5, $6, $7)",
    [tenantId, versionId, workflowId, JSON.stringify(parsed), graphHash(parsed), parsed.nodes.length, [...new Set(parsed.nodes.map(({ type }) => type))]],
  );
  await owner.query("UPDATE workflows SET published_version_id = $3 WHERE tenant_id = $1 AND id = $2", [tenantId, workflowId, versionId]);
  await owner.query("INSERT INTO triggers (tenant_id, id, workflow_id, node_id, kind, config) VALUES ($1, $2, $3, 'start', $4, '{}')", [tenantId, triggerId, workflowId, kindOf(parsed.nodes)]);
  return { tenantId, workflowId, versionId, triggerId };
}

/** Of what is called by workflows and of what hears of failures: that. Whatever else `start` is, tests start it by hand. */
function kindOf(nodes: readonly { readonly id: string; readonly type: string }[]): string {
  const type = nodes.find(({ id }) => id === "start")?.type;
  return type === "trigger.workflow" || type === "trigger.error" ? type.slice("trigger.".length) : "manual";
}

/** A new occurrence of a seeded workflow's trigger; its key is the id of its execution unless told. */
export function occurrenceOf(workflow: SeededWorkflow, input: JsonObject = {}, rest: Partial<IntakeItem> = {}): IntakeItem {
  const executionId = uuidV7.next();
  const { tenantId, triggerId } = workflow;
  return { tenantId, triggerId, occurrenceKey: `id:${executionId}`, executionId, input, payloadId: uuidV7.next(), occurredAt: new Date(), ...rest };
}

/** Queues executions of a seeded workflow through intake. Returns their ids. */
export async function queueExecutions(app: pg.Pool, workflow: SeededWorkflow, inputs: readonly JsonObject[]): Promise<string[]> {
  const items = inputs.map((input) => occurrenceOf(workflow, input));
  await intake(app, items);
  return items.map(({ executionId }) => executionId);
}

/** Writes a trigger of a seeded workflow that watches a source, due now. Its node is `start`. Returns its id. */
export async function addSource(owner: pg.Pool, workflow: SeededWorkflow, kind: string, config: JsonObject): Promise<string> {
  const triggerId = randomUUID();
  await owner.query("INSERT INTO triggers (tenant_id, id, workflow_id, node_id, kind, config) VALUES ($1, $2, $3, $4, $5, $6)", [
    workflow.tenantId,
    triggerId,
    workflow.workflowId,
    `source-${triggerId.slice(0, 8)}`,
    kind,
    config,
  ]);
  await owner.query(
    `INSERT INTO trigger_states (tenant_id, trigger_id, kind, source_key, armed_at, next_due_at, claimable_at)
     VALUES ($1, $2, $3, 'test', clock_timestamp(), date_trunc('milliseconds', clock_timestamp()), date_trunc('milliseconds', clock_timestamp()))`,
    [workflow.tenantId, triggerId, kind],
  );
  return triggerId;
}
