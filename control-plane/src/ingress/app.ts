import { RequestError } from "@fluxo/core/errors/request-error";
import type { Logger } from "@fluxo/runtime/logger";
import type { Metrics } from "@fluxo/runtime/metrics";
import express, { type Express, type NextFunction, type Request, type Response, type Router } from "express";
import { sendJson, sendProblem } from "./problem.ts";
import { CallerGoneError } from "./read-body.ts";
import { receive, type ReceiveOptions } from "./receive.ts";

export interface IngressAppOptions extends ReceiveOptions {
  readonly health: Router;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The route's pattern, as metrics name it. */
const HOOK_ROUTE = "/hooks/:token";
/** Methods that get a label of their own. */
const NAMED_METHODS: ReadonlySet<string> = new Set(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]);
/** Ids of requests that callers may choose themselves. */
const REQUEST_ID_FORM = /^[\w.:-]{1,64}$/;

/** `ALL /hooks/{token}`, health and metrics. Nothing runs before a hook's own handler: that path is the hot one. */
export function createIngressApp(options: IngressAppOptions): Express {
  const app = express();
  app.disable("x-powered-by");
  app.set("etag", false);
  app.set("query parser", false);
  app.all(HOOK_ROUTE, (request: Request, response: Response) => answerHook(request, response, options));
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

async function answerHook(request: Request, response: Response, options: IngressAppOptions): Promise<void> {
  const startedAt = performance.now();
  const { metrics } = options;
  const requestId = requestIdOf(request, options);
  try {
    const { token } = request.params;
    const receipt = await receive(request, typeof token === "string" ? token : "", options);
    (receipt.duplicate ? metrics.ingressDuplicates : metrics.ingressAccepted).inc();
    sendJson(response, receipt.duplicate ? 200 : 202, requestId, receipt);
  } catch (error) {
    if (error instanceof CallerGoneError) return;
    const refusal = toRequestError(error, options);
    metrics.ingressRefused.inc({ code: refusal.code });
    sendProblem(response, refusal, requestId);
  }
  const method = NAMED_METHODS.has(request.method) ? request.method : "other";
  metrics.httpRequests.inc({ method, route: HOOK_ROUTE, status: response.statusCode });
  metrics.httpRequestDuration.observe({ method, route: HOOK_ROUTE }, (performance.now() - startedAt) / 1_000);
}

/** Express itself throws for a path that cannot be decoded, with a status of its own. */
function toRequestError(error: unknown, { logger }: IngressAppOptions): RequestError {
  if (error instanceof RequestError) return error;
  if (error instanceof URIError) return new RequestError("HOOK_NOT_FOUND");
  logger.error({ err: error }, "request failed");
  return new RequestError("INTERNAL");
}

function requestIdOf(request: Request, { ids }: IngressAppOptions): string {
  const given = request.headers["x-request-id"];
  return typeof given === "string" && REQUEST_ID_FORM.test(given) ? given : ids.next();
}
