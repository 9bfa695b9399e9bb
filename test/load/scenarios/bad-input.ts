import exec from "k6/execution";
import { Rate } from "k6/metrics";
import type { Options } from "k6/options";
import { arrivals, COMMON_THRESHOLDS, headersFor, nextDeliveryId, plan, send, TREND_STATS } from "./delivery.ts";
import type { LoadHook } from "./plan.ts";

export { handleSummary } from "./delivery.ts";

/** Share of requests whose answer has exactly the status and the code that the mistake deserves. */
const judgedRight = new Rate("judged_right");

const BODY_BYTES_MAX = 1_048_576;
const oversize = `"${"x".repeat(BODY_BYTES_MAX)}"`;

export const options: Options = {
  scenarios: { "bad-input": arrivals(Math.min(60, Math.max(15, plan.baseline)), plan.durationSeconds) },
  thresholds: { ...COMMON_THRESHOLDS, answered: ["rate==1"], judged_right: ["rate==1"] },
  summaryTrendStats: TREND_STATS,
};

interface Mistake {
  readonly status: number;
  readonly code: string;
  readonly body?: string;
  readonly method?: string;
  readonly url?: (url: string) => string;
  readonly secondsAgo?: number;
  /** Changes the headers of a correct request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether only a signed hook can be wronged so. */
  readonly isSignedOnly?: boolean;
}

const MISTAKES: readonly Mistake[] = [
  { status: 202, code: "" },
  { status: 400, code: "MALFORMED_JSON", body: '{"amount": 1,' },
  { status: 401, code: "HOOK_SIGNATURE_INVALID", headers: { "webhook-signature": "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=" }, isSignedOnly: true },
  { status: 413, code: "BODY_TOO_LARGE", body: oversize },
  { status: 404, code: "HOOK_NOT_FOUND", url: (url) => url.replace(/[^/]+$/, "unknown-token-of-nobody-at-all-0") },
  { status: 400, code: "VALIDATION_FAILED", body: '{"a":[{"__proto__":{"isAdmin":true}}]}' },
  { status: 202, code: "" },
  { status: 400, code: "VALIDATION_FAILED", body: '{"constructor":{"prototype":{"isAdmin":true}}}' },
  { status: 401, code: "HOOK_TIMESTAMP_REJECTED", secondsAgo: 3_600, isSignedOnly: true },
  { status: 401, code: "HOOK_UNAUTHENTICATED", headers: { "webhook-signature": "" }, isSignedOnly: true },
  { status: 405, code: "HOOK_METHOD_NOT_ALLOWED", method: "PUT" },
  { status: 400, code: "VALIDATION_FAILED", body: `${"[".repeat(200)}${"]".repeat(200)}` },
  { status: 415, code: "UNSUPPORTED_MEDIA_TYPE", headers: { "content-encoding": "gzip" } },
];

/** Wrong requests of every kind among right ones: each gets its own clear answer, and the right ones are accepted. */
export default function badInput(): void {
  const turn = exec.scenario.iterationInTest;
  const mistake = MISTAKES[turn % MISTAKES.length];
  const hook = hookFor(mistake, Math.floor(turn / MISTAKES.length));
  if (mistake === undefined || hook === undefined) return;
  const deliveryId = nextDeliveryId();
  const body = mistake.body ?? JSON.stringify({ deliveryId, email: "ana@example.com" });
  const headers = { ...headersFor(hook, deliveryId, body, mistake.secondsAgo), ...mistake.headers };
  const outcome = send(mistake.method ?? "POST", mistake.url?.(hook.url) ?? hook.url, body, headers, deliveryId);
  const isOverloaded = outcome.status === 429 || outcome.status === 503;
  judgedRight.add(isOverloaded || (outcome.status === mistake.status && outcome.code === mistake.code));
}

function hookFor(mistake: Mistake | undefined, turn: number): LoadHook | undefined {
  const hooks = mistake?.isSignedOnly === true ? plan.hooks.filter(({ secret }) => secret !== "") : plan.hooks;
  return hooks[turn % Math.max(1, hooks.length)];
}
