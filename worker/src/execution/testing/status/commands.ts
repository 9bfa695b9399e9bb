import { canTransition, isTerminal, type ExecutionStatus } from "@fluxo/core/status/execution-status";
import fc from "fast-check";
import { expect } from "vitest";
import { BACKOFF, DELAY, type ModelExecution, type ModelSettlement, type StatusModel } from "./model.ts";
import type { EngineRun, Observation, StatusWorld, Ticket } from "./world.ts";

/** A command acts on the model and on the database, and fails when they answer differently; afterwards both are compared as a whole. */
type StatusCommand = fc.AsyncCommand<StatusModel, StatusWorld>;

interface Watch {
  slots: number;
  ended: Readonly<Record<string, unknown>>;
}

const watches = new WeakMap<StatusWorld, Watch>();
/** The arrows of the status machine that were seen, so that a test can tell whether its commands reach them. */
export const seenArrows = new Set<string>();

function command(name: string, act: (model: StatusModel, world: StatusWorld) => Promise<void>, isPossible: (model: StatusModel) => boolean = () => true): StatusCommand {
  return {
    check: isPossible,
    run: async (model, world) => {
      await act(model, world);
      const seen = await world.observe();
      expectSame(model, seen);
      expectInvariants(model, world, seen);
    },
    toString: () => name,
  };
}

/** The database is where the model is. */
function expectSame(model: StatusModel, seen: Observation): void {
  const expected = model.executions.map((execution) => ({
    ...{ id: execution.id, status: execution.status, reason: execution.reason, epoch: execution.epoch, owner: execution.owner, isLeased: execution.leaseUntil !== null },
    ...{ isTimed: execution.resumeAt !== null, isReleased: execution.releasedAt !== null, isStarved: execution.starvedAt !== null, wakeCount: execution.wakeCount },
    ...{ isCancelRequested: execution.isCancelRequested, isEnded: isTerminal(execution.status) },
  }));
  expect(seen.executions).toEqual(expected);
  const outbox = model.outbox.map(({ eventId, isTimer, claimedBy }) => ({ eventId, isTimer, claimedBy }));
  expect(seen.outbox.toSorted(byEvent)).toEqual(outbox.toSorted(byEvent));
  expect({ slots: seen.slots, usage: seen.usage, isParking: seen.isParking }).toEqual({ slots: model.used, usage: model.usage, isParking: model.drainAt !== null });
}

/** What holds whatever the model says. */
function expectInvariants(model: StatusModel, world: StatusWorld, seen: Observation): void {
  const watch = watches.get(world) ?? { slots: 0, ended: {} };
  const running = seen.executions.filter(({ status }) => status === "RUNNING");
  expect(seen.slots, "slots in use are executions that run").toBe(running.length);
  expect(seen.slots, "no slot beyond the limit is given away").toBeLessThanOrEqual(Math.max(watch.slots, model.plan.concurrencyMax));
  expect(running.every(({ isLeased, owner }) => isLeased && owner !== null), "nothing runs without a lease").toBe(true);
  const admitted = seen.executions.filter(({ epoch }) => epoch > 0);
  const open = admitted.filter(({ isEnded }) => !isEnded).map(({ id }) => id);
  expect(seen.reservations, "what was admitted and has not ended is reserved").toEqual(open);
  expect(seen.usage, "what was admitted counts once").toEqual({ reserved: open.length, used: admitted.length - open.length });
  for (const [before, after] of seen.arrows) {
    expect(canTransition(before as ExecutionStatus, after as ExecutionStatus), `${before} → ${after}`).toBe(true);
    seenArrows.add(`${before} → ${after}`);
  }
  for (const [id, row] of Object.entries(watch.ended)) expect(seen.ended[id], "what ended stays as it is").toEqual(row);
  for (const execution of seen.executions) expect(hasWaker(execution, seen), `something wakes ${execution.id}, ${execution.status}`).toBe(true);
  watches.set(world, { slots: seen.slots, ended: seen.ended });
}

/** An event on its way, or something that the sweep looks for. */
function hasWaker(execution: Observation["executions"][number], { outbox, isParking }: Observation): boolean {
  if (execution.isEnded || outbox.some(({ eventId }) => eventId.startsWith(execution.id))) return true;
  if (execution.status === "RUNNING") return execution.isLeased;
  if (execution.status === "WAITING") return execution.isTimed || (execution.reason === "QUOTA" && isParking);
  return execution.isReleased || execution.isStarved;
}

function byEvent(left: { readonly eventId: string }, right: { readonly eventId: string }): number {
  return left.eventId < right.eventId ? -1 : 1;
}

/** The element that a number stands for; numbers stay meaningful when commands before them are left out. */
function pick<T>(items: readonly T[], index: number): T {
  return items[index % items.length] as T;
}

/** Any execution; two times of three one that has not ended, if there is one. */
function target({ executions }: StatusModel, index: number): ModelExecution {
  const open = executions.filter(({ status }) => !isTerminal(status));
  return pick(index % 3 === 0 || open.length === 0 ? executions : open, index);
}

const hasExecutions = ({ executions }: StatusModel): boolean => executions.length > 0;

const intakes = fc
  .array(fc.record({ workflow: fc.nat(1), key: fc.nat(7), fingerprint: fc.constantFrom("x", "x", "x", "y") }), { minLength: 1, maxLength: 4 })
  .map((items) =>
    command(`intake ${JSON.stringify(items)}`, async (model, world) => {
      const given = items.map((item) => ({ ...item, key: `key-${item.key}`, executionId: world.nextId() }));
      expect(await world.intake(given)).toEqual(given.map((item) => model.intake(item)));
    }),
  );

const claims = fc
  .record({ owner: fc.constantFrom("c", "d"), picks: fc.array(fc.nat(20), { minLength: 1, maxLength: 5 }), keep: fc.constantFrom("never", "ifClaimed", "always") })
  .map(({ owner, picks, keep }) =>
    command(
      `claim by ${owner}, keeping the starved ${keep}, ${picks.join(" ")}`,
      async (model, world) => {
        const ids = [...new Set(picks.map((index) => target(model, index).id))];
        const expected = model.claim(owner, ids, keep);
        const { claimed, ...rest } = await world.claim(owner, ids, keep);
        const summary = ({ id, epoch, isCancelRequested }: ModelExecution): object => ({ id, epoch, isCanceled: isCancelRequested });
        expect(claimed.map(({ executionId, epoch, isCanceled }) => ({ id: executionId, epoch, isCanceled })).toSorted(byId)).toEqual(expected.claimed.map(summary).toSorted(byId));
        expect({ blocked: rest.blocked.toSorted(byExecution), parked: rest.parked.toSorted(), starved: rest.starved.toSorted(), skipped: rest.skipped.toSorted() }).toEqual({
          ...{ blocked: expected.blocked.toSorted(byExecution), parked: expected.parked.toSorted(), starved: expected.starved.toSorted(), skipped: expected.skipped.toSorted() },
        });
      },
      hasExecutions,
    ),
  );

function byId(left: object, right: object): number {
  return JSON.stringify(left) < JSON.stringify(right) ? -1 : 1;
}

function byExecution(left: { readonly executionId: string }, right: { readonly executionId: string }): number {
  return left.executionId < right.executionId ? -1 : 1;
}

const engineStarts = fc.record({ worker: fc.constantFrom("engine-a", "engine-b"), index: fc.nat(20) }).map(({ worker, index }) =>
  command(
    `${worker} runs ${index}`,
    async (model, world) => {
      const { id } = target(model, index);
      const [claimed] = model.claim(worker, [id], "ifClaimed").claimed;
      const runs = world.runs.length;
      await world.start(worker, id, claimed?.epoch ?? 0);
      if (claimed?.isCancelRequested === true) model.settle(claimed, claimed.epoch, { status: "CANCELED" });
      else if (claimed?.isPaused === true) model.settle(claimed, claimed.epoch, { status: "SUCCESS" });
      else if (claimed !== undefined) expect(world.runs.length, "the run reached the provider").toBe(runs + 1);
    },
    hasExecutions,
  ),
);

/** What the provider answers, and what becomes of an execution whose lease is good. */
const ANSWERS = {
  succeed: { status: 200, settlement: { status: "SUCCESS" } },
  fail: { status: 404, settlement: { status: "FAILED" } },
  delay: { status: 200, settlement: { status: "WAITING", reason: "DELAY", resumeAfter: DELAY } },
  "back off": { status: 429, settlement: { status: "WAITING", reason: "BACKOFF", resumeAfter: BACKOFF } },
} as const satisfies Record<string, { status: number; settlement: ModelSettlement }>;

const engineAnswers = fc.record({ answer: fc.constantFrom(...(Object.keys(ANSWERS) as (keyof typeof ANSWERS)[])), index: fc.nat(20) }).map(({ answer, index }) =>
  command(`the provider lets ${index} ${answer}`, async (model, world) => {
    if (world.runs.length === 0) return;
    const run = pick(world.runs, index);
    const execution = model.get(run.executionId);
    const { status, settlement } = ANSWERS[answer];
    await world.answer(run, status, { delay: answer === "delay" });
    if (!model.mayRecord(execution, run.epoch)) return;
    if (answer === "delay") execution.isPaused = true;
    model.settle(execution, run.epoch, settlement);
  }),
);

const engineBeats = fc.constantFrom("engine-a", "engine-b").map((worker) =>
  command(`${worker} beats`, async (model, world) => {
    const ended: EngineRun[] = [];
    for (const run of world.runs.filter((candidate) => candidate.worker === worker && candidate.isKept)) {
      const isCanceled = model.heartbeat(model.get(run.executionId), worker, run.epoch);
      if (isCanceled !== false) ended.push(run);
    }
    await world.tick(worker);
    for (const run of ended) {
      await world.ended(run);
      model.settle(model.get(run.executionId), run.epoch, { status: "CANCELED" });
    }
  }),
);

/** A command on one of the leases that the test took, good or not. */
function withTicket(name: string, index: number, act: (model: StatusModel, world: StatusWorld, ticket: Ticket) => Promise<void>): StatusCommand {
  return command(`${name} ${index}`, async (model, world) => {
    if (world.tickets.length > 0) await act(model, world, pick(world.tickets, index));
  });
}

const settlements = fc
  .record({
    index: fc.nat(20),
    settlement: fc.constantFrom<ModelSettlement>(
      { status: "SUCCESS" },
      { status: "FAILED" },
      { status: "CANCELED" },
      { status: "WAITING", reason: "DELAY", resumeAfter: DELAY },
      { status: "WAITING", reason: "BACKOFF", resumeAfter: BACKOFF },
    ),
  })
  .map(({ index, settlement }) =>
    withTicket(`settle ${settlement.status}`, index, async (model, world, ticket) => {
      const { executionId, epoch } = ticket.claimed;
      expect(await world.settle(ticket, settlement)).toBe(model.settle(model.get(executionId), epoch, settlement));
    }),
  );

const records = fc.nat(20).map((index) =>
  withTicket("record", index, async (model, world, ticket) => {
    const { executionId, epoch } = ticket.claimed;
    expect(await world.record(ticket)).toBe(model.mayRecord(model.get(executionId), epoch));
  }),
);

const heartbeats = fc.constantFrom("c", "d").map((owner) =>
  command(`${owner} beats`, async (model, world) => {
    const held = world.tickets.filter((ticket) => ticket.owner === owner).map(({ claimed: { tenantId, executionId, epoch } }) => ({ tenantId, executionId, epoch }));
    const kept = held.flatMap(({ executionId, epoch }) => {
      const isCanceled = model.heartbeat(model.get(executionId), owner, epoch);
      return isCanceled === undefined ? [] : [[executionId, isCanceled] as const];
    });
    expect(await world.heartbeat(owner, held)).toEqual(new Map(kept));
  }),
);

const cancels = fc.nat(20).map((index) =>
  command(
    `cancel ${index}`,
    async (model, world) => {
      const execution = pick(model.executions, index);
      expect(await world.cancel(execution.id)).toEqual(model.cancel(execution));
    },
    hasExecutions,
  ),
);

const changes = fc
  .oneof(
    fc.record({ concurrencyMax: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ executionsPerMonth: fc.constantFrom(0, 3, 3, 100) }),
    fc.record({ parks: fc.constantFrom(true, true, true, false) }),
    fc.record({ nodesMax: fc.constantFrom(4, 10, 10) }),
    fc.record({ tierRank: fc.constantFrom(0, 2, 2) }),
    fc.record({ isTenantActive: fc.constantFrom(true, true, false) }),
    fc.record({ workflow: fc.nat(1), isActive: fc.boolean() }),
  )
  .map((change) =>
    command(`change ${JSON.stringify(change)}`, async (model, world) => {
      if ("isTenantActive" in change) model.isTenantActive = change.isTenantActive;
      else if ("workflow" in change) pick(model.workflows, change.workflow).isActive = change.isActive;
      else model.plan = { ...model.plan, ...change };
      await world.configure(model);
    }),
  );

const passes = fc.constantFrom(10, 30, 60).map((minutes) =>
  command(`${minutes} minutes pass`, async (model, world) => {
    model.now += minutes;
    await world.pass(minutes);
  }),
);

const sweeps = fc.constant(
  command("sweep", async (model, world) => {
    expect(await world.sweep()).toBe(model.sweep().length);
  }),
);

const drains = fc.boolean().map((isAsked) =>
  command(isAsked ? "drain, as asked" : "drain what is due", async (model, world) => {
    expect(await world.drainParked(isAsked)).toBe(model.drain(isAsked));
  }),
);

const relayClaims = fc.record({ owner: fc.constantFrom("relay-a", "relay-b"), limit: fc.integer({ min: 1, max: 4 }), outstanding: fc.integer({ min: 1, max: 4 }) }).map(({ owner, limit, outstanding }) =>
  command(`${owner} claims ${limit}, at most ${outstanding} outstanding`, async (model, world) => {
    const { count, among } = model.relayable(limit, outstanding);
    const ids = (await world.relayClaim(owner, limit, outstanding)).map(({ eventId }) => eventId);
    expect(ids.length).toBe(count);
    expect(ids.every((id) => among.has(id))).toBe(true);
    model.relayClaim(owner, ids);
  }),
);

const relaySends = fc.constantFrom("relay-a", "relay-b").map((owner) =>
  command(`${owner} has sent`, async (model, world) => {
    const entries = world.relayed.get(owner) ?? [];
    world.relayed.delete(owner);
    const ids = entries.map(({ eventId }) => eventId);
    expect(await world.relaySent(owner, entries)).toBe(model.relaySent(owner, ids));
  }),
);

/** What happens often stands here often. */
export const statusCommands: fc.Arbitrary<StatusCommand>[] = [
  ...[intakes, intakes, intakes, claims, claims, claims, claims, settlements, settlements, settlements, settlements, settlements, records, heartbeats],
  ...[engineStarts, engineStarts, engineStarts, engineStarts, engineStarts, engineAnswers, engineAnswers, engineAnswers, engineAnswers, engineAnswers, engineBeats],
  ...[cancels, cancels, changes, changes, passes, passes, passes, sweeps, sweeps, drains, relayClaims, relayClaims, relaySends],
];
