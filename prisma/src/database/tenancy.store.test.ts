import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { useTestDatabase } from "../testing/test-database.ts";
import { readFunctions } from "./migrate.ts";
import { assertServiceRole } from "./pool.ts";
import { prismaCli } from "./prisma-cli.ts";
import { createTenantDb, type TenantDb } from "./tenant-db.ts";

const { database, owner, app, system } = await useTestDatabase({ system: 1 });
let tenantDb: TenantDb;
const tenants: { tenantId: string; workflowId: string }[] = [];
const agencyId = randomUUID();
const FREE_PLAN = "00000000-0000-7000-8000-000000000001";

beforeAll(async () => {
  tenantDb = createTenantDb(app);
  await owner.query("INSERT INTO agencies (id, name) VALUES ($1, 'Agency')", [agencyId]);
  for (const name of ["A", "B"]) {
    const [tenantId, workflowId] = [randomUUID(), randomUUID()];
    await owner.query("INSERT INTO tenants (id, agency_id, plan_id, name) VALUES ($1, $2, $3, $4)", [tenantId, agencyId, FREE_PLAN, name]);
    await owner.query("INSERT INTO workflows (tenant_id, id, name, draft) VALUES ($1, $2, $3, '{}')", [tenantId, workflowId, `canary-${name}`]);
    tenants.push({ tenantId, workflowId });
  }
});

afterAll(() => tenantDb.close());

test("every table has row-level security, forced, with a policy for the tenant role", async () => {
  const { rows } = await owner.query<{ name: string; relrowsecurity: boolean; relforcerowsecurity: boolean; policies: number }>(
    `SELECT c.relname AS name, c.relrowsecurity, c.relforcerowsecurity,
            (SELECT count(*)::int FROM pg_policy p WHERE p.polrelid = c.oid AND 'fluxo_app'::regrole = ANY (p.polroles)) AS policies
     FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> '_prisma_migrations' ORDER BY 1`,
  );
  expect(rows.length).toBeGreaterThanOrEqual(15);
  for (const row of rows) expect({ ...row, policies: row.policies > 0 }).toEqual({ name: row.name, relrowsecurity: true, relforcerowsecurity: true, policies: true });
});

/** What a policy may say of whose rows are seen. Whatever says less, or something else, is here with its reason. */
const OWN = { tenant: "tenant_id = ?tenant", agency: "agency_id = ?agency", tenantsOfAgency: "tenant_id IN (SELECT tenants.id FROM tenants WHERE tenants.agency_id = ?agency)", operator: "?operator AND agency_id IS NULL" } as const;
const TENANTS_LIST = "agency_id = (SELECT t.agency_id FROM tenants t WHERE t.id = ?tenant) AND (tenant_id IS NULL OR tenant_id = ?tenant) AND";
const NAMED: Readonly<Record<string, string>> = {
  "agencies.own_agency": "id = ?agency",
  "agencies.change_own_agency": "id = ?agency",
  "agencies.agency_of_tenant": "id = (SELECT tenants.agency_id FROM tenants WHERE tenants.id = ?tenant)",
  // The operator manages agencies, and sees nothing of theirs.
  "agencies.operator_rows": "?operator",
  "agencies.operator_creates": "?operator",
  "agencies.operator_changes": "?operator",
  "tenants.own_tenant": "id = ?tenant",
  // Everybody sees the plans of the operator; who has a plan of an agency sees that.
  "plans.plans_of_agency": "agency_id IS NULL OR agency_id = ?agency OR id = (SELECT tenants.plan_id FROM tenants WHERE tenants.id = ?tenant)",
  "price_lists.lists_of_tenant": `${TENANTS_LIST} (plan_id IS NULL OR plan_id = (SELECT t.plan_id FROM tenants t WHERE t.id = ?tenant))`,
  "price_list_versions.versions_of_tenant": `${TENANTS_LIST} (plan_id IS NULL OR plan_id IN (SELECT p.plan_id FROM tenant_plans p WHERE p.tenant_id = ?tenant))`,
  "audit_entries.operator_rows": "agency_id = '00000000-0000-0000-0000-000000000000' AND (SELECT current_setting('app.operator', true)) = 'on'",
  "audit_heads.operator_rows": "agency_id = '00000000-0000-0000-0000-000000000000' AND (SELECT current_setting('app.operator', true)) = 'on'",
  "idempotent_answers.own_answers": "actor_id = (SELECT current_setting('app.actor_id', true))",
  // A position in a log, and nobody's.
  "usage_mark.mark_of_all": "true",
};

/** A condition as PostgreSQL tells it, without what it adds: parentheses around everything, casts, names of columns. */
function plain(condition: string): string {
  const scopes = { "( SELECT current_tenant_id() AS current_tenant_id)": "?tenant", "( SELECT current_agency_id() AS current_agency_id)": "?agency", "( SELECT is_operator() AS is_operator)": "?operator" };
  const named = Object.entries(scopes).reduce((text, [long, short]) => text.replaceAll(long, short), condition);
  return named.replaceAll(/::\w+| AS current_setting/g, "").replaceAll(/[()\s]+/g, " ").trim();
}

test("every policy of the roles that act for somebody says whose rows they are, of what is read and of what is written", async () => {
  const { rows } = await owner.query<{ name: string; cmd: string; using: string | null; check: string | null }>(
    `SELECT tablename || '.' || policyname AS name, cmd, qual AS using, with_check AS check FROM pg_policies
     WHERE schemaname = 'public' AND roles && ARRAY['fluxo_app', 'fluxo_agency', 'public']::name[] AND permissive = 'PERMISSIVE' ORDER BY 1`,
  );
  expect(rows.length).toBeGreaterThanOrEqual(80);
  const allowed = (name: string): readonly string[] => (NAMED[name] === undefined ? Object.values(OWN) : [NAMED[name]]).map(plain);
  for (const { name, cmd, using, check } of rows) {
    if (cmd !== "INSERT") expect(allowed(name), name).toContain(plain(using ?? "nothing"));
    if (cmd === "INSERT" || check !== null) expect(allowed(name), `${name}, of what is written`).toContain(plain(check ?? "nothing"));
  }
  expect(Object.keys(NAMED).filter((name) => !rows.some((row) => row.name === name))).toEqual([]);
});

test("every table with a tenant has it in its primary key, and every foreign key between such tables carries it", async () => {
  // Keys, members, prices and entries of the audit log are an agency's; some name one of its tenants.
  const { rows: keys } = await owner.query<{ name: string; has: boolean }>(
    `SELECT c.relname AS name, a.attnum = ANY (k.conkey) AS has
     FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p'
     WHERE c.relnamespace = 'public'::regnamespace AND c.relname NOT IN ('api_keys', 'audit_entries', 'members', 'price_lists', 'price_list_versions')`,
  );
  expect(keys.length).toBeGreaterThanOrEqual(11);
  expect(keys.filter(({ has }) => !has)).toEqual([]);
  // A member may be bound to several tenants of its agency, which that reference carries instead.
  const { rows: references } = await owner.query<{ name: string }>(
    `SELECT k.conname AS name FROM pg_constraint k
     JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attname = 'tenant_id' JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attname = 'tenant_id'
     WHERE k.contype = 'f' AND k.conname <> 'member_tenants_agency_id_member_id_fkey' AND NOT (a.attnum = ANY (k.conkey) AND b.attnum = ANY (k.confkey))`,
  );
  expect(references).toEqual([]);
});

test("without a tenant nothing is seen and nothing is written, also after a transaction that had one", async () => {
  const client = await app.connect();
  try {
    const count = async (): Promise<number> => (await client.query<{ n: number }>("SELECT count(*)::int AS n FROM workflows")).rows[0]?.n ?? -1;
    expect(await count()).toBe(0);
    await client.query("BEGIN");
    await client.query("SELECT set_config('app.tenant_id', $1, true)", [tenants[0]?.tenantId]);
    expect(await count()).toBe(1);
    await client.query("COMMIT");
    expect(await count()).toBe(0);
    await expect(client.query("INSERT INTO workflows (tenant_id, id, name, draft) VALUES ($1, $2, 'x', '{}')", [tenants[0]?.tenantId, randomUUID()])).rejects.toThrow(/row-level security/);
  } finally {
    client.release();
  }
});

test("many transactions of two tenants on few connections never see each other, also when some fail", async () => {
  const seen = await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const { tenantId, workflowId } = tenants[index % 2] as (typeof tenants)[number];
      try {
        return await tenantDb.withTenant(tenantId, async (db) => {
          const found = await db.workflow.findMany({ select: { id: true } });
          if (index % 7 === 0) throw new Error("injected");
          return found.length === 1 && found[0]?.id === workflowId;
        });
      } catch (error) {
        return error instanceof Error && error.message === "injected";
      }
    }),
  );
  expect(seen.every(Boolean)).toBe(true);
});

test("a tenant cannot write a row of another, and an agency scope sees no tenant's own rows", async () => {
  const [a, b] = tenants as [(typeof tenants)[number], (typeof tenants)[number]];
  await expect(tenantDb.withTenant(a.tenantId, (db) => db.workflow.create({ data: { tenantId: b.tenantId, id: randomUUID(), name: "x", draft: {} } }))).rejects.toThrow(/row-level security/);
  const touched = await tenantDb.withTenant(a.tenantId, (db) => db.workflow.updateMany({ where: { tenantId: b.tenantId }, data: { name: "taken" } }));
  expect(touched.count).toBe(0);
  await tenantDb.withAgency(agencyId, async (db) => {
    expect(await db.workflow.count()).toBe(0);
    expect(await db.tenant.count()).toBe(2);
  });
  await tenantDb.withAgency(randomUUID(), async (db) => {
    expect(await db.tenant.count()).toBe(0);
  });
});

test("the service roles can neither truncate, nor read past their policies, nor be the owner", async () => {
  await expect(app.query("TRUNCATE workflows")).rejects.toThrow(/permission denied/);
  await expect(system.query("SELECT * FROM node_executions")).rejects.toThrow(/permission denied/);
  await expect(system.query("UPDATE executions SET status = 'SUCCESS'")).rejects.toThrow(/permission denied/);
  await assertServiceRole(app, "fluxo_app");
  await expect(assertServiceRole(app, "fluxo_system")).rejects.toThrow(/must connect as fluxo_system/);
  await expect(assertServiceRole(owner, "fluxo_app")).rejects.toThrow(/neither owner nor superuser/);
});

test("a published version and a terminal execution never change, whoever writes", async () => {
  const { tenantId, workflowId } = tenants[0] as (typeof tenants)[number];
  const [versionId, triggerId, executionId] = [randomUUID(), randomUUID(), randomUUID()];
  await owner.query("INSERT INTO workflow_versions (tenant_id, id, workflow_id, number, graph, content_hash, node_count, node_types) VALUES ($1, $2, $3, 1, '{}', 'h', 1, '{}')", [tenantId, versionId, workflowId]);
  await owner.query("INSERT INTO triggers (tenant_id, id, workflow_id, node_id, kind, config) VALUES ($1, $2, $3, 'start', 'manual', '{}')", [tenantId, triggerId, workflowId]);
  await owner.query(
    `INSERT INTO executions (tenant_id, id, workflow_id, version_id, trigger_id, trigger_node_id, status, concurrency_class, completed_at)
     VALUES ($1, $2, $3, $4, $5, 'start', 'SUCCESS', 'small', now())`,
    [tenantId, executionId, workflowId, versionId, triggerId],
  );
  await expect(owner.query("UPDATE workflow_versions SET graph = '{\"a\":1}' WHERE id = $1", [versionId])).rejects.toThrow(/never changes/);
  await expect(owner.query("UPDATE executions SET status = 'FAILED' WHERE id = $1", [executionId])).rejects.toThrow(/terminal statuses never change/);
  await expect(owner.query("UPDATE executions SET output = '{}' WHERE id = $1", [executionId])).rejects.toThrow(/terminal statuses never change/);
});

test("the database is what the schema and the function files say", async () => {
  const diff = await prismaCli(["migrate", "diff", "--from-config-datasource", "--to-schema", "schema.prisma", "--script"], database.ownerUrl);
  expect(diff.output).toContain("-- This is an empty migration.");
  const { rows } = await owner.query<{ name: string; source: string }>(
    "SELECT proname AS name, prosrc AS source FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'fluxo\\_%'",
  );
  const files = readFunctions().map(({ sql }) => sql).join("\n");
  for (const { name, source } of rows) expect(files.includes(source), `${name} differs from its file`).toBe(true);
  const declared = [...files.matchAll(/CREATE (?:OR REPLACE )?FUNCTION (\w+)\(/g)].map(([, name]) => name);
  expect(new Set(rows.map(({ name }) => name))).toEqual(new Set(declared));
});
