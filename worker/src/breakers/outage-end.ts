import type { NodeFailure } from "@fluxo/core/errors/failure";
import type { OutageError } from "./outage-error.ts";

/** How long a node waits for the end of an outage before it fails. Milliseconds. */
export const OUTAGE_PATIENCE_MS = 86_400_000;

/** Whether it tells of an attempt that was not made. */
export function isOutage({ code }: NodeFailure): boolean {
  return code === "INTEGRATION_OUTAGE";
}

/** What a node does that cannot make its attempt: wait, or fail because it waited long enough. */
export type OutageEnd = { readonly kind: "backoff"; readonly failure: NodeFailure; readonly resumeAt: Date } | { readonly kind: "failed"; readonly failure: NodeFailure };

/** @param earlier what is recorded of the node so far: the wait counts from the first refusal, whose instant every later one keeps */
export function endOfOutage(error: OutageError, failure: NodeFailure, earlier: readonly NodeFailure[], now: Date, patienceMs = OUTAGE_PATIENCE_MS): OutageEnd {
  const since = earlier.find(isOutage)?.occurredAt ?? failure.occurredAt;
  const patientUntilMs = Date.parse(since) + patienceMs;
  if (now.getTime() >= patientUntilMs) return { kind: "failed", failure };
  return { kind: "backoff", failure: { ...failure, occurredAt: since }, resumeAt: new Date(Math.min(patientUntilMs, error.retryAt.getTime())) };
}
