import fc from "fast-check";
import { expect, test } from "vitest";
import { judgeCanary, type CanaryPolicy } from "./canary.ts";

const policy: CanaryPolicy = { mode: "automatic", minExecutions: 10, failureRateMax: 0.2, windowMinutes: 60 };
const judge = (succeeded: number, failed: number, minutes: number, tenants = 2) => {
  const verdict = judgeCanary(policy, { tenants, succeeded, failed }, minutes * 60_000);
  return verdict.kind === "stop" ? verdict.code : verdict.kind;
};

test.each([
  [[8, 2, 5], "continue"],
  [[7, 2, 5], "wait"],
  [[7, 2, 60], "CANARY_INCONCLUSIVE"],
  [[0, 3, 1], "CANARY_FAILURE_RATE"],
  [[0, 2, 1], "wait"],
  [[12, 4, 1], "CANARY_FAILURE_RATE"],
  [[0, 0, 59.9], "wait"],
  [[100, 0, 1, 0], "CANARY_NOT_REACHED"],
] as const)("%j: %s", ([succeeded, failed, minutes, tenants], expected) => {
  expect(judge(succeeded, failed, minutes, tenants)).toBe(expected);
});

test("one that asks for approval never goes on by itself", () => {
  expect(judgeCanary({ mode: "approval" }, { tenants: 1, succeeded: 1_000, failed: 0 }, 1e12)).toEqual({ kind: "ask" });
});

test("goes on exactly with enough executions and few enough failures, and stops early only when it could never have gone on", () => {
  const policies = fc.record({ minExecutions: fc.integer({ min: 1, max: 50 }), failureRateMax: fc.double({ min: 0, max: 1, noNaN: true }), windowMinutes: fc.constant(60) });
  fc.assert(
    fc.property(policies, fc.nat({ max: 100 }), fc.nat({ max: 100 }), (given, succeeded, failed) => {
      const { kind } = judgeCanary({ mode: "automatic", ...given }, { tenants: 1, succeeded, failed }, 0);
      const ended = succeeded + failed;
      expect(kind === "continue").toBe(ended >= given.minExecutions && failed <= given.failureRateMax * ended);
      const best = Math.max(ended, given.minExecutions);
      if (kind === "stop") expect(failed).toBeGreaterThan(given.failureRateMax * best);
      else expect(kind === "wait" ? ended < given.minExecutions : true).toBe(true);
    }),
  );
});
