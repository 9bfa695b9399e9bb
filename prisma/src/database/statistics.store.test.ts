import { beforeAll, expect, test } from "vitest";
import { intake } from "../executions/intake.ts";
import { addPlan, occurrenceOf, seedWorkflow, type SeededWorkflow } from "../testing/seed.ts";
import { useTestDatabase } from "../testing/test-database.ts";
import { lookAtNewTables } from "./statistics.ts";

const GRAPH = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };
const ACCEPTED = 1_000;

const { owner, app, system } = await useTestDatabase();
let workflow: SeededWorkflow;

beforeAll(async () => {
  workflow = await seedWorkflow(owner, GRAPH, await addPlan(owner, { executionsPerMonth: 1_000_000, concurrencyMax: 10 }));
  // Autovacuum would do the same, a little later: here it is not to come first.
  for (const table of ["executions", "occurrences", "outbox"]) await owner.query(`ALTER TABLE ${table} SET (autovacuum_enabled = false)`);
});

const accept = (count: number): Promise<unknown> => intake(app, Array.from({ length: count }, () => occurrenceOf(workflow, { text: "x".repeat(100) })));

/** What PostgreSQL believes of a table: its rows, or -1 before it ever looked. */
async function believedRows(table: string): Promise<number> {
  const { rows } = await owner.query<{ reltuples: number }>("SELECT reltuples FROM pg_class WHERE oid = $1::regclass", [table]);
  return rows[0]?.reltuples ?? Number.NaN;
}

test("a new installation's tables are looked at as soon as they are no longer small, and once only", async () => {
  await accept(5);
  expect(await lookAtNewTables(system)).toEqual([]);
  expect(await believedRows("executions")).toBe(-1);
  await accept(ACCEPTED);
  expect(await lookAtNewTables(system)).toContain("executions");
  expect(await believedRows("executions")).toBe(ACCEPTED + 5);
  await accept(3 * ACCEPTED);
  expect(await lookAtNewTables(system)).not.toContain("executions");
});

test("what refers to an execution is checked by its key from then on", async () => {
  const client = await owner.connect();
  try {
    // As PostgreSQL checks a foreign key: one plan for all values.
    await client.query("SET plan_cache_mode = force_generic_plan");
    await client.query("PREPARE key_check (uuid, uuid) AS SELECT 1 FROM ONLY executions x WHERE tenant_id = $1 AND id = $2 FOR KEY SHARE OF x");
    const { rows } = await client.query<{ "QUERY PLAN": string }>("EXPLAIN EXECUTE key_check (gen_random_uuid(), gen_random_uuid())");
    expect(rows.map((row) => row["QUERY PLAN"]).join("\n")).toContain("Index Scan using executions_pkey");
  } finally {
    client.release(true);
  }
});

test("only the services' own database work may ask for it", async () => {
  await expect(lookAtNewTables(app)).rejects.toMatchObject({ code: "42501" });
});
