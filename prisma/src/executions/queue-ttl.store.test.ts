import { beforeEach, expect, test } from "vitest";
import { claimOutbox, markSent } from "../relay/outbox.ts";
import { sweep } from "../relay/sweep.ts";
import { addPlan, queueExecutions, seedWorkflow, type SeededWorkflow } from "../testing/seed.ts";
import { useTestDatabase } from "../testing/test-database.ts";
import { claimExecutions, type ClaimResult } from "./claim.ts";

const GRAPH = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };

const { owner, app, system } = await useTestDatabase();

beforeEach(async () => {
  await owner.query("DELETE FROM executions");
});

/** A workflow whose executions may be QUEUED for so long, on a plan with one slot. */
async function workflowWith(ttlSeconds: number | null): Promise<SeededWorkflow> {
  const workflow = await seedWorkflow(owner, GRAPH, await addPlan(owner, { executionsPerMonth: 100, concurrencyMax: 1 }));
  await owner.query("UPDATE workflows SET queued_ttl_seconds = $2 WHERE id = $1", [workflow.workflowId, ttlSeconds]);
  return workflow;
}

function claim({ tenantId }: SeededWorkflow, executionIds: readonly string[]): Promise<ClaimResult> {
  return claimExecutions(app, { tenantId, executionIds, owner: "w", leaseMs: 60_000, nodeTiers: {}, keepStarved: "never" });
}

/** To the SQL functions it is as if so many seconds had passed. */
async function pass(seconds: number): Promise<void> {
  await owner.query(
    `UPDATE executions SET queued_at = queued_at - make_interval(secs => $1), expires_at = expires_at - make_interval(secs => $1), released_at = released_at - make_interval(secs => $1),
            starved_at = starved_at - make_interval(secs => $1), updated_at = updated_at - make_interval(secs => $1) WHERE completed_at IS NULL`,
    [seconds],
  );
}

/** Hands everything in the outbox over, as the relay does. */
async function relay(): Promise<string[]> {
  const entries = await claimOutbox(system, { owner: "relay", limit: 100, leaseMs: 60_000, outstandingMax: 100 });
  await markSent(system, "relay", entries);
  return entries.map(({ executionId }) => executionId);
}

async function state(id: string): Promise<{ status: string; reason: string | null; message: string | null }> {
  const { rows } = await owner.query("SELECT status, reason, error_message AS message FROM executions WHERE id = $1", [id]);
  return rows[0];
}

test("the claim blocks what waited too long, and nothing else", async () => {
  const workflow = await workflowWith(60);
  const forever = await workflowWith(null);
  const [early = "", late = ""] = await queueExecutions(app, workflow, [{}, {}]);
  const [patient = ""] = await queueExecutions(app, forever, [{}]);
  await pass(59);
  expect((await claim(workflow, [early])).claimed).toHaveLength(1);
  await pass(2);
  expect((await claim(workflow, [late])).blocked).toEqual([{ executionId: late, reason: "QUEUE_TTL_EXPIRED" }]);
  expect(await state(late)).toEqual({ status: "BLOCKED", reason: "QUEUE_TTL_EXPIRED", message: expect.stringMatching(/^The execution was to start until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\.$/) });
  expect(await state(early), "one that started is not concerned").toMatchObject({ status: "RUNNING" });
  await pass(1_000_000);
  expect((await claim(forever, [patient])).claimed).toHaveLength(1);
  expect((await owner.query("SELECT count(*)::int AS reserved FROM reservations WHERE execution_id = $1", [late])).rows).toEqual([{ reserved: 0 }]);
});

test("the sweep finds what waits for a slot: the claim that it orders blocks it although there is none", async () => {
  const workflow = await workflowWith(60);
  const [running = "", starved = ""] = await queueExecutions(app, workflow, [{}, {}]);
  await relay();
  expect(await claim(workflow, [running, starved])).toMatchObject({ claimed: [{ executionId: running }], starved: [starved] });
  expect(await sweep(system, 1_000_000, 10)).toEqual(new Map());
  await pass(61);
  expect(await sweep(system, 1_000_000, 10)).toEqual(new Map([["outdated", 1]]));
  expect(await sweep(system, 1_000_000, 10), "once").toEqual(new Map());
  expect(await relay()).toEqual([starved]);
  expect(await sweep(system, 1_000_000, 10), "until it is stale").toEqual(new Map());
  expect((await claim(workflow, [starved])).blocked).toEqual([{ executionId: starved, reason: "QUEUE_TTL_EXPIRED" }]);
  await pass(3_000_000);
  expect((await sweep(system, 1_000_000, 10)).get("outdated")).toBeUndefined();
});

test("what has not been sent yet is left to the relay; the setting counts for what is accepted after it", async () => {
  const workflow = await workflowWith(60);
  const [id = ""] = await queueExecutions(app, workflow, [{}]);
  await owner.query("UPDATE workflows SET queued_ttl_seconds = NULL WHERE id = $1", [workflow.workflowId]);
  const [free = ""] = await queueExecutions(app, workflow, [{}]);
  await pass(61);
  expect(await sweep(system, 60_000, 10)).toEqual(new Map());
  expect((await relay()).toSorted()).toEqual([id, free].toSorted());
  const { blocked, claimed } = await claim(workflow, [id, free]);
  expect([blocked, claimed.map(({ executionId }) => executionId)]).toEqual([[{ executionId: id, reason: "QUEUE_TTL_EXPIRED" }], [free]]);
});
