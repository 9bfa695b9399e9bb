import { expect, test } from "vitest";
import { useTestDatabase } from "../testing/test-database.ts";

const { owner } = await useTestDatabase();

test("every table with rows of tenants is covered by the erasure, in an order in which nothing refers to what is gone", async () => {
  const { rows } = await owner.query<{ table_name: string; place: number; kept_because: string | null; is_covered: boolean }>("SELECT * FROM fluxo_tenant_tables()");
  expect(rows.length).toBeGreaterThan(30);
  expect(rows.filter(({ is_covered: isCovered }) => !isCovered)).toEqual([]);
  expect(rows.filter(({ kept_because: kept }) => kept !== null).map(({ table_name: name }) => name)).toEqual(["audit_entries"]);
  const places = new Map(rows.map(({ table_name: name, place }) => [name, place]));
  const { rows: references } = await owner.query<{ child: string; parent: string }>(
    "SELECT conrelid::regclass::text AS child, confrelid::regclass::text AS parent FROM pg_constraint WHERE contype = 'f' AND conrelid <> confrelid AND connamespace = 'public'::regnamespace",
  );
  const { rows: loose } = await owner.query<{ table_name: string }>("SELECT table_name FROM fluxo_tenant_tables() WHERE loose_columns IS NOT NULL");
  const cut = new Set(loose.map(({ table_name: name }) => name));
  const wrong = references.filter(({ child, parent }) => !cut.has(child) && (places.get(child) ?? 0) > (places.get(parent) ?? Number.POSITIVE_INFINITY));
  expect(wrong).toEqual([]);
});

test("a tenant is named by another column only where the erasure knows it", async () => {
  const { rows } = await owner.query<{ place: string }>(
    `SELECT c.relname || '.' || a.attname AS place FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND (a.attname LIKE '%tenant%' OR a.attname = 'subject_id') AND a.attname <> 'tenant_id' AND a.atttypid IN ('uuid'::regtype, 'uuid[]'::regtype) ORDER BY 1`,
  );
  expect(rows.map(({ place }) => place)).toEqual(["agencies.error_tenant_id", "idempotent_answers.subject_id", "off_boardings.subject_id"]);
});

test("no column that could hold a secret is archived unless it is known to hold none", async () => {
  const { rows } = await owner.query<{ place: string }>(
    `SELECT t.table_name || '.' || c AS place FROM fluxo_tenant_tables() t CROSS JOIN unnest(fluxo_archived_columns(t.table_name)) c
     WHERE fluxo_left_out(t.table_name) IS NULL AND c ~ '(secret|token|sealed|password|wrapped|private|hash|salt)' ORDER BY 1`,
  );
  const harmless = [/content_hash$/, /\.secret_names$/, /\.secret_version$/, /^audit_entries\.salt$/, /_tokens$/, /\.(?:ai_)?(?:input|output|unpriced)_tokens/];
  expect(rows.map(({ place }) => place).filter((place) => !harmless.some((form) => form.test(place)))).toEqual([]);
});

test("every table with rows of tenants refers to its tenant, directly or by what it belongs to; the others say why not", async () => {
  const { rows } = await owner.query<{ name: string }>(
    `SELECT t.table_name AS name FROM fluxo_tenant_tables() t
     WHERE NOT EXISTS (SELECT FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attname = 'tenant_id' AND a.attnum = ANY (k.conkey) WHERE k.contype = 'f' AND k.conrelid = t.table_name::regclass) ORDER BY 1`,
  );
  // The audit log outlives what it tells of; kept answers go after a day; a foreign key of usage would lock rows of others on the hot path.
  expect(rows.map(({ name }) => name)).toEqual(["audit_entries", "idempotent_answers", "usage_events"]);
});

test("every table with rows of tenants takes none of one that is off-boarded, or says why that needs no guard", async () => {
  const { rows } = await owner.query<{ name: string; reason: string | null; is_guarded: boolean }>(
    `SELECT t.table_name AS name, fluxo_written_otherwise(t.table_name) AS reason, EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = t.table_name::regclass AND g.tgname = 'off_boarding_guard' AND g.tgenabled = 'O') AS is_guarded
     FROM fluxo_tenant_tables() t ORDER BY 1`,
  );
  expect(rows.filter(({ reason, is_guarded: isGuarded }) => (reason === null) !== isGuarded)).toEqual([]);
  expect(rows.filter(({ is_guarded: isGuarded }) => isGuarded).map(({ name }) => name)).toEqual(expect.arrayContaining(["workflows", "workflow_versions", "triggers", "credentials", "api_keys", "parked_items", "template_installations"]));
});
