import { hmac } from "k6/crypto";
import { b64decode } from "k6/encoding";
import exec from "k6/execution";
import http, { type HttpResponse } from "k6/http";
import { Counter, Rate, Trend } from "k6/metrics";
import type { Scenario } from "k6/options";
import type { LoadHook, LoadPlan } from "./plan.ts";

/** What the runner told this scenario. */
export const plan = JSON.parse(open(__ENV["FLUXO_LOAD_PLAN"] ?? "")) as LoadPlan;

/** Requests answered with 200 or 202. */
const accepted = new Counter("accepted");
/** Requests answered with 429 or 503. */
const refused = new Counter("refused");
/** Time to the answer of accepted requests. */
const acceptedDuration = new Trend("accepted_duration", true);
/** Time to the answer of requests refused with 429 or 503. */
const refusedDuration = new Trend("refused_duration", true);
/** Share of requests that got any answer. */
const answered = new Rate("answered");
/** Share of answers that are as the ingress promises: 2xx with an execution id, 4xx or 503 with a code, 429 and 503 with Retry-After too. */
const answersAsPromised = new Rate("answers_as_promised");
/** Share of requests that were accepted. */
const acceptedShare = new Rate("accepted_share");
/** Share of repeats that were answered with the first execution's id. */
const repeatsRecognized = new Rate("repeats_recognized");

/** Longer than the ingress may ever take. */
const TIMEOUT_MS = 20_000;
const keys = new Map<string, ArrayBuffer>();

export const TREND_STATS = ["avg", "p(50)", "p(95)", "p(99)", "max"];

/** Thresholds of every scenario. */
export const COMMON_THRESHOLDS = { answers_as_promised: ["rate==1"] };

/** Virtual users of an open model of `rate` requests per second: enough for answers of `seconds`. */
export function usersFor(rate: number, seconds: number): { readonly preAllocatedVUs: number; readonly maxVUs: number } {
  const maxVUs = Math.min(1_500, Math.max(20, Math.ceil(rate * seconds)));
  return { preAllocatedVUs: Math.min(maxVUs, Math.max(10, Math.ceil(rate / 10))), maxVUs };
}

/** An open model: requests arrive at `rate` per second, whatever the answers do. */
export function arrivals(rate: number, seconds: number, answerSeconds = 1): Scenario {
  return { executor: "constant-arrival-rate", rate: Math.max(1, Math.round(rate)), timeUnit: "1s", duration: `${seconds}s`, gracefulStop: "20s", ...usersFor(rate, answerSeconds) };
}

/** The headers of a delivery. @param secondsAgo when it was signed */
export function headersFor(hook: LoadHook, deliveryId: string, body: string, secondsAgo = 0): Record<string, string> {
  const headers: Record<string, string> = { "content-type": "application/json", [hook.deliveryIdHeader]: deliveryId };
  if (hook.secret === "") return headers;
  const timestamp = String(Math.floor(Date.now() / 1_000) - secondsAgo);
  headers["webhook-timestamp"] = timestamp;
  headers["webhook-signature"] = `v1,${hmac("sha256", keyOf(hook.secret), `${deliveryId}.${timestamp}.${body}`, "base64")}`;
  return headers;
}

function keyOf(secret: string): ArrayBuffer {
  const key = keys.get(secret) ?? b64decode(secret.replace(/^whsec_/, ""));
  keys.set(secret, key);
  return key;
}

/** An id that no other delivery of any run has. */
export function nextDeliveryId(): string {
  return `${plan.prefix}-${exec.scenario.name}-${exec.scenario.iterationInTest}`;
}

/** One of the hooks in turn. */
export function hookInTurn(hooks: readonly LoadHook[]): LoadHook {
  const hook = hooks[exec.scenario.iterationInTest % hooks.length];
  if (hook === undefined) throw new Error("The plan names no hook.");
  return hook;
}

export interface Outcome {
  readonly status: number;
  readonly executionId: string;
  /** Of a refusal. */
  readonly code: string;
}

/** Sends one request and counts its answer. What became of a delivery is logged, for the comparison with the records. */
export function send(method: string, url: string, body: string, headers: Record<string, string>, deliveryId: string): Outcome {
  const response = http.request(method, url, body, { headers, timeout: TIMEOUT_MS });
  const outcome = read(response);
  const isAccepted = outcome.status === 200 || outcome.status === 202;
  const isOverload = outcome.status === 429 || outcome.status === 503;
  answered.add(outcome.status !== 0);
  acceptedShare.add(isAccepted);
  if (outcome.status !== 0) answersAsPromised.add(isPromised(response, outcome));
  if (isAccepted) {
    accepted.add(1);
    acceptedDuration.add(response.timings.duration);
  } else if (isOverload) {
    refused.add(1, { code: outcome.code });
    refusedDuration.add(response.timings.duration);
  }
  console.log(`@ ${deliveryId} ${outcome.status} ${outcome.executionId || outcome.code || "-"}`);
  return outcome;
}

/** Sends a correct delivery; each fiftieth a second time, which must be answered with the first one's execution. */
export function deliver(hook: LoadHook, deliveryId = nextDeliveryId()): Outcome {
  const body = JSON.stringify({ deliveryId, email: "ada@example.com", amount: 12.5, note: "n".repeat(200) });
  const outcome = send("POST", hook.url, body, headersFor(hook, deliveryId, body), deliveryId);
  if (exec.scenario.iterationInTest % 50 === 0 && outcome.executionId !== "") {
    const repeat = send("POST", hook.url, body, headersFor(hook, deliveryId, body), deliveryId);
    if (repeat.executionId !== "") repeatsRecognized.add(repeat.status === 200 && repeat.executionId === outcome.executionId);
  }
  return outcome;
}

function read(response: HttpResponse): Outcome {
  let answer: { readonly executionId?: unknown; readonly code?: unknown } = {};
  try {
    answer = JSON.parse(response.body ?? "{}") as typeof answer;
  } catch {
    // What is no JSON is judged by its status and has neither.
  }
  const textOf = (value: unknown): string => (typeof value === "string" ? value : "");
  return { status: response.status, executionId: textOf(answer.executionId), code: textOf(answer.code) };
}

function isPromised(response: HttpResponse, { status, executionId, code }: Outcome): boolean {
  if (status === 200 || status === 202) return executionId !== "";
  if (code === "" || response.headers["Content-Type"]?.startsWith("application/problem+json") !== true) return false;
  if (status === 429 || status === 503) return Number(response.headers["Retry-After"]) >= 1;
  return status >= 400 && status < 500;
}

/** k6's own end: the summary goes to the runner. */
export function handleSummary(data: unknown): Record<string, string> {
  return { [plan.summaryFile]: JSON.stringify(data) };
}
