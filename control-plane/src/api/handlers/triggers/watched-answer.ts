import type { triggerStateRoutes } from "@fluxo/contracts/http/trigger-states";
import { healthOf, type TriggerStateRecord, type WatchedTriggerRecord } from "@fluxo/prisma/repositories/watched-triggers";
import type { z } from "zod";
import { toInstant } from "../instants.ts";
import { toTriggerAnswer } from "./trigger-answer.ts";

type WatchedTriggerAnswer = z.input<(typeof triggerStateRoutes)["getTrigger"]["responses"][200]["body"]>;

/** A trigger as it is answered, with its state. */
export function toWatchedAnswer(trigger: WatchedTriggerRecord, { publicIngressUrl, now }: { readonly publicIngressUrl: string; readonly now: Date }): WatchedTriggerAnswer {
  return { ...toTriggerAnswer(trigger, publicIngressUrl), health: healthOf(trigger), state: trigger.state === null ? null : toStateAnswer(trigger.state, now) };
}

function toStateAnswer(state: TriggerStateRecord, now: Date): NonNullable<WatchedTriggerAnswer["state"]> {
  const { isPaused, failures, errorCode, errorMessage, failedAt, intervalMs, leaseUntil } = state;
  const nextDueAt = isPaused ? null : state.nextDueAt;
  const isHeld = leaseUntil !== null && leaseUntil.getTime() > now.getTime();
  return {
    armedAt: toInstant(state.armedAt),
    nextDueAt: toInstant(nextDueAt),
    isPaused,
    lagMs: nextDueAt === null || isHeld ? 0 : Math.max(0, now.getTime() - nextDueAt.getTime()),
    failures,
    lastError: errorCode === null ? null : { code: errorCode, message: errorMessage ?? "", at: toInstant(failedAt) },
    connectedAt: toInstant(state.connectedAt),
    checkedAt: toInstant(state.checkedAt),
    itemSeenAt: toInstant(state.itemSeenAt),
    executionAt: toInstant(state.executionAt),
    learnedIntervalMs: intervalMs === null ? null : Math.round(intervalMs),
    silentSince: toInstant(state.silentSince),
  };
}
