import type { Options } from "k6/options";
import { COMMON_THRESHOLDS, deliver, hookInTurn, plan, TREND_STATS } from "./delivery.ts";

export { handleSummary } from "./delivery.ts";

/** A closed model: each user sends as soon as it has its answer, so that the rate shows what the ingress can do. */
export const options: Options = {
  scenarios: { calibrate: { executor: "constant-vus", vus: 32, duration: `${plan.durationSeconds}s`, gracefulStop: "20s" } },
  thresholds: { ...COMMON_THRESHOLDS, answered: ["rate==1"] },
  summaryTrendStats: TREND_STATS,
};

export default function calibrate(): void {
  deliver(hookInTurn(plan.hooks));
}
