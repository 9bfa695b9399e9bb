import { beforeAll, expect, test } from "vitest";
import { addPlan, queueExecutions, seedWorkflow, type SeededWorkflow } from "../testing/seed.ts";
import { countStatements, trackStatementsOf, type StatementCount } from "../testing/statements.ts";
import { useTestDatabase } from "../testing/test-database.ts";
import { claimExecutions } from "./claim.ts";

const GRAPH = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };
const OTHER_TENANTS = 200;
const BATCH = 50;

// One connection: what a connection does once is done by the first claim.
const { owner, app } = await useTestDatabase({ app: 1 });
let planId: string;
let tenant: SeededWorkflow;

beforeAll(async () => {
  await trackStatementsOf(owner, "fluxo_app");
  planId = await addPlan(owner, { executionsPerMonth: 1_000, concurrencyMax: 1_000 });
  tenant = await seedWorkflow(owner, GRAPH, planId);
  await countClaim(tenant, 1);
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
