import { claimExecutions } from "@fluxo/prisma/executions/claim";
import { settleExecutions } from "@fluxo/prisma/executions/settle";
import { createPool } from "@fluxo/prisma/database/pool";
import { uuidV7 } from "@fluxo/prisma/ids";
import { addPlan } from "@fluxo/prisma/testing/seed";
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

/** What admission costs while one tenant is there and while ten thousand are: claims in turn over all of them, each one statement. */
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
  return [
    { name: `admission p95, a claim of one execution, ${TENANTS} tenants beside 1`, unit: "ms", values: values.single.many, baselines: values.single.one, goal: { of: "ratio", is: "<=", bound: 1.5 } },
    { name: `admission p95 per execution, claims of ${BATCH}, ${TENANTS} tenants beside 1`, unit: "ms", values: values.batch.many, baselines: values.batch.one, goal: { of: "ratio", is: "<=", bound: 1.5 } },
  ];
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

/** Queues executions without events, claims them tenant by tenant in turn, and settles them. @returns milliseconds of each claim */
async function claimAll(owner: pg.Pool, app: pg.Pool, tenants: readonly string[], claims: number, size: number): Promise<number[]> {
  const chosen = Array.from({ length: claims }, (_, index) => tenants[(index * 7_919) % tenants.length] ?? "");
  const batches = chosen.map((tenantId) => ({ tenantId, ids: Array.from({ length: size }, () => uuidV7.next()) }));
  await owner.query(
    `INSERT INTO executions (tenant_id, id, workflow_id, version_id, trigger_id, trigger_node_id, status, concurrency_class)
     SELECT tenant_id, id, tenant_id, tenant_id, tenant_id, 'start', 'QUEUED', 'small' FROM unnest($1::uuid[], $2::uuid[]) AS e(tenant_id, id)`,
    [batches.flatMap(({ tenantId, ids }) => ids.map(() => tenantId)), batches.flatMap(({ ids }) => ids)],
  );
  const tookMs: number[] = [];
  for (const { tenantId, ids } of batches) {
    const begun = performance.now();
    const { claimed } = await claimExecutions(app, { tenantId, executionIds: ids, owner: "bench", leaseMs: 3_600_000, nodeTiers: { "trigger.manual": 0 }, keepStarved: "never" });
    tookMs.push(performance.now() - begun);
    if (claimed.length !== ids.length) throw new Error(`A claim took ${claimed.length} of ${ids.length}.`);
    await settleExecutions(app, claimed.map(({ executionId, epoch }) => ({ tenantId, executionId, epoch, payloadId: uuidV7.next(), settlement: { status: "SUCCESS", output: {} } as const })));
  }
  return tookMs;
}
