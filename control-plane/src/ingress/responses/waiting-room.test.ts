import type { AwaitedExecution, ExecutionResponse } from "@fluxo/prisma/executions/responses";
import { createLogger } from "@fluxo/runtime/logger";
import { createMetrics, createRegistry } from "@fluxo/runtime/metrics";
import { ManualClock } from "@fluxo/runtime/testing/manual-clock";
import { expect, test } from "vitest";
import { WaitingRoom, type WaitOptions } from "./waiting-room.ts";

const SUCCEEDED: ExecutionResponse = { kind: "succeeded", results: { a: 1 } };
const logger = createLogger({ service: "test", level: "silent" });

function setUp(waitersMax?: number) {
  const clock = new ManualClock();
  const metrics = createMetrics(createRegistry());
  const answers = new Map<string, ExecutionResponse>();
  const reads: (readonly AwaitedExecution[])[] = [];
  const store = { isAway: false };
  const room = new WaitingRoom({
    read: (awaited) => {
      reads.push(awaited);
      return store.isAway ? Promise.reject(new Error("away")) : Promise.resolve(awaited.map(({ executionId }) => answers.get(executionId)));
    },
    clock,
    logger,
    metrics,
    ...(waitersMax === undefined ? {} : { waitersMax }),
  });
  const wait = (executionId: string, options: Partial<WaitOptions> = {}) =>
    room.wait({ tenantId: "t", executionId, mode: "lastNode" }, { timeoutMs: 5_000, signal: new AbortController().signal, isEarlier: false, ...options });
  const outcomes = async (): Promise<Record<string, number>> => Object.fromEntries((await metrics.hookAnswers.get()).values.map(({ labels, value }) => [labels.outcome, value]));
  const waiting = async (): Promise<number> => (await metrics.hookWaiters.get()).values[0]?.value ?? 0;
  return { clock, room, answers, reads, store, wait, outcomes, waiting };
}

test("who is told looks, and gets what is there", async () => {
  const { clock, room, answers, reads, wait, outcomes, waiting } = setUp();
  const pending = wait("e1");
  await clock.advance(0);
  expect([reads.length, await waiting()]).toEqual([0, 1]);
  answers.set("e1", SUCCEEDED);
  room.tell("e1");
  expect(await pending).toBe(SUCCEEDED);
  expect([await outcomes(), await waiting(), clock.sleeping]).toEqual([{ answered: 1 }, 0, 0]);
});

test("a message that is early, foreign or repeated does no harm", async () => {
  const { clock, room, answers, wait } = setUp();
  const pending = wait("e1");
  room.tell("e1");
  room.tell("e1");
  room.tell("e2");
  await clock.advance(10);
  answers.set("e1", SUCCEEDED);
  room.tell("e1");
  expect(await pending).toBe(SUCCEEDED);
});

test("a message that comes during a look makes it look again", async () => {
  const { room, answers, reads, wait } = setUp();
  const pending = wait("e1", { isEarlier: true });
  await new Promise(setImmediate);
  expect(reads).toHaveLength(1);
  answers.set("e1", SUCCEEDED);
  room.tell("e1");
  expect(await pending).toBe(SUCCEEDED);
});

test("an execution of an earlier delivery is looked at without being told; all its callers get the same", async () => {
  const { answers, wait, reads } = setUp();
  answers.set("e1", SUCCEEDED);
  expect(await Promise.all([wait("e1", { isEarlier: true }), wait("e1", { isEarlier: true })])).toEqual([SUCCEEDED, SUCCEEDED]);
  expect(reads).toHaveLength(1);
});

test("without messages everybody looks once a second, in one statement", async () => {
  const { clock, room, answers, reads, wait } = setUp();
  room.start();
  const pending = [wait("e1"), wait("e2")];
  await clock.advance(999);
  expect(reads).toHaveLength(0);
  await clock.advance(1);
  await clock.advance(0);
  expect(reads.map((awaited) => awaited.length)).toEqual([2]);
  answers.set("e1", SUCCEEDED).set("e2", SUCCEEDED);
  await clock.advance(1_000);
  expect(await Promise.all(pending)).toEqual([SUCCEEDED, SUCCEEDED]);
  room.close();
});

test("the time-out ends the wait, but an answer of the last moment counts", async () => {
  const { clock, answers, wait, outcomes } = setUp();
  const [late, never] = [wait("e1"), wait("e2")];
  await clock.advance(4_999);
  answers.set("e1", SUCCEEDED);
  await clock.advance(1);
  expect(await Promise.all([late, never])).toEqual([SUCCEEDED, undefined]);
  expect(await outcomes()).toEqual({ answered: 1, timeout: 1 });
});

test("a store that is away is waited for, within the time-out", async () => {
  const { clock, room, answers, store, wait } = setUp();
  store.isAway = true;
  const [first, second] = [wait("e1"), wait("e2")];
  room.tell("e1");
  await clock.advance(1_000);
  store.isAway = false;
  answers.set("e1", SUCCEEDED);
  room.tell("e1");
  expect(await first).toBe(SUCCEEDED);
  store.isAway = true;
  await clock.advance(4_000);
  expect(await second).toBeUndefined();
});

test("a caller that goes away is forgotten", async () => {
  const { clock, wait, outcomes, waiting } = setUp();
  const gone = new AbortController();
  const pending = wait("e1", { signal: gone.signal });
  gone.abort();
  expect(await pending).toBeUndefined();
  expect(await wait("e1", { signal: gone.signal })).toBeUndefined();
  expect([await outcomes(), await waiting(), clock.sleeping]).toEqual([{ gone: 2 }, 0, 0]);
});

test("a full room lets nobody in until somebody leaves; a closed one lets everybody go", async () => {
  const { room, answers, wait, outcomes, waiting } = setUp(2);
  const [first, second] = [wait("e1"), wait("e2")];
  expect(await wait("e3")).toBeUndefined();
  answers.set("e1", SUCCEEDED);
  room.tell("e1");
  await first;
  const third = wait("e3");
  room.close();
  expect(await Promise.all([second, third, wait("e4")])).toEqual([undefined, undefined, undefined]);
  expect([await outcomes(), await waiting()]).toEqual([{ answered: 1, refused: 4 }, 0]);
});
