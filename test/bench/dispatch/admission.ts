import { claimExecutions, type ClaimedExecution } from "@fluxo/prisma/executions/claim";
import { settleExecutions } from "@fluxo/prisma/executions/settle";
import { createPool } from "@fluxo/prisma/database/pool";
import { uuidV7 } from "@fluxo/prisma/ids";
import { addPlan } from "@fluxo/prisma/testing/seed";
import { countStatements, trackStatementsOf, type StatementCount } from "@fluxo/prisma/testing/statements";
import type pg from "pg";
import type { Measured } from "../report.ts";
import { percentile } from "../statistics.ts";
import type { DispatchStage } from "./stage.ts";

const TENANTS = 10_000;
/** Claims of one execution each, per round and side. */
const SINGLES = 1_000;
/** Claims of a full batch, per round and side. */
const BATCHES = 40;
const BATCH = 50;
const AGENCY = "00000000-0000-7000-9000-000000000001";

/** Claims whose statements are counted, per round and side. */
const COUNTED = 100;

/** What admission costs while one tenant is there and while ten thousand are: claims in turn over all of them. */
export async function measureAdmission(stage: DispatchStage, rounds: number): Promise<Measured[]> {
  const { owner, print } = stage;
  print(`  writing ${TENANTS + 1} tenants, each with a workflow, usage of the month and a slot row`);
  const planId = await addPlan(owner, { executionsPerMonth: 1_000_000_000, concurrencyMax: 1_000_000 });
  await owner.query("INSERT INTO agencies (id, name) VALUES ($1, 'Admission')", [AGENCY]);
  const [one, many] = [await writeTenants(owner, planId, "One", 1), await writeTenants(owner, planId, "Many", TENANTS)];
  await owner.query("VACUUM ANALYZE");
  const app = createPool({ connectionString: stage.appUrl, applicationName: "bench", max: 1, role: "fluxo_app" });
  const values = { single: { one: [] as number[], many: [] as number[] }, batch: { one: [] as number[], many: [] as number[] } };
  try {
    for (let round = -1; round < rounds; round += 1) {
      for (const [side, tenants] of [["one", one], ["many", many]] as const) {
        const single = percentile(await claimAll(owner, app, tenants, SINGLES, 1), 0.95);
        const batch = percentile(await claimAll(owner, app, tenants, BATCHES, BATCH), 0.95) / BATCH;
        if (round < 0) continue; // the first round does not count
        values.single[side].push(single);
        values.batch[side].push(batch);
      }
    }
  } finally {
    await app.end();
  }
  const counted = await countClaims(stage, rounds, { one, many });
  return [
    { name: `admission p95, a claim of one execution, ${TENANTS} tenants beside 1`, unit: "ms", values: values.single.many, baselines: values.single.one, goal: { of: "ratio", is: "<=", bound: 1.5 } },
    { name: `admission p95 per execution, claims of ${BATCH}, ${TENANTS} tenants beside 1`, unit: "ms", values: values.batch.many, baselines: values.batch.one, goal: { of: "ratio", is: "<=", bound: 1.5 } },
    { name: `admission, statements per claim, ${TENANTS} tenants beside 1`, unit: "statements", values: counted.many.map(({ sent }) => sent), baselines: counted.one.map(({ sent }) => sent), goal: { of: "value", is: "<=", bound: 1 } },
    { name: `admission, statements per claim with those inside of it, ${TENANTS} tenants beside 1`, unit: "statements", values: counted.many.map(({ run }) => run), baselines: counted.one.map(({ run }) => run), goal: { of: "ratio", is: "<=", bound: 1 } },
    { name: `admission, statements per claim with those inside of it, ${BATCH} executions beside 1`, unit: "statements", values: counted.batch.map(({ run }) => run), baselines: counted.many.map(({ run }) => run), goal: { of: "ratio", is: "<=", bound: 1 } },
  ];
}

/** Statements per claim, transaction control apart, as PostgreSQL counts them, on a connection that no time is measured on. */
async function countClaims(stage: DispatchStage, rounds: number, tenants: { readonly one: readonly string[]; readonly many: readonly string[] }): Promise<Record<"one" | "many" | "batch", StatementCount[]>> {
  const { owner } = stage;
  await trackStatementsOf(owner, "fluxo_app");
  const app = createPool({ connectionString: stage.appUrl, applicationName: "bench", max: 1, role: "fluxo_app" });
  const counted = { one: [] as StatementCount[], many: [] as StatementCount[], batch: [] as StatementCount[] };
  const perClaim = async (ids: readonly string[], size: number): Promise<StatementCount> => {
    const batches = await queueClaims(owner, ids, COUNTED, size);
    const claimed: ClaimedExecution[][] = [];
    const { sent, run } = await countStatements(owner, async () => {
      for (const batch of batches) claimed.push(await claimBatch(app, batch));
    });
    for (const executions of claimed) await settle(app, executions);
    return { sent: sent / COUNTED, run: run / COUNTED };
  };
  try {
    await perClaim(tenants.many, 1); // what a connection does once
    for (let round = 0; round < rounds; round += 1) {
      counted.one.push(await perClaim(tenants.one, 1));
      counted.many.push(await perClaim(tenants.many, 1));
      counted.batch.push(await perClaim(tenants.many, BATCH));
    }
  } finally {
    await app.end();
  }
  return counted;
}

/** Writes tenants with a published workflow and a trigger each. @returns their ids */
async function writeTenants(owner: pg.Pool, planId: string, name: string, count: number): Promise<string[]> {
  const { rows } = await owner.query<{ id: string }>(
    "INSERT INTO tenants (id, agency_id, plan_id, name) SELECT gen_random_uuid(), $1, $2, $3 || ' ' || n FROM generate_series(1, $4::int) n RETURNING id",
    [AGENCY, planId, name, count],
  );
  const ids = rows.map(({ id }) => id);
  const statements = [
    "INSERT INTO workflows (tenant_id, id, name, is_active, draft) SELECT id, id, 'Workflow', true, '{}' FROM unnest($1::uuid[]) id",
    "INSERT INTO workflow_versions (tenant_id, id, workflow_id, number, graph, content_hash, node_count, node_types) SELECT id, id, id, 1, '{\"nodes\": [], \"edges\": []}', '', 1, '{trigger.manual}' FROM unnest($1::uuid[]) id",
    "UPDATE workflows SET published_version_id = id WHERE tenant_id = ANY ($1::uuid[])",
    "INSERT INTO triggers (tenant_id, id, workflow_id, node_id, kind, config) SELECT id, id, id, 'start', 'manual', '{}' FROM unnest($1::uuid[]) id",
    "INSERT INTO concurrency_slots (tenant_id) SELECT id FROM unnest($1::uuid[]) id",
    "INSERT INTO usage_windows (tenant_id, metric, window_start, window_end) SELECT id, 'executions', w.starts_at, w.ends_at FROM unnest($1::uuid[]) id CROSS JOIN fluxo_month_window(now(), 'UTC') w",
  ];
  for (const text of statements) await owner.query(text, [ids]);
  return ids;
}

interface Batch {
  readonly tenantId: string;
  readonly ids: readonly string[];
}

/** Queues executions without events, of tenants in turn. */
async function queueClaims(owner: pg.Pool, tenants: readonly string[], claims: number, size: number): Promise<Batch[]> {
  const chosen = Array.from({ length: claims }, (_, index) => tenants[(index * 7_919) % tenants.length] ?? "");
  const batches = chosen.map((tenantId) => ({ tenantId, ids: Array.from({ length: size }, () => uuidV7.next()) }));
  await owner.query(
    `INSERT INTO executions (tenant_id, id, workflow_id, version_id, trigger_id, trigger_node_id, status, concurrency_class)
     SELECT tenant_id, id, tenant_id, tenant_id, tenant_id, 'start', 'QUEUED', 'small' FROM unnest($1::uuid[], $2::uuid[]) AS e(tenant_id, id)`,
    [batches.flatMap(({ tenantId, ids }) => ids.map(() => tenantId)), batches.flatMap(({ ids }) => ids)],
  );
  return batches;
}

async function claimBatch(app: pg.Pool, { tenantId, ids }: Batch): Promise<ClaimedExecution[]> {
  const { claimed } = await claimExecutions(app, { tenantId, executionIds: ids, owner: "bench", leaseMs: 3_600_000, nodeTiers: { "trigger.manual": 0 }, keepStarved: "never" });
  if (claimed.length !== ids.length) throw new Error(`A claim took ${claimed.length} of ${ids.length}.`);
  return [...claimed];
}

async function settle(app: pg.Pool, claimed: readonly ClaimedExecution[]): Promise<void> {
  await settleExecutions(app, claimed.map(({ tenantId, executionId, epoch }) => ({ tenantId, executionId, epoch, payloadId: uuidV7.next(), settlement: { status: "SUCCESS", output: {} } as const })));
}

/** Claims and settles executions, tenant by tenant in turn. @returns milliseconds of each claim */
async function claimAll(owner: pg.Pool, app: pg.Pool, tenants: readonly string[], claims: number, size: number): Promise<number[]> {
  const tookMs: number[] = [];
  for (const batch of await queueClaims(owner, tenants, claims, size)) {
    const begun = performance.now();
    const claimed = await claimBatch(app, batch);
    tookMs.push(performance.now() - begun);
    await settle(app, claimed);
  }
  return tookMs;
}
