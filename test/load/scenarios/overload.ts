import type { Options } from "k6/options";
import { arrivals, COMMON_THRESHOLDS, deliver, hookInTurn, plan, TREND_STATS, usersFor } from "./delivery.ts";

export { handleSummary } from "./delivery.ts";

const rate = plan.capacity * 3;
const USERS_MIN = 400;

/** Three times what the ingress can take: it refuses in time what it cannot keep, and what it accepts stays fast. */
export const options: Options = {
  scenarios: { overload: { ...arrivals(rate, plan.durationSeconds), ...usersFor(Math.max(rate, USERS_MIN), 1) } },
  thresholds: { ...COMMON_THRESHOLDS, answered: ["rate>0.99"], refused: ["count>0"], accepted_duration: ["p(99)<5000"], refused_duration: ["p(99)<5000"] },
  summaryTrendStats: TREND_STATS,
};

export default function overload(): void {
  deliver(hookInTurn(plan.hooks));
}
