import type { Options } from "k6/options";
import { arrivals, COMMON_THRESHOLDS, deliver, hookInTurn, plan, TREND_STATS } from "./delivery.ts";

export { handleSummary } from "./delivery.ts";

/** The usual rate, which leaves room: everything is accepted, fast. */
export const options: Options = {
  scenarios: { baseline: arrivals(plan.baseline, plan.durationSeconds) },
  thresholds: {
    ...COMMON_THRESHOLDS,
    answered: ["rate==1"],
    accepted_share: ["rate==1"],
    repeats_recognized: ["rate==1"],
    accepted_duration: ["p(95)<500", "p(99)<1500"],
    dropped_iterations: [`count<${Math.max(5, Math.ceil(plan.baseline * plan.durationSeconds * 0.02))}`],
  },
  summaryTrendStats: TREND_STATS,
};

export default function baseline(): void {
  deliver(hookInTurn(plan.hooks));
}
