import type { Options } from "k6/options";
import { arrivals, COMMON_THRESHOLDS, deliver, hookInTurn, plan, TREND_STATS } from "./delivery.ts";

export { handleSummary } from "./delivery.ts";

const [noisyHook, ...quietHooks] = plan.hooks;

/** One tenant floods at what the whole ingress can take and a half more; the others send as usual and hardly notice. */
export const options: Options = {
  scenarios: {
    noisy: { ...arrivals(plan.capacity * 1.5, plan.durationSeconds, 0.5), exec: "noisy" },
    quiet: { ...arrivals(Math.min(20, Math.max(2, plan.baseline * 0.2)), plan.durationSeconds), exec: "quiet" },
  },
  thresholds: {
    ...COMMON_THRESHOLDS,
    "answered{scenario:quiet}": ["rate==1"],
    "accepted_share{scenario:quiet}": ["rate>0.99"],
    "accepted_duration{scenario:quiet}": ["p(95)<2000"],
  },
  summaryTrendStats: TREND_STATS,
};

export function noisy(): void {
  if (noisyHook !== undefined) deliver(noisyHook);
}

export function quiet(): void {
  deliver(hookInTurn(quietHooks.length === 0 ? plan.hooks : quietHooks));
}
