import { planRefusals } from "@fluxo/core/quota/entitlements";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTenantDb, type TenantDb } from "../database/tenant-db.ts";
import { claimExecutions } from "../executions/claim.ts";
import { addPlan, addSource, addWorkflow, queueExecutions, seedWorkflow, type SeededWorkflow } from "../testing/seed.ts";
import { useTestDatabase } from "../testing/test-database.ts";
import { findPlanEffects } from "./plan-effects.ts";
import { applyPlan, lockActiveWorkflows } from "./plans.ts";

/** Ranks of a catalog of its own; `z` is of no catalog. */
const TIERS = { "trigger.manual": 0, a: 0, b: 1, c: 2, d: 3 } as const;
const TYPES = ["a", "b", "c", "d", "z"] as const;

const { owner, app } = await useTestDatabase();
let tenantDb: TenantDb;

beforeAll(async () => {
  tenantDb = createTenantDb(app);
});

afterAll(() => tenantDb.close());

const graphOf = (types: readonly string[]) => ({
  nodes: [{ id: "start", type: "trigger.manual" }, ...types.map((type, index) => ({ id: `n${index}`, type }))],
  edges: types.map((_, index) => ({ from: index === 0 ? "start" : `n${index - 1}`, to: `n${index}` })),
});

const plans = fc.record({
  tierRank: fc.integer({ min: 0, max: 3 }),
  nodesPerWorkflowMax: fc.integer({ min: 1, max: 5 }),
  activeWorkflowsMax: fc.integer({ min: 0, max: 5 }),
  nodeTypesAllowed: fc.subarray([...TYPES], { maxLength: 2 }),
  nodeTypesDenied: fc.subarray([...TYPES], { maxLength: 2 }),
});

test("what a preview says would be blocked is what admission blocks, by the same rule and no other, and what core's rule warns of", async () => {
  const graphs = [["a"], ["b", "b"], ["c", "a", "a"], ["d"], ["z", "a", "b", "c"]];
  const first = await seedWorkflow(owner, graphOf([]), await addPlan(owner, { executionsPerMonth: 1_000_000, concurrencyMax: 1_000 }));
  const { tenantId } = first;
  const workflows: (SeededWorkflow & { readonly types: readonly string[] })[] = [{ ...first, types: [] }];
  for (const types of graphs) workflows.push({ ...(await addWorkflow(owner, tenantId, graphOf(types))), types });
  await fc.assert(
    fc.asyncProperty(plans, async (plan) => {
      const planId = (await owner.query<{ id: string }>("SELECT plan_id AS id FROM tenants WHERE id = $1", [tenantId])).rows[0]?.id ?? "";
      const previewed = await tenantDb.withTenant(tenantId, (db) => findPlanEffects(db, tenantId, { planId, changes: plan }, TIERS));
      await owner.query("UPDATE plans SET tier_rank = $2, nodes_per_workflow_max = $3, active_workflows_max = $4, node_types_allowed = $5, node_types_denied = $6 WHERE id = $1", [
        ...[planId, plan.tierRank, plan.nodesPerWorkflowMax, plan.activeWorkflowsMax, plan.nodeTypesAllowed, plan.nodeTypesDenied],
      ]);
      await tenantDb.withTenant(tenantId, async (db) => {
        await lockActiveWorkflows(db, tenantId);
        await applyPlan(db, tenantId);
      });
      for (const workflow of workflows) {
        const codes = previewed.filter(({ workflowId }) => workflowId === workflow.workflowId).map(({ code }) => code);
        const refusals = planRefusals({ nodeCount: workflow.types.length + 1, nodeTypes: ["trigger.manual", ...workflow.types] }, plan, TIERS);
        expect(codes.includes("TOO_MANY_NODES")).toBe(refusals.hasTooManyNodes);
        expect(previewed.find(({ workflowId, code }) => workflowId === workflow.workflowId && code === "NODE_NOT_IN_PLAN")?.detail ?? "").toBe(refusals.deniedTypes.join(", "));
        const [id = ""] = await queueExecutions(app, workflow, [{}]);
        const { claimed, blocked } = await claimExecutions(app, { tenantId, executionIds: [id], owner: "w", leaseMs: 60_000, nodeTiers: TIERS, keepStarved: "never" });
        expect(claimed.length).toBe(codes.length === 0 ? 1 : 0);
        expect(blocked.map(({ reason }) => reason)).toEqual(codes.length === 0 ? [] : [["TOO_MANY_WORKFLOWS", "TOO_MANY_NODES", "NODE_NOT_IN_PLAN"].find((code) => codes.includes(code))]);
      }
      await owner.query("DELETE FROM executions WHERE tenant_id = $1", [tenantId]);
      await owner.query("UPDATE concurrency_slots SET used = 0 WHERE tenant_id = $1", [tenantId]);
    }),
    { numRuns: 40 },
  );
});

test("a preview tells used quotas, running executions and polls by the plan that is asked about", async () => {
  const planId = await addPlan(owner, { executionsPerMonth: 100, concurrencyMax: 10 });
  const workflow = await seedWorkflow(owner, graphOf([]), planId);
  const { tenantId } = workflow;
  const ids = await queueExecutions(app, workflow, [{}, {}, {}]);
  await claimExecutions(app, { tenantId, executionIds: ids, owner: "w", leaseMs: 60_000, nodeTiers: TIERS, keepStarved: "never" });
  const effects = (changes: object) => tenantDb.withTenant(tenantId, (db) => findPlanEffects(db, tenantId, { planId, changes }, TIERS));
  expect(await effects({})).toEqual([]);
  const none = { workflowId: null, workflowName: null };
  expect(await effects({ executionsPerMonth: 3, concurrencyMax: 2, overQuota: "PARK" })).toEqual([
    { code: "CONCURRENCY_REACHED", ...none, detail: null, actual: 3, allowed: 2 },
    { code: "QUOTA_EXCEEDED", ...none, detail: "PARK", actual: 3, allowed: 3 },
  ]);
  expect(await effects({ executionsPerMonth: 4, concurrencyMax: 3 }), "exactly enough is enough").toEqual([]);
});

test("a preview tells of AI tokens only who uses them, and of polls only those that are on and come more often", async () => {
  const planId = await addPlan(owner, { executionsPerMonth: 100, concurrencyMax: 10 });
  const workflow = await seedWorkflow(owner, graphOf(["a"]), planId);
  const { tenantId, workflowId } = workflow;
  const codes = async (changes: object) => (await tenantDb.withTenant(tenantId, (db) => findPlanEffects(db, tenantId, { planId, changes }, TIERS))).map(({ code, workflowId: of, actual, allowed }) => [code, of, actual, allowed]);
  expect(await codes({ aiTokensPerMonth: 0 }), "no tokens, and nothing that asks for any").toEqual([]);
  await addWorkflow(owner, tenantId, graphOf(["ai.prompt"]));
  expect(await codes({ aiTokensPerMonth: 0, nodeTypesAllowed: ["ai.prompt"] })).toEqual([["AI_TOKENS_EXCEEDED", null, 0, 0]]);
  expect(await codes({ aiTokensPerMonth: 1, nodeTypesAllowed: ["ai.prompt"] })).toEqual([]);
  const triggerId = await addSource(owner, workflow, "rss", { intervalSeconds: 300 });
  expect(await codes({ pollIntervalSecondsMin: 300 }), "as often as the plan allows").toEqual([]);
  expect(await codes({ pollIntervalSecondsMin: 301 })).toEqual([["POLL_INTERVAL_RAISED", workflowId, 300, 301]]);
  await owner.query("UPDATE triggers SET is_enabled = false WHERE id = $1", [triggerId]);
  expect(await codes({ pollIntervalSecondsMin: 301 })).toEqual([]);
});

test("while a plan changes nobody activates a workflow by its old number, and while somebody activates it does not change", async () => {
  const planId = await addPlan(owner, { executionsPerMonth: 100, concurrencyMax: 10 });
  const { tenantId } = await seedWorkflow(owner, graphOf([]), planId);
  const [changing, activating] = [await app.connect(), await app.connect()];
  try {
    for (const client of [changing, activating]) await client.query("SET lock_timeout = '100ms'");
    const lockPlan = "SELECT fluxo_lock_plan($1)";
    const lockWorkflows = "SELECT fluxo_lock_workflows($1)";
    await changing.query("BEGIN");
    await changing.query(lockPlan, [planId]);
    await expect(activating.query(lockWorkflows, [tenantId])).rejects.toThrow(/lock timeout/);
    await changing.query("COMMIT");
    await activating.query("BEGIN");
    await activating.query(lockWorkflows, [tenantId]);
    await expect(changing.query(lockPlan, [planId])).rejects.toThrow(/lock timeout/);
    await expect(changing.query(lockWorkflows, [tenantId]), "one activation of a tenant at a time").rejects.toThrow(/lock timeout/);
    await activating.query("COMMIT");
  } finally {
    for (const client of [changing, activating]) {
      await client.query("RESET lock_timeout");
      client.release();
    }
  }
});
