import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { addPlan, seedWorkflow } from "../testing/seed.ts";
import { useTestDatabase } from "../testing/test-database.ts";
import { holdAiTokens, settleHold, type HoldResult } from "./holds.ts";

const GRAPH = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };

const { owner, app } = await useTestDatabase({ app: 16 });

async function seed(aiTokensPerMonth: number): Promise<string> {
  const planId = await addPlan(owner, { executionsPerMonth: 10, concurrencyMax: 1, alertPercents: [50, 100] });
  await owner.query("UPDATE plans SET ai_tokens_per_month = $2 WHERE id = $1", [planId, aiTokensPerMonth]);
  return (await seedWorkflow(owner, GRAPH, planId)).tenantId;
}

function hold(tenantId: string, amount: number, id: string = randomUUID()): Promise<HoldResult> {
  return holdAiTokens(app, { tenantId, id, amount, leaseMs: 60_000 });
}

async function counted(tenantId: string): Promise<unknown> {
  return (await owner.query("SELECT used, reserved FROM usage_windows WHERE tenant_id = $1 AND metric = 'aiTokens'", [tenantId])).rows[0];
}

test("a hold is granted as a whole or not at all, and settling gives back what was not used, once", async () => {
  const tenantId = await seed(1_000);
  const [first, second] = [randomUUID(), randomUUID()];
  expect(await hold(tenantId, 600, first)).toMatchObject({ isGranted: true, counted: 600, quota: 1_000 });
  expect(await hold(tenantId, 401)).toMatchObject({ isGranted: false, counted: 600, quota: 1_000 });
  expect(await hold(tenantId, 400, second)).toMatchObject({ isGranted: true, counted: 1_000 });
  expect([await settleHold(app, tenantId, first, 100), await settleHold(app, tenantId, first, 100)]).toEqual([true, false]);
  expect(await counted(tenantId)).toEqual({ used: 100, reserved: 400 });
  expect((await hold(tenantId, 500)).isGranted).toBe(true);
  expect(await settleHold(app, tenantId, second, 450), "what was really used counts, also beyond the hold").toBe(true);
  expect(await counted(tenantId)).toEqual({ used: 550, reserved: 500 });
});

test("two hundred holds at once: never more than the quota, and each threshold leaves one alert", async () => {
  const tenantId = await seed(1_000);
  const ids = Array.from({ length: 200 }, () => randomUUID());
  const results = await Promise.all(ids.map((id) => hold(tenantId, 30, id)));
  expect(results.filter(({ isGranted }) => isGranted)).toHaveLength(33);
  expect(await counted(tenantId)).toEqual({ used: 0, reserved: 990 });
  await Promise.all(ids.map((id) => settleHold(app, tenantId, id, 10)));
  expect(await counted(tenantId)).toEqual({ used: 330, reserved: 0 });
  expect((await hold(tenantId, 670)).isGranted).toBe(true);
  expect((await owner.query("SELECT metric, percent, counted FROM quota_alerts WHERE tenant_id = $1 ORDER BY percent", [tenantId])).rows).toEqual([
    { metric: "aiTokens", percent: 50, counted: 510 },
    { metric: "aiTokens", percent: 100, counted: 1_000 },
  ]);
});

test("a hold that nobody settles counts in full after its time, by whoever holds next", async () => {
  const tenantId = await seed(1_000);
  const lost = randomUUID();
  await hold(tenantId, 700, lost);
  await owner.query("UPDATE usage_holds SET expires_at = now() - interval '1 second' WHERE tenant_id = $1", [tenantId]);
  expect(await hold(tenantId, 301)).toMatchObject({ isGranted: false, counted: 700 });
  expect(await counted(tenantId)).toEqual({ used: 700, reserved: 0 });
  expect(await settleHold(app, tenantId, lost, 5), "too late").toBe(false);
});

test("a plan without tokens grants none", async () => {
  const tenantId = await seed(0);
  expect(await hold(tenantId, 1)).toMatchObject({ isGranted: false, counted: 0, quota: 0 });
});
