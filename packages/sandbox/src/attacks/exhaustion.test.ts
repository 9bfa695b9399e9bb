import { setTimeout } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import { longestHoldUpMs, threadCpuMs } from "../testing/event-loop.ts";
import { createPool, jobOf, outcomeOf } from "../testing/pool.ts";
import { EXHAUSTIONS } from "./exhaustion.ts";

const pool = createPool();
afterAll(() => pool.stop());

/** Nodes of what the wildcards of descendants walk: 3 levels of 8. */
const INPUT = Array.from({ length: 8 }, (_, a) => ({ a, list: Array.from({ length: 8 }, (_, b) => ({ b, list: [1, 2, 3, 4, 5, 6, 7, 8] })) }));
const TIMEOUT_MS = 100;
/** Over its time: the grace until the kill, and a busy machine. */
const OVERTIME_MS = 15_000;
/** CPU time of one turn of the event loop: less than the quickest of what runs outside of it would take. */
const HELD_UP_MS = 100;

describe("using up a machine", () => {
  test.each(EXHAUSTIONS)("$language: $name", async ({ language, source }) => {
    // A process is up, so that the time is the job's.
    await outcomeOf(pool, jobOf("return 1"));
    const begun = performance.now();
    const outcome = await outcomeOf(pool, jobOf(source, { language, input: INPUT, timeoutMs: TIMEOUT_MS }));
    const elapsedMs = performance.now() - begun;
    expect(outcome).toEqual({ code: expect.stringMatching(/^(CODE_(FAILED|INVALID|TIMEOUT|MEMORY_EXCEEDED)|OUTPUT_TOO_LARGE)$/), errorClass: "DATA", message: expect.any(String) });
    expect(elapsedMs).toBeLessThan(TIMEOUT_MS + OVERTIME_MS);
    expect(await outcomeOf(pool, jobOf("return 'well'"))).toEqual({ output: "well" });
  });
});

describe("the event loop of the worker", () => {
  test("is not held up while code of several tenants spins, fills memory and prints", async () => {
    const hostile = ["for (;;);", "const all = []; for (;;) all.push(new Float64Array(1e6).fill(1));", "for (;;) console.log('x'.repeat(1_000));", "return /^(a+)+$/.test('a'.repeat(50) + '!');"];
    await Promise.all(["a", "b"].map((tenantId) => outcomeOf(pool, jobOf("return 1", { tenantId }))));
    const heldUpMs = await longestHoldUpMs(async () => {
      await Promise.all(hostile.flatMap((source) => ["a", "b"].map((tenantId) => outcomeOf(pool, jobOf(source, { tenantId, timeoutMs: 500 })))));
    });
    expect(heldUpMs).toBeLessThan(HELD_UP_MS);
  });

  test("would be seen to be held up", async () => {
    const heldUpMs = await longestHoldUpMs(async () => {
      await setTimeout(5);
      for (const untilMs = threadCpuMs() + HELD_UP_MS; threadCpuMs() < untilMs;);
    });
    expect(heldUpMs).toBeGreaterThanOrEqual(HELD_UP_MS);
  });
});
