import { createTestDatabase, type TestDatabase } from "@fluxo/test/support/database";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createPool } from "../database/pool.ts";
import { addPlan, queueExecutions, seedWorkflow, type SeededWorkflow } from "../testing/seed.ts";
import { countStatements, trackStatementsOf, type StatementCount } from "../testing/statements.ts";
import { claimExecutions } from "./claim.ts";

const GRAPH = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };
const OTHER_TENANTS = 200;
const BATCH = 50;

let database: TestDatabase;
let owner: pg.Pool;
let app: pg.Pool;
let planId: string;
let tenant: SeededWorkflow;

beforeAll(async () => {
  database = await createTestDatabase();
  owner = new pg.Pool({ connectionString: database.ownerUrl, max: 2 });
  await trackStatementsOf(owner, "fluxo_app");
  // One connection: what a connection does once is done by the first claim.
  app = createPool({ connectionString: database.appUrl, applicationName: "test", max: 1, role: "fluxo_app" });
  planId = await addPlan(owner, { executionsPerMonth: 1_000, concurrencyMax: 1_000 });
  tenant = await seedWorkflow(owner, GRAPH, planId);
  await countClaim(tenant, 1);
});

afterAll(async () => {
  await Promise.all([owner.end(), app.end()]);
  await database.drop();
});

/** Queues so many executions, and counts the statements of the one claim that admits them all. */
async function countClaim(of: SeededWorkflow, executions: number): Promise<StatementCount> {
  const ids = await queueExecutions(app, of, Array.from({ length: executions }, () => ({})));
  return countStatements(owner, async () => {
    const { claimed } = await claimExecutions(app, { tenantId: of.tenantId, executionIds: ids, owner: "worker", leaseMs: 60_000, nodeTiers: { "trigger.manual": 0 }, keepStarved: "never" });
    expect(claimed).toHaveLength(executions);
  });
}

test("a claim is one statement, which runs no more of them inside with more executions or more tenants", async () => {
  const alone = await countClaim(tenant, 1);
  expect(alone.sent).toBe(1);
  expect(alone.run, "its own statements are counted too").toBeGreaterThan(alone.sent);
  expect(await countClaim(tenant, BATCH)).toEqual(alone);
  for (let each = 0; each < OTHER_TENANTS; each += 1) await seedWorkflow(owner, GRAPH, planId);
  expect(await countClaim(tenant, 1)).toEqual(alone);
  expect(await countClaim(tenant, BATCH)).toEqual(alone);
});
