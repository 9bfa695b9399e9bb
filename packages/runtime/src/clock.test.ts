import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { systemClock } from "./clock.ts";
import { ManualClock } from "./testing/manual-clock.ts";

describe("systemClock", () => {
  test("sleeps, and takes a negative duration as none", async () => {
    const before = performance.now();
    await systemClock.sleep(15);
    await systemClock.sleep(-5);
    expect(performance.now() - before).toBeGreaterThanOrEqual(13);
    expect(Math.abs(systemClock.now().getTime() - Date.now())).toBeLessThan(1_000);
  });

  test("rejects with the signal's reason, before and while it sleeps", async () => {
    const reason = new Error("lease lost");
    await expect(systemClock.sleep(1_000, AbortSignal.abort(reason))).rejects.toBe(reason);
    const controller = new AbortController();
    const sleeping = systemClock.sleep(60_000, controller.signal);
    controller.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
  });

  test("does not end early when the duration exceeds what a timer holds", async () => {
    const controller = new AbortController();
    let hasEnded = false;
    const sleeping = systemClock.sleep(2 ** 40, controller.signal).then(() => (hasEnded = true));
    await systemClock.sleep(20);
    expect(hasEnded).toBe(false);
    controller.abort(new Error("enough"));
    await expect(sleeping).rejects.toThrow("enough");
  });

  test("refuses a duration that is no number", async () => {
    await expect(systemClock.sleep(Number.NaN)).rejects.toThrow(RangeError);
  });
});

describe("ManualClock", () => {
  test("wakes due sleeps in the order of their instants, whatever the order of their start", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(50), { maxLength: 20 }), fc.nat(60), async (durations, advanceMs) => {
        const clock = new ManualClock();
        const woken: number[] = [];
        for (const [index, ms] of durations.entries()) void clock.sleep(ms).then(() => woken.push(index));
        await clock.advance(advanceMs);
        const due = [...durations.entries()].filter(([, ms]) => ms <= advanceMs);
        expect(woken).toEqual(due.toSorted((a, b) => a[1] - b[1] || a[0] - b[0]).map(([index]) => index));
        expect(clock.sleeping).toBe(durations.length - woken.length);
      }),
      { numRuns: 50 },
    );
  });

  test("serves sleeps that begin on the way, at their own instants", async () => {
    const clock = new ManualClock("2026-01-01T00:00:00.000Z");
    const seen: string[] = [];
    void (async () => {
      for (let i = 0; i < 3; i += 1) {
        await clock.sleep(10);
        seen.push(clock.now().toISOString().slice(17, 23));
      }
    })();
    await clock.advance(25);
    expect(seen).toEqual(["00.010", "00.020"]);
    expect(clock.now().toISOString()).toBe("2026-01-01T00:00:00.025Z");
  });

  test("lets the wall clock jump, also backwards, without waking or losing a sleep", async () => {
    const clock = new ManualClock("2026-03-01T00:00:00.000Z");
    let isAwake = false;
    void clock.sleep(100).then(() => (isAwake = true));
    clock.setNow("2026-02-01T00:00:00.000Z");
    await clock.advance(99);
    expect(isAwake).toBe(false);
    await clock.advance(1);
    expect(isAwake).toBe(true);
    expect(clock.now().toISOString()).toBe("2026-02-01T00:00:00.100Z");
  });

  test("a sleep that is aborted rejects with the reason and is forgotten", async () => {
    const clock = new ManualClock();
    const controller = new AbortController();
    const sleeping = clock.sleep(10, controller.signal);
    controller.abort(new Error("canceled"));
    await expect(sleeping).rejects.toThrow("canceled");
    expect(clock.sleeping).toBe(0);
    await expect(clock.sleep(10, controller.signal)).rejects.toThrow("canceled");
  });
});
