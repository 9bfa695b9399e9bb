import { beforeEach, expect, test } from "vitest";
import { claimExecutions, type ClaimResult } from "../executions/claim.ts";
import { settleExecutions, type Settlement } from "../executions/settle.ts";
import { uuidV7 } from "../ids.ts";
import { listenToOutbox } from "../testing/outbox-notifications.ts";
import { addPlan, queueExecutions, seedWorkflow, type PlanLimits, type SeededWorkflow } from "../testing/seed.ts";
import { useTestDatabase } from "../testing/test-database.ts";
import { claimOutbox, markSent } from "./outbox.ts";
import { sweep, type SweepKind } from "./sweep.ts";

const GRAPH = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };
const STALE_MS = 10_000;

const { owner, app, system } = await useTestDatabase();

beforeEach(async () => {
  await owner.query("DELETE FROM executions");
});

async function workflowOf(limits: Partial<PlanLimits> = {}): Promise<SeededWorkflow> {
  return seedWorkflow(owner, GRAPH, await addPlan(owner, { executionsPerMonth: 100, concurrencyMax: 10, ...limits }));
}

/** Hands everything in the outbox over, as the relay does. @returns the ids of the events */
async function release(): Promise<string[]> {
  const entries = await claimOutbox(system, { owner: "relay", limit: 100, leaseMs: 60_000, outstandingMax: 100 });
  await markSent(system, "relay", entries);
  return entries.map(({ eventId }) => eventId);
}

/** Accepts executions and releases them. */
async function start(workflow: SeededWorkflow, count = 1): Promise<string[]> {
  const ids = await queueExecutions(app, workflow, Array.from({ length: count }, () => ({})));
  await release();
  return ids;
}

function claim({ tenantId }: SeededWorkflow, executionIds: readonly string[]): Promise<ClaimResult> {
  return claimExecutions(app, { tenantId, executionIds, owner: "w", leaseMs: 60_000, nodeTiers: {}, keepStarved: "never" });
}

async function settle({ tenantId }: SeededWorkflow, executionId: string, settlement: Settlement): Promise<void> {
  await claim({ tenantId } as SeededWorkflow, [executionId]);
  await settleExecutions(app, [{ tenantId, executionId, epoch: 1, payloadId: uuidV7.next(), settlement }]);
  await release();
}

/** To the sweep it is as if so many seconds had passed for an execution. */
async function pass(id: string, seconds: number): Promise<void> {
  const columns = ["released_at", "lease_until", "resume_at", "starved_at", "expires_at", "park_expires_at", "updated_at"];
  await owner.query(`UPDATE executions SET ${columns.map((column) => `${column} = ${column} - make_interval(secs => $2)`).join(", ")} WHERE id = $1`, [id, seconds]);
}

async function sweepAll(): Promise<Partial<Record<SweepKind, number>>> {
  return Object.fromEntries(await sweep(system, STALE_MS, 100));
}

/** One execution that has stopped moving. */
interface Case {
  readonly kind: SweepKind;
  readonly name: string;
  /** Brings about an execution that is not due yet. @returns its id */
  readonly arrange: () => Promise<string>;
  /** Makes it due. */
  readonly due: (id: string) => Promise<unknown>;
  /** How many wake-ups it had before: timers are such. */
  readonly wakes?: number;
  /** What it may be when the event that the sweep ordered is lost too; the same unless told. */
  readonly lostAs?: readonly SweepKind[];
}

const CASES: readonly Case[] = [
  {
    kind: "queued",
    name: "its event was lost",
    arrange: async () => (await start(await workflowOf()))[0] ?? "",
    due: (id) => pass(id, STALE_MS / 1_000 + 1),
  },
  {
    kind: "queued",
    name: "its entry in the outbox was lost",
    arrange: async () => {
      const [id = ""] = await queueExecutions(app, await workflowOf(), [{}]);
      await owner.query("DELETE FROM outbox WHERE execution_id = $1", [id]);
      return id;
    },
    due: (id) => pass(id, STALE_MS / 1_000 + 1),
  },
  {
    kind: "starved",
    name: "a slot is free and nobody told it",
    arrange: async () => {
      const workflow = await workflowOf({ concurrencyMax: 1 });
      const [first = "", second = ""] = await start(workflow, 2);
      await claim(workflow, [first]);
      expect((await claim(workflow, [second])).starved).toEqual([second]);
      await pass(second, STALE_MS / 1_000 + 1);
      return second;
    },
    due: (id) => owner.query("UPDATE plans SET concurrency_max = 2 WHERE id = (SELECT t.plan_id FROM tenants t JOIN executions e ON e.tenant_id = t.id WHERE e.id = $1)", [id]),
    lostAs: ["queued"],
  },
  {
    kind: "expired",
    name: "its worker is gone",
    arrange: async () => {
      const workflow = await workflowOf();
      const [id = ""] = await start(workflow);
      await claim(workflow, [id]);
      await pass(id, 59);
      return id;
    },
    due: (id) => pass(id, 2),
  },
  {
    kind: "overdue",
    name: "its timer was lost",
    arrange: async () => {
      const workflow = await workflowOf();
      const [id = ""] = await start(workflow);
      await settle(workflow, id, { status: "WAITING", reason: "DELAY", resumeAt: new Date(Date.now() + 3_600_000) });
      await pass(id, 3_590);
      return id;
    },
    due: (id) => pass(id, 12),
    wakes: 1,
  },
  {
    kind: "outdated",
    name: "it waited longer than its workflow allows, for a slot that is taken",
    arrange: async () => {
      const workflow = await workflowOf({ concurrencyMax: 1 });
      await owner.query("UPDATE workflows SET queued_ttl_seconds = 60 WHERE id = $1", [workflow.workflowId]);
      const [first = "", second = ""] = await start(workflow, 2);
      await claim(workflow, [first]);
      await claim(workflow, [second]);
      await pass(second, 59);
      return second;
    },
    due: (id) => pass(id, 2),
    lostAs: ["queued", "outdated"],
  },
  {
    kind: "parked",
    name: "it was parked for longer than its plan allows",
    arrange: async () => {
      const workflow = await workflowOf({ executionsPerMonth: 1, park: { hours: 1 } });
      const [first = "", second = ""] = await start(workflow, 2);
      await claim(workflow, [first]);
      expect((await claim(workflow, [second])).parked).toEqual([second]);
      await pass(second, 3_590);
      return second;
    },
    due: (id) => pass(id, 12),
  },
  {
    kind: "child",
    name: "the sub-workflow that it waits for has ended, and could not tell it",
    arrange: async () => {
      const workflow = await workflowOf();
      const [parent = "", child = ""] = await start(workflow, 2);
      await settle(workflow, parent, { status: "WAITING", reason: "CHILD", resumeAt: null });
      await owner.query("UPDATE executions SET parent_execution_id = $2, parent_node_id = 'start', parent_item = 0 WHERE id = $1", [child, parent]);
      await settle(workflow, child, { status: "SUCCESS", output: {} });
      return parent;
    },
    due: (id) => owner.query("UPDATE executions SET is_awaited = true WHERE parent_execution_id = $1", [id]),
    lostAs: ["overdue"],
  },
];

test.each(CASES)("$kind, $name: woken then and not before, once, and again when that event is lost too", async ({ kind, arrange, due, wakes = 0, lostAs = [kind] }) => {
  const id = await arrange();
  expect(await sweepAll(), "not before").toEqual({});
  await due(id);
  const notifications = await listenToOutbox(system);
  expect(await sweepAll()).toEqual({ [kind]: 1 });
  expect(await notifications.heard(), "the relay is told").toBe(1);
  expect((await owner.query("SELECT released_at FROM executions WHERE id = $1", [id])).rows, "what waits for the relay is not outstanding").toEqual([{ released_at: null }]);
  await pass(id, STALE_MS / 1_000 + 1);
  expect(await sweepAll(), "its entry waits for the relay").toEqual({});
  expect(await release()).toEqual([`${id}:${wakes + 1}`]);
  expect(await sweepAll(), "its event is on its way").toEqual({});
  await pass(id, STALE_MS / 1_000 + 1);
  expect(lostAs.map((as) => ({ [as]: 1 })), "its event was lost").toContainEqual(await sweepAll());
  expect(await release()).toEqual([`${id}:${wakes + 2}`]);
});

test("what has ended is left alone, however old it is", async () => {
  const workflow = await workflowOf();
  const [id = ""] = await start(workflow);
  await settle(workflow, id, { status: "SUCCESS", output: {} });
  await pass(id, 86_400);
  const notifications = await listenToOutbox(system);
  expect(await sweepAll()).toEqual({});
  expect(await notifications.heard()).toBe(0);
});

test.each(CASES.filter(({ kind }) => kind !== "starved"))("$kind, $name: one whose entry waits for the relay takes no place of the limit", async ({ kind, arrange, due }) => {
  const ordered = await arrange();
  await due(ordered);
  await pass(ordered, 3_600);
  await owner.query("UPDATE executions SET released_at = NULL WHERE id = $1", [ordered]);
  const id = await arrange();
  await due(id);
  await owner.query("INSERT INTO outbox (tenant_id, execution_id, concurrency_class, event_id) SELECT tenant_id, id, concurrency_class, id::text || ':9' FROM executions WHERE id = $1", [ordered]);
  expect(await sweep(system, STALE_MS, 1)).toEqual(new Map([[kind, 1]]));
  expect((await owner.query("SELECT execution_id AS id FROM outbox ORDER BY id")).rows).toEqual([{ id: ordered }, { id }]);
});

test("one that somebody holds is left to the next sweep, and keeps no other from being woken", async () => {
  const workflow = await workflowOf();
  const [held = "", free = ""] = await start(workflow, 2);
  for (const id of [held, free]) await pass(id, STALE_MS / 1_000 + 1);
  const holder = await owner.connect();
  try {
    await holder.query("BEGIN");
    await holder.query("SELECT FROM executions WHERE id = $1 FOR UPDATE", [held]);
    expect(await sweepAll()).toEqual({ queued: 1 });
  } finally {
    await holder.query("ROLLBACK");
    holder.release();
  }
  expect(await release()).toEqual([`${free}:1`]);
  expect(await sweepAll()).toEqual({ queued: 1 });
});

test("a parent that the sweep wakes has heard of its children that ended, and waits for the others still; other parents' children are theirs", async () => {
  const workflow = await workflowOf();
  const [parent = "", other = "", ...children] = await start(workflow, 5);
  for (const id of [parent, other]) await settle(workflow, id, { status: "WAITING", reason: "CHILD", resumeAt: null });
  const [ended = "", open = "", theirs = ""] = children;
  for (const id of [ended, theirs]) await settle(workflow, id, { status: "SUCCESS", output: {} });
  for (const [index, id] of children.entries()) {
    await owner.query("UPDATE executions SET parent_execution_id = $2, parent_node_id = 'start', parent_item = $3, is_awaited = true WHERE id = $1", [id, id === theirs ? other : parent, index]);
  }
  // The other parent runs by now: it will see what ended when it suspends again.
  await owner.query("UPDATE executions SET resume_at = now() WHERE id = $1", [other]);
  await claim(workflow, [other]);
  expect(await sweepAll()).toEqual({ child: 1 });
  const { rows } = await owner.query<{ id: string }>("SELECT id FROM executions WHERE is_awaited ORDER BY id");
  expect(rows.map(({ id }) => id)).toEqual([open, theirs].toSorted());
});
