import type { AccessChange } from "@fluxo/contracts/channels/access";
import { apiRequestsPerMinute } from "@fluxo/prisma/access/request-limits";
import { createAddressRanges } from "@fluxo/runtime/http/client-address";
import { listen } from "@fluxo/runtime/http-server";
import type { Metrics } from "@fluxo/runtime/metrics";
import type { RedisClient } from "@fluxo/runtime/redis";
import type { Router } from "express";
import { ExchangeLimits, type ExchangesPerMinute } from "../access/exchange-limits.ts";
import type { FailureThresholds } from "../access/failure-limits.ts";
import { openAccess, type OpenAccess } from "../access/open-access.ts";
import { RequestLimits } from "../access/request-limits.ts";
import { createApiApp } from "../app.ts";
import type { ApiServices } from "../services.ts";
import { openSignIns } from "../sign-in/open-sign-ins.ts";

/** An identity provider that people sign in with. */
export interface TestProvider {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

export interface InstanceOptions {
  readonly services: Omit<ApiServices, "announceAccess" | "signIns" | "exchangeLimits">;
  readonly redis: RedisClient;
  readonly prefix: string;
  readonly metrics: Metrics;
  readonly health: Router;
  readonly thresholds: FailureThresholds;
  readonly sessionIdleMs: number;
  readonly perMinuteOfCaller: number;
  readonly exchangesPerMinute: ExchangesPerMinute;
  /** Absent: people cannot sign in. */
  readonly provider?: TestProvider;
}

/** One process of the admin API, as `compose.ts` would start it. */
export interface Instance {
  readonly url: string;
  readonly access: OpenAccess;
  stop(): Promise<void>;
}

/** Starts the admin API in this process, with memory of its own and the given stores. */
export async function startInstance({ services, redis, prefix, metrics, health, thresholds, sessionIdleMs, perMinuteOfCaller, exchangesPerMinute, provider }: InstanceOptions): Promise<Instance> {
  const { pool, box, clock, ids, randomBytes, logger } = services;
  // It listens before it is made: its own address is in what it is made of.
  const server = await listen((request, response) => void app(request, response), { host: "127.0.0.1", port: 0 });
  const { port } = server;
  const url = `http://127.0.0.1:${port}`;
  const subscriber = redis.duplicate({ keyPrefix: "", maxRetriesPerRequest: null, connectionName: `access-${port}` });
  const access = openAccess({ pool, redis, subscriber, prefix, sessionIdleMs, thresholds, clock, logger, metrics });
  const config = {
    PORT: port,
    FLUXO_PUBLIC_API_URL: url,
    API_OIDC_ISSUER: provider?.issuer,
    API_OIDC_CLIENT_ID: provider?.clientId,
    API_OIDC_CLIENT_SECRET: provider?.clientSecret,
    API_SESSION_HOURS: 12,
    FLUXO_ALLOWED_PRIVATE_HOSTS: [],
  };
  const signIns = openSignIns(config, { pool, box, clock, ids, randomBytes });
  const exchangeLimits = new ExchangeLimits({ redis, clock, logger, failures: access.failures, perMinute: exchangesPerMinute });
  const announceAccess = (change: AccessChange): Promise<void> => access.changes.announce(change);
  const limits = new RequestLimits({ redis, clock, logger, metrics, changes: access.changes, perMinuteOfCaller, perMinuteOfTenant: (tenantId) => apiRequestsPerMinute(pool, tenantId) });
  const app = createApiApp({
    services: { ...services, signIns, announceAccess, exchangeLimits },
    authenticator: access.authenticator,
    pageOrigin: url,
    // Tests say where they come from by X-Forwarded-For.
    trustedProxies: createAddressRanges(["127.0.0.1"]),
    limits,
    metrics,
    health,
    checksAnswers: true,
  });
  const stop = async (): Promise<void> => {
    await server.close(1_000);
    await access.stop();
    subscriber.disconnect();
  };
  return { url, access, stop };
}
