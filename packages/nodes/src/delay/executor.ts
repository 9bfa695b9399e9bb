import { NodeError } from "@fluxo/core/errors/node-error";
import type { NodeExecutor } from "@fluxo/core/node/executor";
import { MAX_DELAY_MS, type DelayParams } from "./definition.ts";

/** Suspends until the planned instant; goes on at once when it is now or past. @throws NodeError DATA, PARAMS_INVALID when it is too far ahead */
export const executeDelay: NodeExecutor<DelayParams> = ({ durationMs = 0, until }, context) => {
  const nowMs = context.clock.now().getTime();
  const waitMs = until === undefined ? durationMs : Date.parse(until) - nowMs;
  if (waitMs > MAX_DELAY_MS) {
    throw new NodeError("until must be at most 366 days ahead.", { errorClass: "DATA", code: "PARAMS_INVALID" });
  }
  const resumeAt = new Date(nowMs + Math.max(0, waitMs));
  const output = { resumedAt: resumeAt.toISOString() };
  return waitMs > 0 ? { kind: "suspended", reason: "DELAY", resumeAt, output } : { kind: "done", output };
};
