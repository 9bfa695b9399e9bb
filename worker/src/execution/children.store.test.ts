import type { JsonObject } from "@fluxo/core/json";
import { cancelExecution } from "@fluxo/prisma/executions/cancel";
import { startChildren } from "@fluxo/prisma/executions/children";
import { claimExecutions } from "@fluxo/prisma/executions/claim";
import { settleExecutions } from "@fluxo/prisma/executions/settle";
import { uuidV7 } from "@fluxo/prisma/ids";
import { sweep } from "@fluxo/prisma/relay/sweep";
import { addPlan, addWorkflow, PLAN, queueExecutions, seedWorkflow, type SeededWorkflow } from "@fluxo/prisma/testing/seed";
import { countWaiting } from "@fluxo/prisma/testing/statements";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import type { Graph } from "@fluxo/test/support/client";
import { chain as inLine } from "@fluxo/test/support/graphs";
import { beforeEach, describe, expect, test } from "vitest";
import { createEngine, deliver, drain, mortalPool } from "./testing/pod.ts";

const pools = await useTestDatabase();

// Relay and sweep see every tenant: what earlier tests left is not theirs.
beforeEach(async () => {
  await pools.owner.query("DELETE FROM executions");
});

const set = (id: string, fields: JsonObject) => ({ id, type: "set", params: { fields } });

/** start → rest, one after the other. */
const chain = (trigger: string, ...rest: Graph["nodes"]): Graph => inLine({ id: "start", type: trigger }, ...rest);

const call = (workflowId: string, params: JsonObject = {}): Graph["nodes"][number] => ({ id: "call", type: "workflow.execute", params: { workflowId, input: { n: "{{ trigger.n }}" }, ...params } });

interface Family {
  readonly parent: SeededWorkflow;
  readonly child: SeededWorkflow;
  readonly tenantId: string;
  /** The queued parent. */
  readonly id: string;
}

/** A child workflow with `body` behind its trigger, and a queued execution of a workflow that calls it and then keeps what came of it. */
async function family(body: Graph["nodes"], params: JsonObject = {}, planId: string = PLAN.PRO): Promise<Family> {
  const child = await seedWorkflow(pools.owner, chain("trigger.workflow", ...body), planId);
  const { tenantId } = child;
  const parent = await addWorkflow(pools.owner, tenantId, chain("trigger.manual", call(child.workflowId, params), set("after", { came: "{{ call }}" })));
  const [id = ""] = await queueExecutions(pools.app, parent, [{ n: 7 }]);
  return { parent, child, tenantId, id };
}

interface Row {
  readonly id: string;
  readonly status: string;
  readonly reason: string | null;
  readonly depth: number;
  readonly parent: string | null;
  readonly output: JsonObject | null;
  readonly code: string | null;
  readonly message: string | null;
  readonly awaited: boolean;
  readonly workflow: string;
}

async function executions(tenantId: string): Promise<Row[]> {
  const { rows } = await pools.owner.query<Row>(
    `SELECT id, status, reason, depth, parent_execution_id AS parent, output, error_code AS code, error_message AS message, is_awaited AS awaited, workflow_id AS workflow
     FROM executions WHERE tenant_id = $1 ORDER BY queued_at, id`,
    [tenantId],
  );
  return rows;
}

async function pair({ tenantId }: Pick<Family, "tenantId">): Promise<readonly [Row, Row]> {
  const [parent, child, ...others] = await executions(tenantId);
  expect(others).toEqual([]);
  expect(child?.parent).toBe(parent?.id);
  return [parent, child] as [Row, Row];
}

/** Nothing is held or reserved when all have ended, and everything was counted once. */
async function expectSettled(tenantId: string, used: number): Promise<void> {
  const { rows } = await pools.owner.query(
    `SELECT (SELECT used FROM concurrency_slots WHERE tenant_id = $1) AS slots, (SELECT count(*)::int FROM reservations WHERE tenant_id = $1) AS reserved,
            (SELECT coalesce(sum(used), 0)::int FROM usage_windows WHERE tenant_id = $1) AS used`,
    [tenantId],
  );
  expect(rows).toEqual([{ slots: 0, reserved: 0, used }]);
}

describe("a parent that waits", () => {
  test("suspends without slot or lease, is woken by the end of its child in the same transaction, and goes on with its results", async () => {
    const given = await family([set("last", { doubled: "{{ trigger.n }}" })]);
    const engine = createEngine(pools, "one");
    await engine.claimAndRun(given.tenantId, [given.id]);
    const [waiting, queued] = await pair(given);
    expect(waiting).toMatchObject({ status: "WAITING", reason: "CHILD" });
    expect(queued).toMatchObject({ status: "QUEUED", depth: 1, awaited: true, workflow: given.child.workflowId });
    expect((await pools.owner.query("SELECT used FROM concurrency_slots WHERE tenant_id = $1", [given.tenantId])).rows).toEqual([{ used: 0 }]);
    expect(await engine.claimAndRun(given.tenantId, [given.id]), "nothing is due yet").toMatchObject({ claimed: 0, skipped: 1 });
    await pools.owner.query("DELETE FROM outbox");
    await engine.claimAndRun(given.tenantId, [queued.id]);
    expect((await pools.owner.query("SELECT event_id AS event FROM outbox")).rows).toEqual([{ event: `${given.id}:1` }]);
    await deliver(pools, engine);
    const [ended, child] = await pair(given);
    expect(child).toMatchObject({ status: "SUCCESS", awaited: false });
    expect(ended).toMatchObject({ status: "SUCCESS", output: { results: { after: { came: { executionId: queued.id, status: "SUCCESS", results: { last: { doubled: 7 } } } } } } });
    await expectSettled(given.tenantId, 2);
  });

  test("goes on with one slot in the plan: it holds none while it waits", async () => {
    const planId = await addPlan(pools.owner, { executionsPerMonth: 100, concurrencyMax: 1 });
    const given = await family([set("last", {})], {}, planId);
    await deliver(pools, createEngine(pools, "one"));
    expect((await pair(given)).map(({ status }) => status)).toEqual(["SUCCESS", "SUCCESS"]);
  });

  test("does not wait for a child that ended before it suspended", async () => {
    const child = await seedWorkflow(pools.owner, chain("trigger.workflow", set("last", {})));
    const slow = { id: "slow", type: "delay", params: { durationMs: 86_400_000 } };
    const graph = chain("trigger.manual", call(child.workflowId), set("after", {}));
    const parent = await addWorkflow(pools.owner, child.tenantId, { nodes: [...graph.nodes, slow], edges: [...graph.edges, { from: "start", to: "slow" }] });
    const [id = ""] = await queueExecutions(pools.app, parent, [{ n: 1 }]);
    // It dies before it settles; the child ends meanwhile, and finds nobody to wake.
    const mortal = mortalPool(pools.app, 6, "before");
    void createEngine({ ...pools, app: mortal.pool }, "mortal").claimAndRun(child.tenantId, [id]);
    await mortal.died;
    const engine = createEngine(pools, "two");
    await deliver(pools, engine);
    expect((await executions(child.tenantId)).map(({ status, awaited }) => [status, awaited])).toEqual([["RUNNING", false], ["SUCCESS", true]]);
    await drain(pools, engine);
    // The other branch waits for its day: a wake-up for the child ends no delay.
    const [waiting] = await executions(child.tenantId);
    expect(waiting).toMatchObject({ status: "WAITING", reason: "DELAY" });
    const { rows } = await pools.owner.query("SELECT node_id AS node, status FROM node_executions WHERE execution_id = $1 ORDER BY position", [id]);
    expect(rows).toEqual([{ node: "start", status: "SUCCESS" }, { node: "call", status: "SUCCESS" }, { node: "slow", status: "WAITING" }, { node: "after", status: "SUCCESS" }]);
  });

  test("that suspends after its child has ended is woken at once, and only once", async () => {
    const given = await family([set("last", {})]);
    const { tenantId } = given;
    const { claimed } = await claimExecutions(pools.app, { tenantId, executionIds: [given.id], owner: "w", leaseMs: 60_000, nodeTiers: {}, keepStarved: "never" });
    const epoch = claimed[0]?.epoch ?? 0;
    const item = { tenantId, parent: { executionId: given.id, epoch, nodeId: "call", item: 0 }, idempotencyKey: "key", workflowId: given.child.workflowId, input: {}, isAwaited: true, occurredAt: new Date() };
    const ask = (times: number) => startChildren(pools.app, Array.from({ length: times }, () => ({ ...item, executionId: uuidV7.next(), payloadId: uuidV7.next() })));
    const [first] = await ask(1);
    expect(await ask(1), "a repeat finds the first").toEqual([first]);
    expect(await startChildren(pools.app, [{ ...item, parent: { ...item.parent, epoch: epoch - 1 }, executionId: uuidV7.next(), payloadId: uuidV7.next() }])).toEqual([{ outcome: "fenced" }]);
    await deliver(pools, createEngine(pools, "one"));
    expect(await pair(given)).toMatchObject([{ status: "RUNNING" }, { status: "SUCCESS", awaited: true }]);
    await settleExecutions(pools.app, [{ tenantId, executionId: given.id, epoch, payloadId: uuidV7.next(), settlement: { status: "WAITING", reason: "CHILD", resumeAt: null } }]);
    expect((await pools.owner.query("SELECT event_id AS event, deliver_at AS at FROM outbox")).rows).toEqual([{ event: `${given.id}:1`, at: null }]);
    expect(await pair(given)).toMatchObject([{ status: "WAITING", reason: "CHILD" }, { awaited: false }]);
  });

});

describe("a parent that is another's by now starts nothing", () => {
  interface Claimed extends Family {
    readonly ask: (workflowId?: string) => Promise<unknown>;
  }

  async function claimedParent(): Promise<Claimed> {
    const given = await family([set("last", {})]);
    const { tenantId } = given;
    const { claimed } = await claimExecutions(pools.app, { tenantId, executionIds: [given.id], owner: "w", leaseMs: 60_000, nodeTiers: {}, keepStarved: "never" });
    const parent = { executionId: given.id, epoch: claimed[0]?.epoch ?? 0, nodeId: "call", item: 0 };
    const ask = (workflowId = given.child.workflowId): Promise<unknown> =>
      startChildren(pools.app, [{ tenantId, parent, idempotencyKey: "key", workflowId, input: {}, isAwaited: true, occurredAt: new Date(), executionId: uuidV7.next(), payloadId: uuidV7.next() }]);
    return { ...given, ask };
  }

  test("when its lease has run out", async () => {
    const { tenantId, id, ask } = await claimedParent();
    await pools.owner.query("UPDATE executions SET lease_until = clock_timestamp() - interval '1 millisecond' WHERE id = $1", [id]);
    expect(await ask()).toEqual([{ outcome: "fenced" }]);
    expect(await executions(tenantId)).toHaveLength(1);
  });

  test("when it is taken over while it asks", async () => {
    const { tenantId, id, ask } = await claimedParent();
    const taker = await pools.owner.connect();
    await taker.query("BEGIN");
    await taker.query("UPDATE executions SET lease_epoch = lease_epoch + 1 WHERE id = $1", [id]);
    const asked = ask();
    await expect.poll(() => countWaiting(pools.owner)).toBe(1);
    await taker.query("COMMIT");
    taker.release();
    expect(await asked).toEqual([{ outcome: "fenced" }]);
    expect(await executions(tenantId)).toHaveLength(1);
  });

  test.each([
    ["is archived", "UPDATE workflows SET archived_at = now(), is_active = false WHERE id = $1"],
    ["is not published any more", "UPDATE workflows SET published_version_id = NULL WHERE id = $1"],
    ["has no trigger that is called any more", "UPDATE triggers SET is_enabled = false WHERE workflow_id = $1"],
  ])("nor does one whose child's workflow %s", async (_why, change) => {
    const { tenantId, child, ask } = await claimedParent();
    await pools.owner.query(change, [child.workflowId]);
    expect(await ask()).toEqual([{ outcome: "absent" }]);
    expect(await executions(tenantId)).toHaveLength(1);
  });
});

describe("a parent that waited", () => {
  test.each([
    ["failed", [{ id: "stop", type: "stop", params: { message: "Not today." } }], "FAILED", "STOPPED_BY_WORKFLOW"],
    ["was refused", [{ id: "many", type: "delay", params: { durationMs: 1 } }], "BLOCKED", "WORKFLOW_INACTIVE"],
  ])("fails with CHILD_FAILED when its child %s, or goes on where it tolerates that", async (_how, body, status, code) => {
    for (const onChildFailure of ["fail", "continue"]) {
      const given = await family(body, { onChildFailure });
      if (status === "BLOCKED") await pools.owner.query("UPDATE workflows SET is_active = false WHERE id = $1", [given.child.workflowId]);
      await drain(pools, createEngine(pools, "one"));
      const [parent, child] = await pair(given);
      expect(child).toMatchObject({ status, code });
      if (onChildFailure === "continue") {
        expect(parent).toMatchObject({ status: "SUCCESS", output: { results: { after: { came: { executionId: child.id, status, error: { code } } } } } });
      } else {
        expect(parent).toMatchObject({ status: "FAILED", code: "CHILD_FAILED" });
        expect(parent.message).toContain(`${child.id} ended with ${status}: ${code}`);
      }
      await pools.owner.query("DELETE FROM executions");
    }
  });

  test("hears of a child that was canceled", async () => {
    const given = await family([set("last", {})]);
    const engine = createEngine(pools, "one");
    await engine.claimAndRun(given.tenantId, [given.id]);
    const [, child] = await pair(given);
    expect(await cancelExecution(pools.app, given.tenantId, child.id)).toEqual({ status: "CANCELED", isRequested: false });
    await deliver(pools, engine);
    expect((await pair(given))[0]).toMatchObject({ status: "FAILED", code: "CHILD_FAILED" });
  });

  test("is found by the sweep when its row was locked at the end of its child", async () => {
    const given = await family([set("last", {})]);
    const engine = createEngine(pools, "one");
    await engine.claimAndRun(given.tenantId, [given.id]);
    const [, child] = await pair(given);
    await pools.owner.query("DELETE FROM outbox");
    const locker = await pools.owner.connect();
    await locker.query("BEGIN");
    await locker.query("SELECT FROM executions WHERE id = $1 FOR UPDATE", [given.id]);
    await engine.claimAndRun(given.tenantId, [child.id]);
    await locker.query("ROLLBACK");
    locker.release();
    expect(await pair(given)).toMatchObject([{ status: "WAITING" }, { status: "SUCCESS", awaited: true }]);
    expect(await sweep(pools.system, 60_000, 10)).toEqual(new Map([["child", 1]]));
    expect(await sweep(pools.system, 60_000, 10), "once").toEqual(new Map());
    await deliver(pools, engine);
    expect(await pair(given)).toMatchObject([{ status: "SUCCESS" }, { status: "SUCCESS", awaited: false }]);
  });
});

test("of parents whose children end together, the one whose row is locked alone has not heard of it", async () => {
  const first = await family([set("last", {})]);
  const { tenantId } = first;
  const [second = ""] = await queueExecutions(pools.app, first.parent, [{ n: 8 }]);
  await createEngine(pools, "one").claimAndRun(tenantId, [first.id, second]);
  const children = (await executions(tenantId)).filter(({ parent }) => parent !== null);
  const { claimed } = await claimExecutions(pools.app, { tenantId, executionIds: children.map(({ id }) => id), owner: "w", leaseMs: 60_000, nodeTiers: {}, keepStarved: "never" });
  await pools.owner.query("DELETE FROM outbox");
  const locker = await pools.owner.connect();
  await locker.query("BEGIN");
  await locker.query("SELECT FROM executions WHERE id = $1 FOR UPDATE", [first.id]);
  await settleExecutions(pools.app, claimed.map(({ executionId, epoch }) => ({ tenantId, executionId, epoch, payloadId: uuidV7.next(), settlement: { status: "SUCCESS", output: {} } as const })));
  await locker.query("ROLLBACK");
  locker.release();
  expect((await pools.owner.query("SELECT execution_id AS id FROM outbox")).rows).toEqual([{ id: second }]);
  expect((await executions(tenantId)).filter(({ awaited }) => awaited).map(({ parent }) => parent)).toEqual([first.id]);
});

test("a node that detaches goes on at once, and its child ends by itself", async () => {
  const given = await family([{ id: "pause", type: "delay", params: { durationMs: 86_400_000 } }], { mode: "detach" });
  await deliver(pools, createEngine(pools, "one"));
  const [parent, child] = await pair(given);
  expect(parent).toMatchObject({ status: "SUCCESS", output: { results: { after: { came: { executionId: child.id, status: "QUEUED", results: {} } } } } });
  expect(child).toMatchObject({ status: "WAITING", reason: "DELAY", awaited: false });
});

test.each(["before", "after"] as const)("a pod of the parent or the child that dies %s any of its statements changes nothing: one child, one result", async (when) => {
  for (const victim of ["parent", "child"] as const) {
    let hasDied = true;
    for (let nth = 1; hasDied; nth += 1) {
      const given = await family([set("last", { n: "{{ trigger.n }}" })]);
      const engine = createEngine(pools, "survivor");
      if (victim === "child") await engine.claimAndRun(given.tenantId, [given.id]);
      const [first, second] = await executions(given.tenantId);
      const mortal = mortalPool(pools.app, nth, when);
      const run = createEngine({ ...pools, app: mortal.pool }, "mortal").claimAndRun(given.tenantId, [(victim === "child" ? second : first)?.id ?? ""]);
      hasDied = await Promise.race([mortal.died.then(() => true), run.then(() => false)]);
      await drain(pools, engine);
      const [parent, child] = await pair(given);
      expect(child.status, `${victim}, statement ${nth}`).toBe("SUCCESS");
      expect(parent, `${victim}, statement ${nth}`).toMatchObject({ status: "SUCCESS", output: { results: { after: { came: { executionId: child.id, results: { last: { n: 7 } } } } } } });
      await expectSettled(given.tenantId, 2);
      await pools.owner.query("DELETE FROM executions");
      if (!hasDied) expect(nth, "a run has more statements than this").toBeGreaterThan(4);
    }
  }
});

describe("limits", () => {
  test("a workflow that calls itself ends five calls deep, and every caller hears of it", async () => {
    const parent = await seedWorkflow(pools.owner, chain("trigger.workflow"));
    const { tenantId } = parent;
    const graph = chain("trigger.workflow", call(parent.workflowId));
    await pools.owner.query("ALTER TABLE workflow_versions DISABLE TRIGGER workflow_versions_immutable");
    await pools.owner.query("UPDATE workflow_versions SET graph = $2 WHERE id = $1", [parent.versionId, JSON.stringify(graph)]);
    await pools.owner.query("ALTER TABLE workflow_versions ENABLE TRIGGER workflow_versions_immutable");
    await queueExecutions(pools.app, parent, [{ n: 1 }]);
    await drain(pools, createEngine(pools, "one"));
    const rows = await executions(tenantId);
    expect(rows.map(({ depth, status, code }) => [depth, status, code])).toEqual([0, 1, 2, 3, 4, 5].map((depth) => [depth, "FAILED", depth === 5 ? "CHILD_DEPTH_EXCEEDED" : "CHILD_FAILED"]));
    await expectSettled(tenantId, 6);
  });

  test("a workflow of another tenant, one that is not there and one that nobody can call are the same failure", async () => {
    const stranger = await seedWorkflow(pools.owner, chain("trigger.workflow"));
    const own = await seedWorkflow(pools.owner, chain("trigger.manual"));
    for (const workflowId of [stranger.workflowId, "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b", own.workflowId]) {
      const caller = await addWorkflow(pools.owner, own.tenantId, chain("trigger.manual", call(workflowId)));
      await queueExecutions(pools.app, caller, [{ n: 1 }]);
      await deliver(pools, createEngine(pools, "one"));
      expect(await executions(own.tenantId)).toMatchObject([{ status: "FAILED", code: "CHILD_UNAVAILABLE", message: expect.stringContaining(workflowId) }]);
      await pools.owner.query("DELETE FROM executions");
    }
    expect(await executions(stranger.tenantId)).toEqual([]);
  });

  test("each item of a loop makes its own call, as many at once as the loop allows", async () => {
    const child = await seedWorkflow(pools.owner, chain("trigger.workflow", set("last", { n: "{{ trigger.n }}" })));
    const loop = { id: "each", type: "for-each", params: { items: [1, 2, 3], concurrency: 2 } };
    const parent = await addWorkflow(pools.owner, child.tenantId, {
      nodes: [{ id: "start", type: "trigger.manual" }, loop, call(child.workflowId, { input: { n: "{{ item }}" } })],
      edges: [{ from: "start", to: "each" }, { from: "each", port: "item", to: "call" }],
    });
    const [id = ""] = await queueExecutions(pools.app, parent, [{}]);
    const engine = createEngine(pools, "one");
    await engine.claimAndRun(child.tenantId, [id]);
    expect((await executions(child.tenantId)).map(({ status }) => status)).toEqual(["WAITING", "QUEUED", "QUEUED"]);
    await deliver(pools, engine);
    const [ended, ...children] = await executions(child.tenantId);
    expect(children.map(({ status, output }) => [status, output?.["results"]])).toEqual([1, 2, 3].map((n) => ["SUCCESS", { last: { n } }]));
    expect(ended?.output).toMatchObject({ results: { each: { count: 3, results: [1, 2, 3].map((n) => ({ status: "SUCCESS", results: { last: { n } } })) } } });
  });
});

describe("cancel", () => {
  test("of a parent ends the children that it waits for, however deep, and not those that it does not", async () => {
    const pause = { id: "pause", type: "delay", params: { durationMs: 86_400_000 } };
    const leaf = await seedWorkflow(pools.owner, chain("trigger.workflow", pause));
    const { tenantId } = leaf;
    const middle = await addWorkflow(pools.owner, tenantId, chain("trigger.workflow", { ...call(leaf.workflowId, { mode: "detach" }), id: "aside" }, call(leaf.workflowId)));
    const top = await addWorkflow(pools.owner, tenantId, chain("trigger.manual", call(middle.workflowId)));
    const [id = ""] = await queueExecutions(pools.app, top, [{ n: 1 }]);
    await deliver(pools, createEngine(pools, "one"));
    expect((await executions(tenantId)).map(({ status }) => status)).toEqual(["WAITING", "WAITING", "WAITING", "WAITING"]);
    await pools.owner.query(`UPDATE node_executions SET usage = '{"model": "m", "inputTokens": 5, "outputTokens": 2}' WHERE tenant_id = $1 AND node_id = 'pause'`, [tenantId]);
    expect(await cancelExecution(pools.app, tenantId, id)).toEqual({ status: "CANCELED", isRequested: false });
    const rows = await executions(tenantId);
    const detached = rows.find(({ workflow, awaited, status }) => workflow === leaf.workflowId && !awaited && status === "WAITING");
    expect(rows.map(({ status }) => status).toSorted()).toEqual(["CANCELED", "CANCELED", "CANCELED", "WAITING"]);
    expect(detached).toMatchObject({ reason: "DELAY" });
    expect(rows.every(({ awaited }) => !awaited)).toBe(true);
    expect(rows.filter(({ status, reason }) => status === "CANCELED" && reason !== null)).toEqual([]);
    const counted = await pools.owner.query(
      `SELECT (SELECT count(*)::int FROM reservations WHERE tenant_id = $1) AS reserved, (SELECT used FROM usage_windows WHERE tenant_id = $1 AND metric = 'executions') AS used,
              (SELECT sum(ai_input_tokens)::int FROM usage_events WHERE tenant_id = $1) AS tokens`,
      [tenantId],
    );
    expect(counted.rows, "what ended counts, with what its open nodes used, and what goes on is reserved").toEqual([{ reserved: 1, used: 3, tokens: 5 }]);
  });

  test("of a parent asks a child that runs to end", async () => {
    const given = await family([set("last", {})]);
    await createEngine(pools, "one").claimAndRun(given.tenantId, [given.id]);
    const [, child] = await pair(given);
    const { claimed } = await claimExecutions(pools.app, { tenantId: given.tenantId, executionIds: [child.id], owner: "w", leaseMs: 60_000, nodeTiers: {}, keepStarved: "never" });
    expect(claimed).toHaveLength(1);
    await cancelExecution(pools.app, given.tenantId, given.id);
    expect((await pools.owner.query("SELECT cancel_requested_at IS NOT NULL AS asked FROM executions WHERE id = $1", [child.id])).rows).toEqual([{ asked: true }]);
    await drain(pools, createEngine(pools, "two"));
    expect(await pair(given)).toMatchObject([{ status: "CANCELED" }, { status: "CANCELED", awaited: false }]);
    await expectSettled(given.tenantId, 2);
  });

  test("of a parent ends a child that waits for a slot, and the next slot is another's", async () => {
    const planId = await addPlan(pools.owner, { executionsPerMonth: 100, concurrencyMax: 1 });
    const given = await family([set("last", {})], {}, planId);
    const { tenantId } = given;
    const engine = createEngine(pools, "one");
    await engine.claimAndRun(tenantId, [given.id]);
    const [, child] = await pair(given);
    const [runs = "", waits = ""] = await queueExecutions(pools.app, given.parent, [{ n: 1 }, { n: 2 }]);
    const claim = (id: string) => claimExecutions(pools.app, { tenantId, executionIds: [id], owner: "w", leaseMs: 60_000, nodeTiers: {}, keepStarved: "never" });
    const { claimed } = await claim(runs);
    for (const id of [child.id, waits]) expect((await claim(id)).starved).toEqual([id]);
    await cancelExecution(pools.app, tenantId, given.id);
    await pools.owner.query("DELETE FROM outbox");
    await settleExecutions(pools.app, [{ tenantId, executionId: runs, epoch: claimed[0]?.epoch ?? 0, payloadId: uuidV7.next(), settlement: { status: "SUCCESS", output: {} } }]);
    expect((await pools.owner.query("SELECT execution_id AS id FROM outbox")).rows).toEqual([{ id: waits }]);
  });

  test("a parent that fails of something else leaves its child alone", async () => {
    const child = await seedWorkflow(pools.owner, chain("trigger.workflow", set("last", {})));
    const graph = chain("trigger.manual", call(child.workflowId));
    const bad = [{ id: "pause", type: "delay", params: { durationMs: 1 } }, { id: "bad", type: "stop", params: { message: "No." } }];
    const parent = await addWorkflow(pools.owner, child.tenantId, { nodes: [...graph.nodes, ...bad], edges: [...graph.edges, { from: "start", to: "pause" }, { from: "pause", to: "bad" }] });
    const [id = ""] = await queueExecutions(pools.app, parent, [{ n: 1 }]);
    const engine = createEngine(pools, "one");
    await engine.claimAndRun(child.tenantId, [id]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await engine.claimAndRun(child.tenantId, [id]);
    expect(await executions(child.tenantId)).toMatchObject([{ status: "FAILED", code: "STOPPED_BY_WORKFLOW" }, { status: "QUEUED", awaited: false }]);
    await deliver(pools, engine);
    expect((await executions(child.tenantId)).map(({ status }) => status)).toEqual(["FAILED", "SUCCESS"]);
  });
});
