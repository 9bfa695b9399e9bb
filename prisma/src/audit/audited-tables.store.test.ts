import { createTestDatabase, type TestDatabase } from "@fluxo/test/support/database";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";

/** Tables whose changes leave no entry of their own, and why. */
const UNAUDITED: Readonly<Record<string, string>> = {
  sessions: "Sign-in and sign-out write entries of their own; the end of other sessions gets one from the router.",
  executions: "An execution is its own record.",
  node_executions: "The journal is the record of an execution.",
  payloads: "Contents of executions.",
  occurrences: "An occurrence is its own record.",
  outbox: "Written by intake, never by a caller.",
  concurrency_slots: "A counter of running executions.",
  usage_windows: "A counter of the quota.",
  usage_holds: "Counted parts of the quota.",
  reservations: "What a running execution holds of the quota.",
  quota_alerts: "An alert is its own record.",
  trigger_states: "Where dispatchers stand; a change by a caller gets an entry from the router.",
  trigger_entries: "What a source had, written by dispatchers.",
  trigger_periods: "Follows the switching of triggers, which is audited there.",
  backfills: "A backfill is its own record; its order gets an entry from the router.",
  polls: "The ledger of dispatchers.",
  parked_items: "Items that dispatchers could not read; dismissing one gets an entry from the router.",
  tenant_keys: "Wrapped keys of the vault, made without a caller.",
  credential_tokens: "Tokens of a provider, refreshed without a caller.",
  workflow_version_credentials: "Follows from the graph of a version, which is audited.",
  remembered_keys: "Memory of nodes.",
  kept_values: "Memory of nodes.",
  files: "Contents of executions.",
  file_chunks: "Contents of executions.",
  bulk_operations: "A bulk operation is its own record; its order gets an entry from the router.",
  bulk_operation_items: "Marks of a bulk operation.",
  dry_reruns: "A question about an execution, which changes nothing of it.",
  outages: "Written by breakers; a close by a caller gets an entry from the router.",
  outage_executions: "Written by breakers.",
  hook_tests: "That a trigger waits for a test; its begin gets an entry from the router.",
  hook_samples: "What arrived at a webhook.",
  price_list_versions: "Follows from price lists, which are audited.",
  tenant_plans: "Follows from tenants, which are audited.",
  usage_events: "The books: append-only.",
  usage_hours: "Sums of the books.",
  usage_days: "Sums of the books.",
  usage_mark: "Where the roll-up stands.",
  audit_entries: "The log itself.",
  audit_heads: "The log itself.",
  idempotent_answers: "Kept answers, sealed; the change beside them is audited.",
  off_boardings: "The certificate is its own record; its order and every change get an entry from the router.",
  off_boarding_tables: "Part of the certificate.",
  archive_parts: "The sealed archive.",
  template_installations: "Follows from the published version, which is audited; another change by a caller gets an entry from the router.",
  template_rollout_items: "Marks of a rollout, which is audited.",
  provisioning_tokens: "Tokens that were exchanged; what they made is audited.",
};

/** Columns of audited tables that look like a secret and are none. */
const OPEN: Readonly<Record<string, string>> = {
  "credentials.secret_names": "Which fields are sealed, not what they hold.",
  "credentials.secret_version": "A count of changes.",
  "plans.ai_tokens_per_month": "A quota.",
  "template_versions.content_hash": "Names the content of a graph, which its readers see.",
  "workflow_versions.content_hash": "Names the content of a graph, which its readers see.",
};

const LOOKS_SECRET = /(^|_)(sealed|secret|secrets|hash|token|tokens|password|passphrase|private|ciphertext|wrapped)(_|$)/;

interface Column {
  readonly table: string;
  readonly name: string;
  readonly type: string;
  readonly isAudited: boolean;
  /** Whether the trigger keeps its value out of the log. */
  readonly isSecret: boolean;
}

let database: TestDatabase;
let owner: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  owner = new pg.Client({ connectionString: database.ownerUrl });
  await owner.connect();
});
afterAll(async () => {
  await owner.end();
  await database.drop();
});

/** Every column of every table; what is audited and secret is read from the arguments of the trigger itself. */
async function columns(): Promise<Column[]> {
  const { rows } = await owner.query<Column>(
    `SELECT c.relname AS "table", a.attname AS name, format_type(a.atttypid, NULL) AS type, t.oid IS NOT NULL AS "isAudited",
            coalesce(a.attname = ANY ((string_to_array(encode(t.tgargs, 'escape'), '\\000'))[3]::text[]), false) AS "isSecret"
     FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     LEFT JOIN pg_trigger t ON t.tgrelid = c.oid AND t.tgfoid = 'fluxo_audit_row'::regproc AND t.tgenabled <> 'D'
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> '_prisma_migrations'
     ORDER BY 1, a.attnum`,
  );
  return rows;
}

const tablesOf = (of: readonly Column[]): string[] => [...new Set(of.map(({ table }) => table))];
const undeclared = (all: readonly Column[]): string[] => tablesOf(all.filter(({ table, isAudited }) => isAudited === Object.hasOwn(UNAUDITED, table)));
const exposed = (all: readonly Column[]): string[] =>
  all.filter(({ table, name, type, isAudited, isSecret }) => isAudited && !isSecret && (type === "bytea" || LOOKS_SECRET.test(name)) && !Object.hasOwn(OPEN, `${table}.${name}`)).map(({ table, name }) => `${table}.${name}`);

/** Does it in a transaction that is undone. */
async function undone<T>(statements: readonly string[], look: () => Promise<T>): Promise<T> {
  await owner.query("BEGIN");
  try {
    for (const statement of statements) await owner.query(statement);
    return await look();
  } finally {
    await owner.query("ROLLBACK");
  }
}

test("every table is audited, or tells why it is not; never both", async () => {
  const all = await columns();
  expect(tablesOf(all.filter(({ isAudited }) => isAudited)).length).toBeGreaterThanOrEqual(15);
  expect(undeclared(all)).toEqual([]);
  const names = new Set(tablesOf(all));
  expect(Object.keys(UNAUDITED).filter((table) => !names.has(table))).toEqual([]);
});

test("a new table, and one that loses its trigger, are found", async () => {
  const found = await undone(["CREATE TABLE brand_new (id uuid PRIMARY KEY)", "DROP TRIGGER audit ON credentials", "ALTER TABLE plans DISABLE TRIGGER audit"], async () => undeclared(await columns()));
  expect(found).toEqual(["brand_new", "credentials", "plans"]);
});

test("whatever is secret by name or type is kept out of the log", async () => {
  const all = await columns();
  expect(exposed(all)).toEqual([]);
  expect(all.filter(({ isSecret }) => isSecret).map(({ table, name }) => `${table}.${name}`)).toEqual([
    "api_keys.secret_hash", "api_keys.previous_secret_hash", "credentials.sealed_secrets", "triggers.hook_token", "triggers.sealed_secret",
  ]);
  const known = new Set(all.map(({ table, name }) => `${table}.${name}`));
  expect(Object.keys(OPEN).filter((column) => !known.has(column))).toEqual([]);
});

test("a new column that looks secret is found", async () => {
  const added = ["ALTER TABLE members ADD COLUMN sealed_seed text", "ALTER TABLE plans ADD COLUMN blob bytea", "ALTER TABLE agencies ADD COLUMN access_token text", "ALTER TABLE agencies ADD COLUMN color text"];
  expect(await undone(added, async () => exposed(await columns()))).toEqual(["agencies.access_token", "members.sealed_seed", "plans.blob"]);
});

test("the arguments of the trigger hold: a changed hash leaves a mark that tells the change, and no value", async () => {
  const agencyId = "11111111-1111-4111-8111-111111111111";
  const [first, second] = ["11", "22"].map((byte) => byte.repeat(32));
  const context = JSON.stringify({ agencyId, tenantId: null, actorKind: "apiKey", actorId: "test", action: "test", ip: null, userAgent: null, requestId: null });
  const entries = await undone(
    [
      `INSERT INTO agencies (id, name) VALUES ('${agencyId}', 'A')`,
      `SELECT set_config('app.audit', '${context}', true)`,
      `INSERT INTO api_keys (id, agency_id, name, prefix, secret_hash, scopes) VALUES ('22222222-2222-4222-8222-222222222222', '${agencyId}', 'K', 'flx_x', '\\x${first}', '{}')`,
      `UPDATE api_keys SET secret_hash = '\\x${second}', previous_secret_hash = '\\x${first}', previous_until = now() WHERE agency_id = '${agencyId}'`,
    ],
    async () => (await owner.query<{ text: string }>("SELECT e::text AS text FROM audit_entries e WHERE e.action = 'test'")).rows.map(({ text }) => text),
  );
  expect(entries).toHaveLength(2);
  for (const text of entries) {
    expect(text).toContain("[secret ");
    for (const secret of [first, second]) expect(text).not.toContain(secret);
  }
});
