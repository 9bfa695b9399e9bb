import { z } from "zod";

/** When a rollout goes on from its canary tenants to all others. */
export const canaryPolicySchema = z.discriminatedUnion("mode", [
  z.strictObject({ mode: z.literal("approval") }),
  z.strictObject({
    mode: z.literal("automatic"),
    /** Ended executions of the canary tenants that it takes to judge. */
    minExecutions: z.int().min(1).max(1_000_000),
    /** The largest share of them that may have failed. */
    failureRateMax: z.number().min(0).max(1),
    /** How long that many may take to come. */
    windowMinutes: z.int().min(1).max(43_200),
  }),
]);
export type CanaryPolicy = z.output<typeof canaryPolicySchema>;

/** What became of the canary tenants since they have the new version. */
export interface CanaryTally {
  /** Canary tenants that have the new version. */
  readonly tenants: number;
  readonly succeeded: number;
  readonly failed: number;
}

export type StopCode = "CANARY_NOT_REACHED" | "CANARY_FAILURE_RATE" | "CANARY_INCONCLUSIVE";
export type CanaryVerdict = { readonly kind: "continue" | "wait" | "ask" } | { readonly kind: "stop"; readonly code: StopCode; readonly message: string };

/**
 * Whether a rollout goes on after its canary tenants. It goes on by itself only with enough executions of which few enough failed; it stops as soon as
 * that cannot come true any more, and when the window ends without enough of them: silence proves nothing.
 * @param elapsedMs since the last canary tenant got the new version
 */
export function judgeCanary(policy: CanaryPolicy, { tenants, succeeded, failed }: CanaryTally, elapsedMs: number): CanaryVerdict {
  if (tenants === 0) return { kind: "stop", code: "CANARY_NOT_REACHED", message: "No canary tenant got the new version." };
  if (policy.mode === "approval") return { kind: "ask" };
  const ended = succeeded + failed;
  const { minExecutions, failureRateMax, windowMinutes } = policy;
  if (failed > failureRateMax * Math.max(ended, minExecutions)) {
    return { kind: "stop", code: "CANARY_FAILURE_RATE", message: `${failed} of ${ended} executions of the canary tenants failed; ${failureRateMax * 100} % of ${minExecutions} or more may.` };
  }
  if (ended >= minExecutions) return { kind: "continue" };
  if (elapsedMs < windowMinutes * 60_000) return { kind: "wait" };
  return { kind: "stop", code: "CANARY_INCONCLUSIVE", message: `Only ${ended} of ${minExecutions} executions ended within ${windowMinutes} minutes.` };
}
