import fc from "fast-check";
import { expect, test } from "vitest";
import { ERROR_CLASSES } from "../errors/node-error.ts";
import { MAX_RETRY_AFTER_MS, nextAttempt, retryPolicyFor } from "./policy.ts";

const failure = (errorClass: (typeof ERROR_CLASSES)[number], retryAfterMs?: number) => ({ errorClass, retryAfterMs });
const RETRYABLE = ["RATE_LIMIT", "CONNECTION", "TIMEOUT", "SERVER"] as const;

test("has defaults, which settings replace one by one", () => {
  expect(retryPolicyFor("transient")).toEqual({ maxAttempts: 4, initialDelayMs: 1_000, maxDelayMs: 60_000 });
  expect(retryPolicyFor("transient", { maxAttempts: 2, maxDelayMs: 5 })).toEqual({ maxAttempts: 2, initialDelayMs: 1_000, maxDelayMs: 5 });
  expect(retryPolicyFor("never", { maxAttempts: 9, initialDelayMs: 0 }).maxAttempts).toBe(1);
});

test("tries again what can pass by, until the attempts are used up", () => {
  const policy = retryPolicyFor("transient");
  for (const errorClass of ERROR_CLASSES) {
    const isRetryable = RETRYABLE.some((each) => each === errorClass);
    expect(nextAttempt(policy, 1, failure(errorClass), () => 0)).toEqual(isRetryable ? { kind: "retry", delayMs: 0 } : { kind: "giveUp", reason: "NOT_RETRYABLE" });
  }
  expect(nextAttempt(policy, 3, failure("SERVER"), () => 0).kind).toBe("retry");
  expect(nextAttempt(policy, 4, failure("SERVER"), () => 0)).toEqual({ kind: "giveUp", reason: "ATTEMPTS_EXHAUSTED" });
  expect(nextAttempt(retryPolicyFor("never"), 1, failure("SERVER"), () => 0)).toEqual({ kind: "giveUp", reason: "ATTEMPTS_EXHAUSTED" });
});

test("doubles the bound of the delay up to the longest", () => {
  const policy = retryPolicyFor("transient", { maxAttempts: 20 });
  const bounds = [1, 2, 3, 6, 7, 19].map((attempt) => nextAttempt(policy, attempt, failure("TIMEOUT"), () => 1 - Number.EPSILON));
  expect(bounds.map((decision) => decision.kind === "retry" && decision.delayMs)).toEqual([1_000, 2_000, 4_000, 32_000, 60_000, 60_000]);
});

test("the delay is whole, never earlier than asked (up to a day), never later than the bound after that", () => {
  const settings = fc.record({ maxAttempts: fc.constant(20), initialDelayMs: fc.nat({ max: 86_400_000 }), maxDelayMs: fc.nat({ max: 86_400_000 }) });
  const asked = fc.option(fc.oneof(fc.nat({ max: 200_000_000 }), fc.double({ noNaN: true })), { nil: undefined });
  fc.assert(
    fc.property(settings, fc.integer({ min: 1, max: 19 }), fc.constantFrom(...RETRYABLE), asked, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (saved, attempt, errorClass, retryAfterMs, share) => {
      const policy = retryPolicyFor("transient", saved);
      const decision = nextAttempt(policy, attempt, failure(errorClass, retryAfterMs), () => share);
      const delayMs = decision.kind === "retry" ? decision.delayMs : Number.NaN;
      const earliestMs = Math.min(MAX_RETRY_AFTER_MS, Math.max(0, retryAfterMs ?? 0));
      const bound = Math.min(policy.maxDelayMs, policy.initialDelayMs * 2 ** (attempt - 1));
      expect(Number.isSafeInteger(delayMs)).toBe(true);
      expect(delayMs).toBeGreaterThanOrEqual(earliestMs);
      expect(delayMs).toBeLessThanOrEqual(Math.ceil(earliestMs) + bound);
    }),
  );
});
