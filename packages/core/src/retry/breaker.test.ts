import fc from "fast-check";
import { expect, test } from "vitest";
import { ERROR_CLASSES } from "../errors/node-error.ts";
import { afterFailure, afterProbe, askPermit, BREAKER_RULES, CLOSED, verdictOf, type BreakerState, type OpenBreaker } from "./breaker.ts";

const SERVER = { errorClass: "SERVER", code: "PROVIDER_FAILED" } as const;
const REJECTED = { errorClass: "CREDENTIAL", code: "CREDENTIAL_REJECTED" } as const;
const NONE = { buckets: [], lastMs: 0 };
const { windowMs, bucketMs, firstWaitMs, maxWaitMs } = BREAKER_RULES;
const START = 1_800_000_000_000;

const fail = (state: BreakerState, nowMs: number, failure: typeof SERVER | typeof REJECTED = SERVER): BreakerState => afterFailure(state, failure, NONE, nowMs, "outage");
const successesAt = (nowMs: number, successes: number) => ({ buckets: [{ slot: Math.floor(nowMs / bucketMs), successes, failures: 0 }], lastMs: nowMs });

function opened(nowMs = START): OpenBreaker {
  let state: BreakerState = CLOSED;
  for (let count = 0; count < 5; count += 1) state = fail(state, nowMs);
  if (state.kind !== "open") throw new Error("Five failures did not open it.");
  return state;
}

test("opens with the fifth failure of a minute, not with failures that lie further apart", () => {
  let state: BreakerState = CLOSED;
  for (let count = 0; count < 4; count += 1) state = fail(state, START);
  expect(state.kind).toBe("closed");
  expect(fail(state, START + windowMs - bucketMs)).toMatchObject({ kind: "open", openedMs: START + windowMs - bucketMs, probesFailed: 0, probe: null, ...SERVER });
  expect(fail(state, START + windowMs + bucketMs).kind).toBe("closed");
});

test("stays closed while more calls succeed than fail", () => {
  let state: BreakerState = afterFailure(CLOSED, SERVER, successesAt(START, 6), START, "outage");
  for (let count = 0; count < 4; count += 1) state = fail(state, START);
  expect(state.kind).toBe("closed");
  expect(fail(state, START).kind).toBe("open");
});

test("opens at once when a credential is refused three times in a row", () => {
  const twice = fail(fail(CLOSED, START, REJECTED), START + 1, REJECTED);
  expect(fail(twice, START + 2, REJECTED)).toMatchObject({ kind: "open", ...REJECTED });
  expect(afterFailure(twice, REJECTED, successesAt(START + 2, 1), START + 3, "outage")).toMatchObject({ kind: "closed", rejections: 1 });
  expect(fail(twice, START + 2 + BREAKER_RULES.rejectionGapMs, REJECTED)).toMatchObject({ kind: "closed", rejections: 1 });
});

test("the wait doubles with each probe that fails, from half a minute to a quarter of an hour, and is as long as the provider asks", () => {
  const waits: number[] = [];
  let state: BreakerState = opened();
  let nowMs = START;
  for (let count = 0; count < 7; count += 1) {
    if (state.kind !== "open") throw new Error("It closed.");
    waits.push(state.probeAtMs - nowMs);
    nowMs = state.probeAtMs;
    state = afterProbe(askPermit(state, { token: "p", leaseMs: 1_000 }, nowMs).state, "p", SERVER, nowMs);
  }
  expect(waits).toEqual([30_000, 60_000, 120_000, 240_000, 480_000, 900_000, 900_000]);
  const asked = (retryAfterMs: number): BreakerState => afterProbe(askPermit(opened(), { token: "p", leaseMs: 1 }, START + firstWaitMs).state, "p", { ...SERVER, retryAfterMs }, START);
  expect(asked(100_000)).toMatchObject({ probeAtMs: START + 100_000 });
  expect(asked(86_400_000)).toMatchObject({ probeAtMs: START + maxWaitMs });
});

test("judges failures by what they say about the one who was called", () => {
  const verdicts = ERROR_CLASSES.map((errorClass) => [errorClass, verdictOf({ errorClass, code: "NODE_INTERNAL" }, true)]);
  expect(verdicts.filter(([, verdict]) => verdict === "failing").map(([errorClass]) => errorClass)).toEqual(["RATE_LIMIT", "CONNECTION", "TIMEOUT", "SERVER", "CREDENTIAL"]);
  expect(verdictOf({ errorClass: "DATA", code: "PROVIDER_REJECTED" }, false)).toBe("healthy");
  expect(verdictOf({ errorClass: "DATA", code: "TEMPLATE_REFERENCE_MISSING" }, true)).toBe("unknown");
  expect(verdictOf(REJECTED, false)).toBe("healthy");
});

type Step = { readonly kind: "ask" } | { readonly kind: "fail" } | { readonly kind: "end"; readonly pick: number; readonly end: "healthy" | "unknown" | "failing" } | { readonly kind: "pass"; readonly ms: number };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Step>({ kind: "ask" }) },
  { weight: 4, arbitrary: fc.constant<Step>({ kind: "fail" }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("end" as const), pick: fc.nat({ max: 9 }), end: fc.constantFrom("healthy", "unknown", "failing") }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.nat({ max: 70_000 }) }) },
);

test("whatever the order: one probe at a time, no call before its time, and only a probe closes it", () => {
  const leaseMs = 20_000;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      let nowMs = START;
      let state: BreakerState = CLOSED;
      const failedAt: number[] = [];
      const probes: { readonly token: string; readonly untilMs: number }[] = [];
      for (const [index, each] of steps.entries()) {
        const before = state;
        if (each.kind === "pass") nowMs += each.ms;
        if (each.kind === "ask") {
          const asked = askPermit(state, { token: `t${index}`, leaseMs }, nowMs);
          const { permit } = asked;
          state = asked.state;
          if (before.kind === "closed") expect(permit).toEqual({ kind: "pass", token: null });
          else if (permit.kind === "pass") {
            expect(nowMs).toBeGreaterThanOrEqual(before.probeAtMs);
            expect(probes.filter(({ untilMs }) => nowMs < untilMs)).toEqual([]);
            probes.push({ token: permit.token ?? "", untilMs: nowMs + leaseMs });
          } else {
            expect(permit.retryAtMs).toBeGreaterThan(nowMs);
            expect(state).toBe(before);
          }
        }
        if (each.kind === "fail") {
          state = fail(state, nowMs);
          if (before.kind === "open") expect(state).toBe(before);
          else {
            failedAt.push(nowMs);
            if (state.kind === "open") expect(failedAt.filter((at) => at > nowMs - windowMs - bucketMs).length).toBeGreaterThanOrEqual(5);
            if (failedAt.filter((at) => at > nowMs - windowMs + bucketMs).length >= 5) expect(state.kind).toBe("open");
          }
        }
        const [ended] = each.kind === "end" ? probes.splice(each.pick % Math.max(1, probes.length), 1) : [];
        if (each.kind === "end" && ended !== undefined) {
          state = afterProbe(state, ended.token, each.end === "failing" ? SERVER : each.end, nowMs);
          const isCurrent = before.kind === "open" && before.probe?.token === ended.token;
          if (!isCurrent) expect(state).toBe(before);
          else if (each.end === "failing") expect(state).toMatchObject({ kind: "open", probe: null, probesFailed: before.probesFailed + 1 });
          else expect(state.kind).toBe(each.end === "healthy" ? "closed" : "open");
        }
        if (before.kind === "open" && state.kind === "closed") {
          expect(each.kind).toBe("end");
          failedAt.length = 0;
        }
      }
    }),
    { numRuns: 500 },
  );
});
