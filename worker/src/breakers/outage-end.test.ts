import { toNodeFailure } from "@fluxo/core/errors/failure";
import type { OpenBreaker } from "@fluxo/core/retry/breaker";
import { expect, test } from "vitest";
import { endOfOutage, isOutage, OUTAGE_PATIENCE_MS } from "./outage-end.ts";
import { OutageError } from "./outage-error.ts";

const START = Date.UTC(2026, 0, 1);
const open: OpenBreaker = { kind: "open", outageId: "o", openedMs: START, probesFailed: 0, probeAtMs: START, errorClass: "CREDENTIAL", code: "CREDENTIAL_REJECTED", probe: null };
const errorFor = (retryAtMs: number) => new OutageError({ tenantId: "t", kind: "credential", credentialId: "c" }, open, new Date(retryAtMs));
const failureAt = (ms: number) => toNodeFailure(errorFor(ms), { id: "n", type: "http.request", integration: "http", attempt: 1 }, new Date(ms));

test("waits until the breaker says, and keeps the instant since when it waits", () => {
  const first = failureAt(START);
  expect(isOutage(first)).toBe(true);
  expect(first).toMatchObject({ message: "Integration outage of credential c since 2026-01-01T00:00:00.000Z (CREDENTIAL_REJECTED).", errorClass: "CREDENTIAL" });
  expect(endOfOutage(errorFor(START + 5_000), first, [], new Date(START))).toEqual({ kind: "backoff", failure: first, resumeAt: new Date(START + 5_000) });
  const later = endOfOutage(errorFor(START + 65_000), failureAt(START + 60_000), [first], new Date(START + 60_000));
  expect(later).toMatchObject({ kind: "backoff", failure: { occurredAt: first.occurredAt } });
});

test("waits a day at most, to the millisecond, and fails then", () => {
  const first = failureAt(START);
  const endMs = START + OUTAGE_PATIENCE_MS;
  expect(endOfOutage(errorFor(endMs + 5_000), failureAt(endMs - 1), [first], new Date(endMs - 1))).toMatchObject({ kind: "backoff", resumeAt: new Date(endMs) });
  const last = failureAt(endMs);
  expect(endOfOutage(errorFor(endMs + 5_000), last, [first], new Date(endMs))).toEqual({ kind: "failed", failure: last });
});
