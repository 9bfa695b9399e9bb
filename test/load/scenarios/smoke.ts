import type { Options } from "k6/options";
import { arrivals, COMMON_THRESHOLDS, deliver, hookInTurn, plan, TREND_STATS } from "./delivery.ts";

export { handleSummary } from "./delivery.ts";

/** A few requests: everything is connected. */
export const options: Options = {
  scenarios: { smoke: arrivals(5, 3) },
  thresholds: { ...COMMON_THRESHOLDS, answered: ["rate==1"], accepted_share: ["rate==1"], repeats_recognized: ["rate==1"], accepted_duration: ["p(95)<2000"] },
  summaryTrendStats: TREND_STATS,
};

export default function smoke(): void {
  deliver(hookInTurn(plan.hooks));
}
