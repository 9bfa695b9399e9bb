import type { Logger } from "@fluxo/runtime/logger";
import type { Metrics } from "@fluxo/runtime/metrics";
import type { Request, RequestHandler } from "express";
import { requestIdOf } from "./request-id.ts";

/** Counts and logs every answer by method, route pattern and status. Paths hold ids and queries hold anything, so neither is written down. */
export function observe(metrics: Pick<Metrics, "httpRequests" | "httpRequestDuration">, logger: Logger): RequestHandler {
  return (request, response, next) => {
    const startedAt = performance.now();
    response.once("close", () => {
      const durationMs = performance.now() - startedAt;
      const { method } = request;
      const route = patternOf(request);
      const status = response.writableFinished ? String(response.statusCode) : "aborted";
      metrics.httpRequests.inc({ method, route, status });
      metrics.httpRequestDuration.observe({ method, route }, durationMs / 1_000);
      logger[route.startsWith("/v1") ? "info" : "debug"]({ requestId: requestIdOf(response), method, route, status, durationMs: Math.round(durationMs) }, "request");
    });
    next();
  };
}

function patternOf(request: Request): string {
  const route: unknown = request.route;
  if (typeof route !== "object" || route === null || !("path" in route) || typeof route.path !== "string") return "unmatched";
  return route.path;
}
