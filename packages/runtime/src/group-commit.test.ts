import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DrainedError, type FlushReport, GroupCommit, type GroupCommitOptions, OverloadedError } from "./group-commit.ts";

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A store that records its batches and answers only when told. */
function setUp(options: Partial<GroupCommitOptions<number, string>> = {}) {
  const batches: (readonly number[])[] = [];
  const gates: PromiseWithResolvers<undefined>[] = [];
  const group = new GroupCommit<number, string>({
    maxBatch: 100,
    maxQueued: 1_000,
    flush: async (items) => {
      batches.push(items);
      const gate = Promise.withResolvers<undefined>();
      gates.push(gate);
      await gate.promise;
      return items.map((item) => `r${item}`);
    },
    ...options,
  });
  return { batches, gates, group };
}

/** Their hashes differ in the last bit, so that two flushes share them. */
const OWNERS = ["even", "odd"] as const;

describe("batching", () => {
  test("callers of the same turn share a flush, also those behind a few awaits", async () => {
    const { batches, gates, group } = setUp();
    const late = (async () => {
      await Promise.resolve();
      await Promise.resolve();
      return group.add(3);
    })();
    const results = [group.add(1), group.add(2), late];
    expect(batches).toEqual([]);
    await nextTurn();
    expect(batches).toEqual([[1, 2, 3]]);
    gates[0]?.resolve(undefined);
    expect(await Promise.all(results)).toEqual(["r1", "r2", "r3"]);
  });

  test("a lone item of an idle group is flushed in the same turn, without a timer", async () => {
    const { batches, group } = setUp();
    void group.add(1);
    await nextTurn();
    expect(batches).toEqual([[1]]);
  });

  test("items queue while a flush runs, and go together after it, in order and at most maxBatch at a time", async () => {
    const { batches, gates, group } = setUp({ maxBatch: 2 });
    const results = [1, 2, 3, 4, 5].map((item) => group.add(item));
    await nextTurn();
    expect([batches.length, group.queued]).toEqual([1, 3]);
    for (let i = 0; i < 3; i += 1) {
      gates[i]?.resolve(undefined);
      await nextTurn();
      await nextTurn();
    }
    expect(batches).toEqual([[1, 2], [3, 4], [5]]);
    expect(await Promise.all(results)).toEqual(["r1", "r2", "r3", "r4", "r5"]);
  });

  test("runs up to maxInFlight flushes at once", async () => {
    const { batches, gates, group } = setUp({ maxBatch: 1, maxInFlight: 2 });
    for (const item of [1, 2, 3]) void group.add(item);
    await nextTurn();
    expect(batches).toEqual([[1], [2]]);
    gates[1]?.resolve(undefined);
    await nextTurn();
    await nextTurn();
    expect(batches).toEqual([[1], [2], [3]]);
  });
});

describe("bounds", () => {
  test("flushes at the same time have different owners as long as each has some, and nobody waits for an idle flush", async () => {
    const { batches, gates, group } = setUp({ maxInFlight: 2, ownerOf: (item) => OWNERS[item % 2] ?? "" });
    const results = [1, 2, 3, 4].map((item) => group.add(item));
    await nextTurn();
    expect(batches.toSorted(([a = 0], [b = 0]) => a - b), "each its owner's").toEqual([[1, 3], [2, 4]]);
    results.push(...[5, 6, 7, 8].map((item) => group.add(item)));
    const ofOdd = batches.findIndex(([first]) => first === 1);
    gates[ofOdd]?.resolve(undefined);
    await nextTurn();
    await nextTurn();
    expect(batches.at(-1)).toEqual([5, 7]);
    gates[2]?.resolve(undefined);
    await nextTurn();
    await nextTurn();
    expect(batches.at(-1), "its owner has none left, so it takes the other's").toEqual([6, 8]);
    for (const gate of gates) gate.resolve(undefined);
    expect(await Promise.all(results)).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((item) => `r${item}`));
  });

  test("rejects beyond maxQueued, and takes items again when there is room", async () => {
    const { gates, group } = setUp({ maxBatch: 1, maxQueued: 2 });
    void group.add(1);
    await nextTurn();
    void group.add(2);
    void group.add(3);
    await expect(group.add(4)).rejects.toThrow(OverloadedError);
    gates[0]?.resolve(undefined);
    await nextTurn();
    await nextTurn();
    expect(group.queued).toBe(1);
    void group.add(5);
    expect(group.queued).toBe(2);
  });

  test("rejects while an item has waited for too long, and takes items again when it has gone", async () => {
    let nowMs = 0;
    const { batches, gates, group } = setUp({ maxBatch: 1, maxWaitMs: 1_000, nowMs: () => nowMs });
    void group.add(1);
    await nextTurn();
    nowMs = 5_000;
    void group.add(2);
    nowMs = 6_000;
    void group.add(3);
    nowMs = 6_001;
    await expect(group.add(4)).rejects.toThrow(OverloadedError);
    gates[0]?.resolve(undefined);
    await nextTurn();
    await nextTurn();
    void group.add(5);
    gates[1]?.resolve(undefined);
    await nextTurn();
    await nextTurn();
    expect(batches).toEqual([[1], [2], [3]]);
    expect(group.queued).toBe(1);
  });

  test.each([{ maxBatch: 0 }, { maxQueued: 0.5 }, { maxInFlight: 0 }, { retryRowByRow: true }])("refuses %j", (options) => {
    expect(() => setUp(options)).toThrow(RangeError);
  });
});

describe("failures", () => {
  class UniqueViolation extends Error {}

  test("without row-by-row every item of the batch gets the error, and the next batch goes on", async () => {
    let calls = 0;
    const { group } = setUp({
      flush: async (items) => {
        calls += 1;
        if (calls === 1) throw new Error("connection lost");
        return items.map(String);
      },
    });
    expect(await Promise.allSettled([group.add(1), group.add(2)])).toMatchObject([{ reason: { message: "connection lost" } }, { reason: { message: "connection lost" } }]);
    expect(await group.add(3)).toBe("3");
  });

  test("row by row poison fails alone, with its own error, and nothing is repeated when the outcome is unknown", async () => {
    const reports: FlushReport[] = [];
    let connectionError: Error | undefined;
    const { group } = setUp({
      retryRowByRow: true,
      isRetryable: (error) => error instanceof UniqueViolation,
      onFlush: (report) => reports.push(report),
      flush: async (items) => {
        if (connectionError !== undefined) throw connectionError;
        const poison = items.find((item) => item < 0);
        if (poison !== undefined) throw new UniqueViolation(`poison ${poison}`);
        return items.map((item) => `r${item}`);
      },
    });
    expect(await Promise.allSettled([1, -2, 3].map((item) => group.add(item)))).toMatchObject([{ value: "r1" }, { reason: { message: "poison -2" } }, { value: "r3" }]);
    expect(reports.map(({ size, hasFailed }) => [size, hasFailed])).toEqual([[3, true], [1, false], [1, true], [1, false]]);
    connectionError = new Error("lost");
    await Promise.allSettled([group.add(1), group.add(2)]);
    expect(reports.slice(4).map(({ size, hasFailed }) => [size, hasFailed])).toEqual([[2, true]]);
  });

  test("a flush that gives another number of results fails, also when it throws at once", async () => {
    const short = setUp({ flush: () => Promise.resolve([]) });
    await expect(short.group.add(1)).rejects.toThrow("A flush of 1 items gave 0 results.");
    const thrower = setUp({
      flush: () => {
        throw new Error("at once");
      },
    });
    await expect(thrower.group.add(1)).rejects.toThrow("at once");
  });
});

describe("drain", () => {
  test("refuses new items and waits for all that were taken", async () => {
    const { gates, group } = setUp({ maxBatch: 1 });
    const results = [group.add(1), group.add(2)];
    let isDrained = false;
    const draining = group.drain().then(() => (isDrained = true));
    await expect(group.add(3)).rejects.toThrow(DrainedError);
    await nextTurn();
    gates[0]?.resolve(undefined);
    await nextTurn();
    await nextTurn();
    expect(isDrained).toBe(false);
    gates[1]?.resolve(undefined);
    await draining;
    expect(await Promise.all(results)).toEqual(["r1", "r2"]);
    await group.drain();
  });

  test("waits for a flush that runs, also when nothing waits behind it, and for each of several", async () => {
    const { gates, group } = setUp({ maxBatch: 1, maxInFlight: 2 });
    const results = [group.add(1), group.add(2)];
    await nextTurn();
    expect([gates.length, group.queued]).toEqual([2, 0]);
    let isDrained = false;
    const draining = group.drain().then(() => (isDrained = true));
    for (const gate of gates) {
      await nextTurn();
      await nextTurn();
      expect(isDrained).toBe(false);
      gate.resolve(undefined);
    }
    await draining;
    expect(await Promise.all(results)).toEqual(["r1", "r2"]);
  });

  test("of an idle group resolves at once", async () => {
    await expect(setUp().group.drain()).resolves.toBeUndefined();
  });
});

test("property: each item is answered exactly once and with its own result, within every bound, whatever the schedule", async () => {
  const schedule = fc.array(fc.record({ burst: fc.integer({ min: 1, max: 12 }), turns: fc.nat(3) }), { minLength: 1, maxLength: 12 });
  const bounds = fc.record({ maxBatch: fc.integer({ min: 1, max: 5 }), maxInFlight: fc.integer({ min: 1, max: 3 }), maxQueued: fc.integer({ min: 3, max: 30 }) });
  await fc.assert(
    fc.asyncProperty(schedule, bounds, fc.nat(6), fc.array(fc.nat(3), { minLength: 1, maxLength: 5 }), fc.boolean(), async (bursts, limits, poisonEvery, delays, hasOwners) => {
      let [running, mostRunning, mostBatch, flushes] = [0, 0, 0, 0];
      const written: number[] = [];
      const isPoison = (item: number): boolean => poisonEvery > 1 && item % poisonEvery === 0;
      const group = new GroupCommit<number, number>({
        ...limits,
        ...(hasOwners ? { ownerOf: (item: number) => `owner-${item % 5}` } : {}),
        retryRowByRow: true,
        isRetryable: () => true,
        flush: async (items) => {
          running += 1;
          mostRunning = Math.max(mostRunning, running);
          mostBatch = Math.max(mostBatch, items.length);
          for (let i = delays[(flushes += 1) % delays.length] ?? 0; i > 0; i -= 1) await nextTurn();
          running -= 1;
          if (items.some(isPoison)) throw new Error("poison");
          written.push(...items);
          return items.map((item) => item * 2);
        },
      });
      const answers: Promise<unknown>[] = [];
      let item = 0;
      for (const { burst, turns } of bursts) {
        for (let i = 0; i < burst; i += 1) {
          const mine = (item += 1);
          answers.push(group.add(mine).then((result) => expect(result).toBe(mine * 2), (error: unknown) => {
            if (!(error instanceof OverloadedError)) expect(isPoison(mine)).toBe(true);
          }));
        }
        expect(group.queued).toBeLessThanOrEqual(limits.maxQueued);
        for (let i = 0; i < turns; i += 1) await nextTurn();
      }
      await group.drain();
      await Promise.all(answers);
      expect(new Set(written).size).toBe(written.length);
      expect(mostRunning).toBeLessThanOrEqual(limits.maxInFlight);
      expect(mostBatch).toBeLessThanOrEqual(limits.maxBatch);
      if (limits.maxInFlight === 1) expect(written).toEqual([...written].toSorted((a, b) => a - b));
    }),
    { numRuns: 150 },
  );
});
