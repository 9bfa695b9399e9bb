import type { Options } from "k6/options";
import { COMMON_THRESHOLDS, deliver, hookInTurn, plan, TREND_STATS, usersFor } from "./delivery.ts";

export { handleSummary } from "./delivery.ts";

const usual = Math.max(1, Math.round(plan.baseline));
const third = Math.max(1, Math.round(plan.durationSeconds / 3));

/** Ten times the usual rate from one second to the next, and back. */
export const options: Options = {
  scenarios: {
    spike: {
      executor: "ramping-arrival-rate",
      startRate: usual,
      timeUnit: "1s",
      stages: [
        { target: usual, duration: `${third}s` },
        { target: usual * 10, duration: "1s" },
        { target: usual * 10, duration: `${third}s` },
        { target: usual, duration: "1s" },
        { target: usual, duration: `${third}s` },
      ],
      gracefulStop: "20s",
      ...usersFor(usual * 10, 1),
    },
  },
  thresholds: { ...COMMON_THRESHOLDS, answered: ["rate==1"], repeats_recognized: ["rate==1"], accepted_duration: ["p(99)<3000"] },
  summaryTrendStats: TREND_STATS,
};

export default function spike(): void {
  deliver(hookInTurn(plan.hooks));
}
