import { randomUUID } from "node:crypto";
import type { NodeScope } from "@fluxo/core/ports/node-ports";
import { beforeAll, expect, test } from "vitest";
import { queueExecutions, seedWorkflow, type SeededWorkflow } from "../testing/seed.ts";
import { useTestDatabase } from "../testing/test-database.ts";
import { exchangeValue, forgetExpired, rememberKeys } from "./memory.ts";

const GRAPH = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };
const HOUR_MS = 3_600_000;

const { owner, app, system } = await useTestDatabase({ system: 1 });
let workflow: SeededWorkflow;

beforeAll(async () => {
  workflow = await seedWorkflow(owner, GRAPH);
});

/** A new execution of the workflow, seen from a node. Every test has a node of its own. */
async function scopeOf(nodeId: string, of: SeededWorkflow = workflow): Promise<NodeScope> {
  const [executionId = ""] = await queueExecutions(app, of, [{}]);
  return { tenantId: of.tenantId, workflowId: of.workflowId, executionId, nodeId, item: 0 };
}

async function rerunOf(scope: NodeScope): Promise<NodeScope> {
  const rerun = await scopeOf(scope.nodeId);
  await owner.query("UPDATE executions SET rerun_of = $3 WHERE tenant_id = $1 AND id = $2", [rerun.tenantId, rerun.executionId, scope.executionId]);
  return rerun;
}

/** Lets everything that a node remembers be over. */
async function expire(nodeId: string): Promise<void> {
  for (const table of ["remembered_keys", "kept_values"]) {
    await owner.query(`UPDATE ${table} SET expires_at = now() - interval '1 second' WHERE node_id = $1`, [nodeId]);
  }
}

test("a key is new once; another execution, another item and the second time in one list find it known", async () => {
  const first = await scopeOf("known");
  expect(await rememberKeys(app, first, ["b", "a", "b"], HOUR_MS)).toEqual([true, true, false]);
  expect(await rememberKeys(app, await scopeOf("known"), ["a", "c", "b"], HOUR_MS)).toEqual([false, true, false]);
  expect(await rememberKeys(app, { ...first, item: 1 }, ["a"], HOUR_MS)).toEqual([false]);
  expect(await rememberKeys(app, first, [], HOUR_MS)).toEqual([]);
});

test("an attempt that repeats, and a rerun of a rerun, get the first answer again, also after others asked", async () => {
  const first = await scopeOf("repeat");
  expect(await rememberKeys(app, first, ["a", "b"], HOUR_MS)).toEqual([true, true]);
  const other = await scopeOf("repeat");
  expect(await rememberKeys(app, other, ["b", "c"], HOUR_MS)).toEqual([false, true]);
  expect(await rememberKeys(app, first, ["a", "b"], HOUR_MS)).toEqual([true, true]);
  expect(await rememberKeys(app, await rerunOf(await rerunOf(first)), ["a", "b", "c"], HOUR_MS)).toEqual([true, true, false]);
  expect(await rememberKeys(app, other, ["b", "c"], HOUR_MS)).toEqual([false, true]);
});

test("of executions that bring the same keys at the same time, exactly one finds each new, in whatever order they name them", async () => {
  const keys = Array.from({ length: 200 }, (_, index) => `key ${index}`);
  const scopes = await Promise.all(Array.from({ length: 8 }, () => scopeOf("race")));
  const answers = await Promise.all(scopes.map((scope, index) => rememberKeys(app, scope, index % 2 === 0 ? keys : keys.toReversed(), HOUR_MS)));
  const inOrder = answers.map((answer, index) => (index % 2 === 0 ? answer : answer.toReversed()));
  for (const index of keys.keys()) expect(inOrder.filter((answer) => answer[index] === true)).toHaveLength(1);
});

test("a key is new again when its window is over, and a sighting within does not extend it", async () => {
  const first = await scopeOf("window");
  await rememberKeys(app, first, ["a"], HOUR_MS);
  const expiry = async (): Promise<unknown> => (await owner.query("SELECT expires_at FROM remembered_keys WHERE node_id = 'window'")).rows;
  const before = await expiry();
  await rememberKeys(app, await scopeOf("window"), ["a"], 90 * 24 * HOUR_MS);
  expect(await expiry()).toEqual(before);
  await expire("window");
  const second = await scopeOf("window");
  expect(await rememberKeys(app, second, ["a"], HOUR_MS)).toEqual([true]);
  expect(await rememberKeys(app, first, ["a"], HOUR_MS)).toEqual([false]);
});

test("nodes, workflows and tenants do not share what they remember", async () => {
  const first = await scopeOf("mine");
  const stranger = await scopeOf("mine", await seedWorkflow(owner, GRAPH));
  for (const scope of [first, stranger, { ...first, nodeId: "other" }]) {
    expect(await rememberKeys(app, scope, ["a"], HOUR_MS)).toEqual([true]);
    expect(await exchangeValue(app, scope, "n", 1)).toBeUndefined();
  }
  await expect(rememberKeys(app, { ...first, tenantId: stranger.tenantId }, ["a"], HOUR_MS)).rejects.toThrow(/foreign key/);
  expect((await app.query("SELECT 1 FROM remembered_keys")).rowCount).toBe(0);
  expect((await app.query("SELECT 1 FROM kept_values")).rowCount).toBe(0);
});

test("an exchange answers what the execution before kept; repeats answer the same and never move the latest value back", async () => {
  const [first, second, third] = [await scopeOf("values"), await scopeOf("values"), await scopeOf("values")];
  expect(await exchangeValue(app, first, "n", { v: 1 })).toBeUndefined();
  expect(await exchangeValue(app, first, "n", { v: 1 })).toBeUndefined();
  expect(await exchangeValue(app, second, "n", null)).toEqual({ v: 1 });
  expect(await exchangeValue(app, first, "n", { v: 1 })).toBeUndefined();
  expect(await exchangeValue(app, await rerunOf(first), "n", { v: 9 })).toBeUndefined();
  expect(await exchangeValue(app, second, "n", null)).toEqual({ v: 1 });
  expect(await exchangeValue(app, third, "n", "x")).toBeNull();
  expect(await exchangeValue(app, third, "another", "y")).toBeUndefined();
  const { rows } = await owner.query("SELECT count(*)::int AS n FROM kept_values WHERE node_id = 'values' AND is_latest = (value IS NULL)");
  expect(rows).toEqual([{ n: 0 }]);
});

test("a rerun of the latest execution replaces the value that it kept", async () => {
  const first = await scopeOf("latest");
  await exchangeValue(app, first, "n", 1);
  expect(await exchangeValue(app, await rerunOf(first), "n", 2)).toBeUndefined();
  expect(await exchangeValue(app, await scopeOf("latest"), "n", 3)).toBe(2);
});

test("executions that exchange at the same time form a chain: nobody answers twice with the same value", async () => {
  const scopes = await Promise.all(Array.from({ length: 12 }, () => scopeOf("chain")));
  const answers = await Promise.all(scopes.map((scope, index) => exchangeValue(app, scope, "n", index)));
  const latest = await exchangeValue(app, await scopeOf("chain"), "n", "end");
  expect(new Set([...answers, latest])).toEqual(new Set([...scopes.keys(), undefined]));
  expect(answers).toHaveLength(new Set(answers).size);
});

test("a value comes back as it was, also one that jsonb cannot hold", async () => {
  const value = { text: "a\0b \uD800", "__proto__x": [1e-320, 1e308, -1.5, null, true], nested: { z: 1, a: [] } };
  await exchangeValue(app, await scopeOf("text"), "n\0", value);
  expect(JSON.stringify(await exchangeValue(app, await scopeOf("text"), "n\0", 1))).toBe(JSON.stringify(value));
});

test("what expired counts as never kept, and is deleted in portions; the rest stays", async () => {
  const first = await scopeOf("forget");
  const keys = Array.from({ length: 25 }, (_, index) => `key ${index}`);
  await rememberKeys(app, first, keys, HOUR_MS);
  await exchangeValue(app, first, "n", 1);
  await exchangeValue(app, first, "other", 1);
  await expire("forget");
  expect(await exchangeValue(app, await scopeOf("forget"), "n", 2)).toBeUndefined();
  const before = await remembered();
  await rememberKeys(app, await scopeOf("forget"), keys.slice(0, 5), HOUR_MS);
  expect(await forgetExpired(system, 12)).toBeGreaterThanOrEqual(12);
  while ((await forgetExpired(system, 12)) > 0);
  expect(await remembered()).toBeLessThan(before);
  expect((await owner.query("SELECT 1 FROM remembered_keys WHERE node_id = 'forget'")).rowCount).toBe(5);
  expect((await owner.query("SELECT 1 FROM kept_values WHERE node_id = 'forget'")).rowCount).toBe(1);
  expect((await owner.query("SELECT 1 FROM remembered_keys WHERE node_id = 'known'")).rowCount).toBe(3);
});

test("the sweep's role sees what expired and nothing else, and cannot change it", async () => {
  const first = await scopeOf("policy");
  await rememberKeys(app, first, [randomUUID()], HOUR_MS);
  expect((await system.query("SELECT 1 FROM remembered_keys WHERE node_id = 'policy'")).rowCount).toBe(0);
  await system.query("DELETE FROM remembered_keys WHERE node_id = 'policy'");
  expect((await owner.query("SELECT 1 FROM remembered_keys WHERE node_id = 'policy'")).rowCount).toBe(1);
  await expect(system.query("UPDATE remembered_keys SET item = 1")).rejects.toThrow(/permission denied/);
});

async function remembered(): Promise<number> {
  return (await owner.query<{ n: number }>("SELECT count(*)::int AS n FROM remembered_keys")).rows[0]?.n ?? -1;
}
