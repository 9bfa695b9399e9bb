import { ROUTES } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { AddressRanges } from "@fluxo/runtime/http/client-address";
import type { Metrics } from "@fluxo/runtime/metrics";
import express, { type Express, type Router } from "express";
import helmet from "helmet";
import type { Authenticator } from "./access/authenticate.ts";
import type { RequestLimits } from "./access/request-limits.ts";
import { handlers } from "./handlers.ts";
import { observe } from "./http/observe.ts";
import { problemHandler } from "./http/problem.ts";
import { requestId } from "./http/request-id.ts";
import { routeTable } from "./http/router.ts";
import { TenantScope } from "./http/tenant-scope.ts";
import { referencePage } from "./reference/reference-page.ts";
import type { ApiServices } from "./services.ts";
import { signOutPages } from "./sign-in/pages.ts";

export interface AppOptions {
  readonly services: ApiServices;
  readonly authenticator: Authenticator;
  /** Scheme, host and port under which people reach this API. */
  readonly pageOrigin: string;
  /** The operator's proxies, whose X-Forwarded-For is believed. */
  readonly trustedProxies: AddressRanges;
  readonly limits: RequestLimits;
  readonly metrics: Pick<Metrics, "httpRequests" | "httpRequestDuration">;
  /** `/healthz`, `/readyz`, `/metrics`. */
  readonly health: Router;
  /** Check answers against their schemas too; for tests. */
  readonly checksAnswers: boolean;
}

/** The admin API as an Express application. */
export function createApiApp({ services, authenticator, pageOrigin, trustedProxies, limits, metrics, health, checksAnswers }: AppOptions): Express {
  const { clock, ids, logger, tenantDb } = services;
  const app = express();
  app.disable("x-powered-by");
  // Entity tags are revisions of drafts; Express must not make up others.
  app.disable("etag");
  app.set("query parser", "simple");
  app.use(requestId(ids), observe(metrics, logger), helmet());
  app.use(health, referencePage(), signOutPages());
  const gate = { authenticator, tenants: new TenantScope(tenantDb, clock), eventTokens: services.eventTokens, cookies: services.signIns.cookies, pageOrigin, trustedProxies, limits, checksAnswers };
  app.use(routeTable(ROUTES, handlers, afterCommits(services), gate));
  app.use(() => {
    throw new RequestError("NOT_FOUND", { detail: "There is no such path; /openapi.json lists them." });
  });
  app.use(problemHandler(logger));
  return app;
}

/** What tells others of a change, told when it is committed. */
function afterCommits(services: ApiServices): ApiServices {
  const { units, handOver, publishCancel, announceAccess } = services;
  return {
    ...services,
    handOver: (executions) => void units.afterCommit(() => handOver(executions)),
    announceAccess: (change) => units.afterCommit(() => announceAccess(change)),
    publishCancel: (message) => units.afterCommit(() => publishCancel(message)),
  };
}
