import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTenantDb, type TenantDb } from "../database/tenant-db.ts";
import { seedWorkflow } from "../testing/seed.ts";
import { useTestDatabase } from "../testing/test-database.ts";
import type { TenantGroup } from "./across-tenants.ts";
import { listExecutionsAcross, type ExecutionCursor, type ExecutionFilter } from "./executions.ts";
import { listOutagesAcross, type OutagePlace } from "./outages.ts";
import { listWatchedTriggersAcross } from "./watched-triggers.ts";
import { listWorkflowsAcross } from "./workflows.ts";

const TENANTS = 10_000;
const GRAPH = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };

const { owner, app } = await useTestDatabase({ app: 1 });
let tenantDb: TenantDb;
let group: TenantGroup;
const otherAgency = randomUUID();

beforeAll(async () => {
  tenantDb = createTenantDb(app);
  group = { agencyId: randomUUID(), tenantIds: null };
  await owner.query("INSERT INTO agencies (id, name) VALUES ($1, 'Large'), ($2, 'Other')", [group.agencyId, otherAgency]);
  // Every tenant has one workflow, and executions; every tenth an outage. The other agency has a tenth of it, at the same times.
  for (const [agencyId, tenants] of [[group.agencyId, TENANTS], [otherAgency, TENANTS / 10]] as const) {
    await owner.query(
      `WITH made AS (INSERT INTO tenants (id, agency_id, plan_id, name) SELECT gen_random_uuid(), $1, '00000000-0000-7000-8000-000000000003', 'Tenant ' || n FROM generate_series(1, $2::int) n RETURNING id),
       flows AS (INSERT INTO workflows (tenant_id, id, name, is_active, draft) SELECT id, gen_random_uuid(), 'Workflow of ' || id, true, '{}' FROM made RETURNING tenant_id, id),
       versions AS (INSERT INTO workflow_versions (tenant_id, id, workflow_id, number, graph, content_hash, node_count, node_types) SELECT tenant_id, gen_random_uuid(), id, 1, '{}', 'h', 1, '{}' FROM flows RETURNING tenant_id, id, workflow_id),
       triggers AS (INSERT INTO triggers (tenant_id, id, workflow_id, node_id, kind, config) SELECT tenant_id, gen_random_uuid(), id, 'start', 'manual', '{}' FROM flows RETURNING tenant_id, id, workflow_id)
       INSERT INTO executions (tenant_id, id, workflow_id, version_id, trigger_id, trigger_node_id, status, concurrency_class, queued_at, completed_at, input)
       SELECT v.tenant_id, gen_random_uuid(), v.workflow_id, v.id, t.id, 'start', (ARRAY['SUCCESS', 'SUCCESS', 'SUCCESS', 'FAILED'])[n], 'small', now() - random() * interval '30 days', now(), '{"secret": 1}'
       FROM versions v JOIN triggers t ON t.tenant_id = v.tenant_id CROSS JOIN generate_series(1, 4) n`,
      [agencyId, tenants],
    );
  }
  await owner.query(
    `INSERT INTO outages (tenant_id, id, key_kind, host, integration, opened_at, closed_at, closed_by, next_probe_at, error_class, error_code)
     SELECT o.id, gen_random_uuid(), 'host', 'h', 'http', now(), o.closed, CASE WHEN o.closed IS NOT NULL THEN 'PROBE' END, now(), 'SERVER', 'X'
     FROM (SELECT id, CASE WHEN random() < 0.7 THEN now() - random() * interval '9 days' END AS closed FROM tenants WHERE random() < 0.1) o`,
  );
  await owner.query("VACUUM ANALYZE");
});

afterAll(() => tenantDb.close());

async function executionIds(filter: ExecutionFilter, pages: number, limit: number, of: TenantGroup = group): Promise<string[]> {
  const ids: string[] = [];
  let before: ExecutionCursor | undefined;
  for (let page = 0; page < pages; page += 1) {
    const { items, hasMore } = await tenantDb.acrossTenants(of.agencyId, (db) => listExecutionsAcross(db, of, filter, limit, before));
    ids.push(...items.map(({ id }) => id));
    before = items.at(-1);
    if (!hasMore) break;
  }
  return ids;
}

async function expected(where: string, limit: number): Promise<string[]> {
  const { rows } = await owner.query<{ id: string }>(`SELECT e.id FROM executions e JOIN tenants t ON t.id = e.tenant_id WHERE t.agency_id = $1 AND ${where} ORDER BY e.queued_at DESC, e.id DESC LIMIT ${limit}`, [group.agencyId]);
  return rows.map(({ id }) => id);
}

test("pages of executions over all tenants are those of one great list, with and without filters", async () => {
  expect(await executionIds({}, 4, 37)).toEqual(await expected("true", 148));
  expect(await executionIds({ statuses: ["FAILED"] }, 3, 20)).toEqual(await expected("e.status = 'FAILED'", 60));
  expect(await executionIds({ statuses: ["FAILED", "SUCCESS", "QUEUED"] }, 2, 20)).toEqual(await expected("true", 40));
  const to = new Date(Date.now() - 20 * 86_400_000);
  expect(await executionIds({ to }, 2, 20)).toEqual(await expected(`e.queued_at < '${to.toISOString()}'`, 40));
  expect(await executionIds({ statuses: ["QUEUED"] }, 1, 20)).toEqual([]);
});

test("workflows, triggers and outages over all tenants come in their order, and each once", async () => {
  const seen = new Set<string>();
  let before: string | undefined;
  for (let page = 0; page < 5; page += 1) {
    const { items } = await tenantDb.acrossTenants(group.agencyId, (db) => listWorkflowsAcross(db, group, { isArchived: false }, 50, before));
    expect(items.map(({ id }) => id)).toEqual(items.map(({ id }) => id).toSorted((left, right) => (left < right ? 1 : -1)));
    for (const { id } of items) seen.add(id);
    before = items.at(-1)?.id;
  }
  expect(seen.size).toBe(250);
  const triggers = await tenantDb.acrossTenants(group.agencyId, (db) => listWatchedTriggersAcross(db, group, { health: "ok" }, 10));
  expect(triggers.items).toHaveLength(10);
  for (const health of ["off", "paused", "failing", "silent"] as const) expect((await tenantDb.acrossTenants(group.agencyId, (db) => listWatchedTriggersAcross(db, group, { health }, 10))).items).toEqual([]);
  const { rows } = await owner.query<{ id: string }>("SELECT o.id FROM outages o JOIN tenants t ON t.id = o.tenant_id WHERE t.agency_id = $1 ORDER BY o.closed_at DESC NULLS FIRST, o.id DESC", [group.agencyId]);
  const outages: string[] = [];
  let after: OutagePlace | undefined;
  for (let hasMore = true; hasMore; ) {
    const page = await tenantDb.acrossTenants(group.agencyId, (db) => listOutagesAcross(db, group, {}, 100, after));
    outages.push(...page.items.map(({ id }) => id));
    after = page.items.at(-1);
    ({ hasMore } = page);
  }
  expect(outages).toEqual(rows.map(({ id }) => id));
});

test("a caller bound to some tenants gets those, and an agency nothing of another, whatever it names", async () => {
  const { rows } = await owner.query<{ id: string }>("SELECT id FROM tenants WHERE agency_id = $1 LIMIT 3", [group.agencyId]);
  const bound = { agencyId: group.agencyId, tenantIds: new Set(rows.map(({ id }) => id)) };
  expect(await executionIds({}, 5, 50, bound)).toHaveLength(12);
  const foreign = await owner.query<{ id: string }>("SELECT id FROM tenants WHERE agency_id = $1", [otherAgency]);
  expect(await executionIds({}, 1, 50, { agencyId: group.agencyId, tenantIds: new Set(foreign.rows.map(({ id }) => id)) })).toEqual([]);
  expect(await executionIds({}, 1, 50, { agencyId: randomUUID(), tenantIds: null })).toEqual([]);
});

test("across tenants nothing is written and no payload, draft or secret of a credential is seen; afterwards the role is gone", async () => {
  const across = (sql: string): Promise<unknown> => tenantDb.acrossTenants(group.agencyId, (db) => db.$queryRawUnsafe(sql));
  for (const sql of [
    "SELECT input FROM executions LIMIT 1",
    "SELECT draft FROM workflows LIMIT 1",
    "SELECT graph FROM workflow_versions LIMIT 1",
    "SELECT * FROM credentials LIMIT 1",
    "SELECT * FROM payloads LIMIT 1",
    "UPDATE executions SET reason = 'x'",
    "DELETE FROM outages",
    "INSERT INTO workflows (tenant_id, id, name, draft) VALUES (gen_random_uuid(), gen_random_uuid(), 'x', '{}')",
  ]) {
    await expect(across(sql), sql).rejects.toThrow(/permission denied/);
  }
  expect((await across("SELECT count(*)::int AS n FROM executions")) as { n: number }[]).toEqual([{ n: TENANTS * 4 }]);
  // One connection: what one transaction took the next one does not have.
  expect((await app.query<{ name: string; n: number }>("SELECT current_user AS name, (SELECT count(*)::int FROM executions) AS n")).rows).toEqual([{ name: "fluxo_app", n: 0 }]);
  const { rows } = await owner.query<{ inherits: boolean }>("SELECT pg_has_role('fluxo_app', 'fluxo_agency', 'USAGE') AS inherits");
  expect(rows).toEqual([{ inherits: false }]);
});

interface PlanNode {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Name"?: string;
  readonly "Actual Rows"?: number;
  readonly "Actual Loops"?: number;
  readonly Plans?: readonly PlanNode[];
}

test("a page at 10,000 tenants probes an index for each tenant and scans no table of rows; a tenant's own queries have no part of it", async () => {
  // A tenant's plan under row-level security is what it was: one index, no look at the tenants of an agency.
  const own = await seedWorkflow(owner, GRAPH);
  const plan = await tenantDb.withTenant(own.tenantId, (db) =>
    db.$queryRawUnsafe<{ "QUERY PLAN": { Plan: PlanNode }[] }[]>(`EXPLAIN (FORMAT JSON) SELECT id FROM executions WHERE tenant_id = '${own.tenantId}' ORDER BY queued_at DESC, id DESC LIMIT 20`),
  );
  expect(JSON.stringify(plan)).not.toContain("tenants");
  const before = await reads();
  const { items } = await tenantDb.acrossTenants(group.agencyId, (db) => listExecutionsAcross(db, group, {}, 20));
  const after = await reads();
  expect(items).toHaveLength(20);
  expect(after.sequentialScans - before.sequentialScans).toBe(0);
  // The first row of each tenant, a page for each of 21 tenants, and the page itself.
  expect(after.rows - before.rows).toBeLessThan(TENANTS + 21 * 21 + 10 * 21);
});

/** What has been read of the executions so far. */
async function reads(): Promise<{ readonly sequentialScans: number; readonly rows: number }> {
  await app.query("SELECT pg_stat_force_next_flush()");
  const { rows } = await owner.query<{ seq: number; rows: number }>("SELECT seq_scan::int AS seq, (seq_tup_read + coalesce(idx_tup_fetch, 0))::int AS rows FROM pg_stat_user_tables WHERE relname = 'executions'");
  return { sequentialScans: rows[0]?.seq ?? 0, rows: rows[0]?.rows ?? 0 };
}
