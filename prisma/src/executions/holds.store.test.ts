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

interface Window {
  readonly metric: string;
  readonly isNow: boolean;
  readonly used: number;
  readonly reserved: number;
}

async function windows(tenantId: string): Promise<Window[]> {
  const { rows } = await owner.query<Window>(
    `SELECT metric, window_end > now() AS "isNow", used, reserved FROM usage_windows WHERE tenant_id = $1 ORDER BY metric, window_start`,
    [tenantId],
  );
  return rows;
}

/** As if the holds of a tenant, and nothing else, were of the month before. */
async function ageHolds(tenantId: string): Promise<void> {
  await owner.query(
    `INSERT INTO usage_windows (tenant_id, metric, window_start, window_end, used, reserved)
     SELECT tenant_id, metric, window_start - interval '1 month', window_start, used, reserved FROM usage_windows WHERE tenant_id = $1`,
    [tenantId],
  );
  await owner.query("UPDATE usage_holds SET window_start = window_start - interval '1 month' WHERE tenant_id = $1", [tenantId]);
  await owner.query("UPDATE usage_windows SET used = 0, reserved = 0 WHERE tenant_id = $1 AND window_end > now()", [tenantId]);
}

test("a hold counts in the window and for the metric that it was taken from, also when it is settled in the next month", async () => {
  const tenantId = await seed(1_000);
  const [late, now] = [randomUUID(), randomUUID()];
  for (const [amount, id] of [[300, late], [200, randomUUID()], [100, randomUUID()]] as const) await hold(tenantId, amount, id);
  await ageHolds(tenantId);
  await owner.query("INSERT INTO usage_windows (tenant_id, metric, window_start, window_end, used, reserved) SELECT tenant_id, 'executions', window_start, window_end, 7, 5 FROM usage_windows WHERE tenant_id = $1", [tenantId]);
  const others = [{ metric: "executions", isNow: false, used: 7, reserved: 5 }, { metric: "executions", isNow: true, used: 7, reserved: 5 }];
  expect(await hold(tenantId, 600, now), "a new month is whole").toMatchObject({ isGranted: true, counted: 600 });
  expect(await settleHold(app, tenantId, late, 40)).toBe(true);
  expect(await windows(tenantId)).toEqual([{ metric: "aiTokens", isNow: false, used: 40, reserved: 300 }, { metric: "aiTokens", isNow: true, used: 0, reserved: 600 }, ...others]);
  await settleHold(app, tenantId, now, 500);
  await owner.query("UPDATE usage_holds SET expires_at = now() - interval '1 second' WHERE tenant_id = $1", [tenantId]);
  expect(await hold(tenantId, 400), "used and held count together").toMatchObject({ isGranted: true, counted: 900 });
  expect(await hold(tenantId, 101)).toMatchObject({ isGranted: false, counted: 900 });
  expect(await windows(tenantId)).toEqual([{ metric: "aiTokens", isNow: false, used: 340, reserved: 0 }, { metric: "aiTokens", isNow: true, used: 500, reserved: 400 }, ...others]);
});

test("the first hold of a month is bounded too, and the one that reaches a threshold leaves its alert", async () => {
  const tenantId = await seed(1_000);
  expect(await hold(tenantId, 1_001)).toMatchObject({ isGranted: false, counted: 0 });
  const alerts = async (): Promise<unknown> => (await owner.query("SELECT percent, counted FROM quota_alerts WHERE tenant_id = $1", [tenantId])).rows;
  await hold(tenantId, 499);
  expect(await alerts()).toEqual([]);
  await hold(tenantId, 1);
  expect(await alerts()).toEqual([{ percent: 50, counted: 500 }]);
});

test("usage beyond what a number holds is the most that it holds: nothing fails, and no hold is granted", async () => {
  const tenantId = await seed(2_147_483_647);
  const [first, second] = [randomUUID(), randomUUID()];
  for (const id of [first, second]) await hold(tenantId, 10, id);
  await hold(tenantId, 20);
  for (const id of [first, second]) expect(await settleHold(app, tenantId, id, 2_147_483_647)).toBe(true);
  expect(await hold(tenantId, 1)).toMatchObject({ isGranted: false, counted: 2_147_483_647 });
  await owner.query("UPDATE usage_holds SET expires_at = now() - interval '1 second' WHERE tenant_id = $1", [tenantId]);
  expect(await hold(tenantId, 1)).toMatchObject({ isGranted: false, counted: 2_147_483_647 });
  expect(await counted(tenantId)).toEqual({ used: 2_147_483_647, reserved: 0 });
});
