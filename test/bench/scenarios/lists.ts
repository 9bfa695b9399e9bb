import { migrateDatabase } from "@fluxo/prisma/database/migrate";
import { createPool } from "@fluxo/prisma/database/pool";
import { createTenantDb, type TenantDb } from "@fluxo/prisma/database/tenant-db";
import { listExecutions, type ExecutionFilter } from "@fluxo/prisma/repositories/executions";
import { addWorkflow, seedWorkflow, type SeededWorkflow } from "@fluxo/prisma/testing/seed";
import pg from "pg";
import { createDatabase } from "../../../scripts/environment/postgres.ts";
import { asRole, TEST_PASSWORDS } from "../../support/database.ts";
import type { Bench } from "../environment.ts";
import type { Measured } from "../report.ts";
import { percentile } from "../statistics.ts";
import type { Scenario } from "./scenario.ts";

const ROWS = 5_000_000;
const BATCH = 250_000;
/** Seeding ends after so long with as many rows as there are by then; the row's name tells how many. */
const SEED_MS_MAX = 240_000;
const TENANTS = 5;
const PAGE = 50;
const LISTS = 200;
const GRAPH = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };

/** One execution in ten failed; times go back by a second each. `$5`: the number of the first. */
const SEED = `
  INSERT INTO executions (tenant_id, id, workflow_id, version_id, trigger_id, trigger_node_id, status, concurrency_class, queued_at, started_at, completed_at, input, output, lease_epoch)
  SELECT ($1::uuid[])[1 + n % ${TENANTS}], gen_random_uuid(), ($2::uuid[])[1 + n % ${TENANTS}], ($3::uuid[])[1 + n % ${TENANTS}], ($4::uuid[])[1 + n % ${TENANTS}], 'start',
         CASE WHEN n % 50 < 5 THEN 'FAILED' ELSE 'SUCCESS' END, 'medium', at, at, at, '{"order": 1}', '{"done": true}', 1
  FROM generate_series($5::int, $5::int + ${BATCH} - 1) n CROSS JOIN LATERAL (SELECT now() - make_interval(secs => n) AS at) t`;

/** Fills the table. @returns how many rows there are and how long it took */
async function seed(owner: pg.Pool, workflows: readonly SeededWorkflow[]): Promise<{ rows: number; seconds: number }> {
  const columns = [workflows.map(({ tenantId }) => tenantId), workflows.map(({ workflowId }) => workflowId), workflows.map(({ versionId }) => versionId), workflows.map(({ triggerId }) => triggerId)];
  const begun = performance.now();
  const client = await owner.connect();
  let rows = 0;
  try {
    // Neither foreign keys nor triggers are checked for rows that are right by construction.
    await client.query("SET session_replication_role = replica");
    await client.query("SET synchronous_commit = off");
    for (; rows < ROWS && performance.now() - begun < SEED_MS_MAX; rows += BATCH) await client.query(SEED, [...columns, rows]);
  } finally {
    client.release(true);
  }
  await owner.query("VACUUM (ANALYZE) executions");
  return { rows, seconds: Math.round((performance.now() - begun) / 1_000) };
}

async function timesOf(count: number, work: (index: number) => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const begun = performance.now();
    await work(index);
    times.push(performance.now() - begun);
  }
  return times;
}

/** p95 of one list in milliseconds, over all tenants in turns. */
async function p95Of(db: TenantDb, workflows: readonly SeededWorkflow[], filterOf: (workflow: SeededWorkflow) => ExecutionFilter): Promise<number> {
  const times = await timesOf(LISTS, async (index) => {
    const workflow = workflows[index % workflows.length];
    if (workflow !== undefined) await db.withTenant(workflow.tenantId, (scoped) => listExecutions(scoped, workflow.tenantId, filterOf(workflow), PAGE));
  });
  return percentile(times, 0.95);
}

/** The same prepared page, seen through row-level security and past it, in a transaction each; the median in milliseconds. */
async function pageMs(pool: pg.Pool, tenantId: string): Promise<number> {
  const client = await pool.connect();
  try {
    const times = await timesOf(LISTS, async () => {
      await client.query("BEGIN");
      await client.query("SELECT set_config('app.tenant_id', $1, true)", [tenantId]);
      await client.query({ name: "page", text: `SELECT id, status, queued_at FROM executions WHERE tenant_id = $1 ORDER BY queued_at DESC, id DESC LIMIT ${PAGE}`, values: [tenantId] });
      await client.query("COMMIT");
    });
    return percentile(times, 0.5);
  } finally {
    client.release();
  }
}

async function measure(bench: Bench, rounds: number): Promise<readonly Measured[]> {
  const { postgres } = bench.system.stores;
  await createDatabase(postgres.urlOf("postgres"), "lists");
  const ownerUrl = postgres.urlOf("lists");
  await migrateDatabase({ databaseUrl: ownerUrl, appPassword: TEST_PASSWORDS.app, systemPassword: TEST_PASSWORDS.system });
  const owner = new pg.Pool({ connectionString: ownerUrl, max: 2 });
  const app = createPool({ connectionString: asRole(ownerUrl, "app"), applicationName: "bench-lists", max: 2, role: "fluxo_app" });
  const db = createTenantDb(app);
  try {
    const workflows: SeededWorkflow[] = [];
    for (let index = 0; index < TENANTS; index += 1) workflows.push(await seedWorkflow(owner, GRAPH));
    const [first] = workflows;
    if (first === undefined) throw new Error("There is no tenant.");
    await addWorkflow(owner, first.tenantId, GRAPH);
    const { rows, seconds } = await seed(owner, workflows);
    bench.print(`  ${rows.toLocaleString("en")} executions of ${TENANTS} tenants, seeded in ${seconds} s`);
    const lists: readonly [string, (workflow: SeededWorkflow) => ExecutionFilter][] = [
      ["newest", () => ({})],
      ["failed", () => ({ statuses: ["FAILED"] })],
      ["of a workflow", ({ workflowId }) => ({ workflowId })],
      ["of a day half-way", () => ({ to: new Date(Date.now() - (rows / 2) * 1_000) })],
    ];
    const measured: Measured[] = [];
    for (const [name, filterOf] of lists) {
      const values: number[] = [];
      for (let round = 0; round < rounds; round += 1) values.push(await p95Of(db, workflows, filterOf));
      measured.push({ name: `executions list p95 at ${rows.toLocaleString("en")} rows: ${name}`, unit: "ms", values });
    }
    const [guarded, past]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round += 1) {
      guarded.push(await pageMs(app, first.tenantId));
      past.push(await pageMs(owner, first.tenantId));
    }
    measured.push({ name: "page through row-level security vs the same query past it", unit: "ms", values: guarded, baselines: past });
    return measured;
  } finally {
    await db.close();
    await Promise.all([app.end(), owner.end()]);
  }
}

/** Lists of executions in a large table, in a database of their own. */
export const lists: Scenario = {
  name: "lists",
  title: `Lists: pages of ${PAGE} out of ${ROWS.toLocaleString("en")} executions`,
  run: measure,
};
