import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { Logger } from "@fluxo/runtime/logger";
import type { Metrics } from "@fluxo/runtime/metrics";
import express, { type Express, type NextFunction, type Request, type Response, type Router } from "express";
import type { HookResponse } from "./hook.ts";
import { sendChallenge, sendJson, sendProblem } from "./problem.ts";
import { CallerGoneError } from "./read-body.ts";
import { receive, type Outcome, type ReceiveOptions, type Received } from "./receive.ts";
import { ExecutionEndedError, sendAnswer, toAnswer } from "./responses/answer.ts";
import type { WaitingRoom } from "./responses/waiting-room.ts";
import { receiveSample, type ReceiveSampleOptions, type SampleOutcome } from "./samples/receive-sample.ts";

export interface IngressAppOptions extends ReceiveOptions, ReceiveSampleOptions {
  readonly waitingRoom: WaitingRoom;
  readonly health: Router;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The route's pattern, as metrics name it. */
const HOOK_ROUTE = "/hooks/:token";
const TEST_ROUTE = "/hooks-test/:token";
const HOOK_PREFIX = "/hooks/";
/** A path segment in which nothing is encoded. */
const PLAIN_TOKEN = /^[A-Za-z0-9_-]{1,128}$/;
/** Methods that get a label of their own. */
const NAMED_METHODS: ReadonlySet<string> = new Set(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]);
/** Ids of requests that callers may choose themselves. */
const REQUEST_ID_FORM = /^[\w.:-]{1,64}$/;

/**
 * `ALL /hooks/{token}`, `ALL /hooks-test/{token}`, health and metrics. Nothing runs before a hook's own handler, not even a router where the address can be
 * read without one: that path is the hot one, and a router is a fifth of it.
 */
export function createIngressApp(options: IngressAppOptions): RequestListener {
  const app = createRoutedApp(options);
  return (request, response) => {
    const token = tokenOf(request.url ?? "");
    if (token === undefined) app(request, response);
    else void answer(HOOK_ROUTE, token, request, response, options).catch((error: unknown) => fail(error, response, options));
  };
}

/** Everything, by Express' rules of paths. */
function createRoutedApp(options: IngressAppOptions): Express {
  const app = express();
  app.disable("x-powered-by");
  app.set("etag", false);
  app.set("query parser", false);
  const paramOf = ({ params }: Request): string => (typeof params["token"] === "string" ? params["token"] : "");
  app.all(HOOK_ROUTE, (request: Request, response: Response) => answer(HOOK_ROUTE, paramOf(request), request, response, options));
  app.all(TEST_ROUTE, (request: Request, response: Response) => answer(TEST_ROUTE, paramOf(request), request, response, options));
  app.use(options.health);
  app.use((request: Request, response: Response) => {
    sendProblem(response, new RequestError("NOT_FOUND"), requestIdOf(request, options));
  });
  app.use((error: unknown, request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) next(error);
    else sendProblem(response, toRequestError(error, options), requestIdOf(request, options));
  });
  return app;
}

/** The token of an address that is written as Fluxo gives it out; undefined for every other one, which the router reads. */
function tokenOf(url: string): string | undefined {
  if (!url.startsWith(HOOK_PREFIX)) return undefined;
  const queryStart = url.indexOf("?", HOOK_PREFIX.length);
  const token = url.slice(HOOK_PREFIX.length, queryStart === -1 ? url.length : queryStart);
  return PLAIN_TOKEN.test(token) ? token : undefined;
}

/** An answer could not be written. */
function fail(error: unknown, response: ServerResponse, { logger }: IngressAppOptions): void {
  logger.error({ err: error }, "a request was not answered");
  response.destroy();
}

async function answer(route: typeof HOOK_ROUTE | typeof TEST_ROUTE, token: string, request: IncomingMessage, response: ServerResponse, options: IngressAppOptions): Promise<void> {
  const startedAt = performance.now();
  const { metrics } = options;
  const requestId = requestIdOf(request, options);
  try {
    const outcome = await (route === HOOK_ROUTE ? receive(request, token, options) : receiveSample(request, token, options));
    await answerOutcome(outcome, response, requestId, options);
  } catch (error) {
    if (error instanceof CallerGoneError) return;
    const refusal = toRequestError(error, options);
    if (!(refusal instanceof ExecutionEndedError)) metrics.ingressRefused.inc({ code: refusal.code });
    sendProblem(response, refusal, requestId);
  }
  const { method: given = "" } = request;
  const method = NAMED_METHODS.has(given) ? given : "other";
  metrics.httpRequests.inc({ method, route, status: response.statusCode });
  metrics.httpRequestDuration.observe({ method, route }, (performance.now() - startedAt) / 1_000);
}

async function answerOutcome(outcome: Outcome | SampleOutcome, response: ServerResponse, requestId: string, options: IngressAppOptions): Promise<void> {
  const { metrics } = options;
  switch (outcome.kind) {
    case "received": {
      const { hook, receipt } = outcome;
      (receipt.duplicate ? metrics.ingressDuplicates : metrics.ingressAccepted).inc();
      if (hook.response.mode === "immediate") sendJson(response, receipt.duplicate ? 200 : 202, requestId, receipt);
      else await answerLater(outcome, hook.response, response, requestId, options);
      return;
    }
    case "filtered":
      metrics.ingressFiltered.inc();
      sendJson(response, 202, requestId, { filtered: true });
      return;
    case "challenge":
      sendChallenge(response, outcome.challenge, requestId);
      return;
    case "probe":
      sendJson(response, 200, requestId, { probe: outcome.nonce });
      return;
    case "sample":
      sendJson(response, 202, requestId, { sampleId: outcome.sampleId });
      return;
    default:
      outcome satisfies never;
  }
}

/** Answers with the execution's response, or as an immediate hook does when there is none in time. A caller that went away is not answered. */
async function answerLater(
  { hook, receipt }: Received,
  { mode, timeoutSeconds }: Exclude<HookResponse, { mode: "immediate" }>,
  response: ServerResponse,
  requestId: string,
  { waitingRoom }: IngressAppOptions,
): Promise<void> {
  const gone = new AbortController();
  if (response.destroyed) gone.abort();
  response.once("close", () => gone.abort());
  const awaited = { tenantId: hook.tenantId, executionId: receipt.executionId, mode };
  const found = await waitingRoom.wait(awaited, { timeoutMs: timeoutSeconds * 1_000, signal: gone.signal, isEarlier: receipt.duplicate });
  if (gone.signal.aborted) throw new CallerGoneError("The caller left before its answer.");
  if (found === undefined) sendJson(response, 202, requestId, receipt);
  else sendAnswer(response, toAnswer(awaited, found), receipt.executionId, requestId);
}

/** Express itself throws for a path that cannot be decoded, with a status of its own. */
function toRequestError(error: unknown, { logger }: IngressAppOptions): RequestError {
  if (error instanceof RequestError) return error;
  if (error instanceof URIError) return new RequestError("HOOK_NOT_FOUND");
  logger.error({ err: error }, "request failed");
  return new RequestError("INTERNAL");
}

function requestIdOf(request: IncomingMessage, { ids }: IngressAppOptions): string {
  const given = request.headers["x-request-id"];
  return typeof given === "string" && REQUEST_ID_FORM.test(given) ? given : ids.next();
}
