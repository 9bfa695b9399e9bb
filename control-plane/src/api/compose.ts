import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { CANCEL_CHANNEL } from "@fluxo/contracts/channels/cancel";
import { apiRequestsPerMinute } from "@fluxo/prisma/access/request-limits";
import { AccessTokens } from "@fluxo/prisma/credentials/access-tokens";
import { assertServiceRole, createPool } from "@fluxo/prisma/database/pool";
import { createTenantDb } from "@fluxo/prisma/database/tenant-db";
import { Units } from "@fluxo/prisma/database/units";
import { uuidV7 } from "@fluxo/prisma/ids";
import { systemClock } from "@fluxo/runtime/clock";
import { createGuardedDialer } from "@fluxo/runtime/dial/guarded-dialer";
import { healthRouter } from "@fluxo/runtime/health";
import { createAddressRanges } from "@fluxo/runtime/http/client-address";
import { createGuardedClient } from "@fluxo/runtime/http/guarded-client";
import { listen } from "@fluxo/runtime/http-server";
import { Lifecycle } from "@fluxo/runtime/lifecycle";
import { createLogger, type Logger } from "@fluxo/runtime/logger";
import { collectProcessMetrics, createMetrics, createRegistry } from "@fluxo/runtime/metrics";
import { createRedis, type RedisClient } from "@fluxo/runtime/redis";
import { createSecretBox } from "@fluxo/runtime/secrets/box";
import { openConfiguredVault } from "@fluxo/runtime/secrets/configured-vault";
import type { Router } from "express";
import type pg from "pg";
import { FastLane } from "../fast-lane/fast-lane.ts";
import { EventTokens } from "../live/event-token.ts";
import { Feeds } from "../live/feeds.ts";
import { LiveStreams } from "../live/live-streams.ts";
import { NodeTester } from "../live/node-tester.ts";
import { WakeHub } from "../live/wake-hub.ts";
import { JwksCache } from "../provisioning/jwks-cache.ts";
import { ExchangeLimits } from "./access/exchange-limits.ts";
import { openAccess, type AccessOptions } from "./access/open-access.ts";
import { RequestLimits } from "./access/request-limits.ts";
import { createApiApp } from "./app.ts";
import { apiConfig, type ApiConfig } from "./config.ts";
import { breakerCloser } from "./close-breaker.ts";
import type { ApiServices } from "./services.ts";
import { hostPortOf, openSignIns, pageUrlOf } from "./sign-in/open-sign-ins.ts";

/** Constructs the admin API and starts it. What is constructed first ends last: stop listening, let requests finish, close the stores. */
export async function startApi(env: NodeJS.ProcessEnv): Promise<void> {
  const config = apiConfig(env);
  const logger = createLogger({ service: "api", level: config.LOG_LEVEL });
  const lifecycle = new Lifecycle({ logger, totalTimeoutMs: config.API_STOP_DEADLINE_MS + 10_000 });
  lifecycle.handleSignals();
  const registry = createRegistry();
  const metrics = createMetrics(registry);
  collectProcessMetrics(registry);

  const pool = createPool({ connectionString: config.FLUXO_APP_DATABASE_URL, applicationName: "fluxo-api", max: config.API_DATABASE_CONNECTIONS, role: "fluxo_app" });
  lifecycle.onStop("postgresql", () => pool.end());
  await assertServiceRole(pool, "fluxo_app");
  const units = new Units(pool, (error) => logger.warn({ err: error }, "what follows a commit failed"));
  const tenantDb = createTenantDb(units.pool, units);
  lifecycle.onStop("tenant client", () => tenantDb.close());
  const redis = createRedis(config.REDIS_URL, { prefix: config.FLUXO_REDIS_PREFIX, logger, role: "commands" });
  lifecycle.onStop("redis", () => redis.disconnect());

  const fastLane = new FastLane({ redis, clock: systemClock, logger, metrics });
  if (config.FLUXO_FAST_LANE) fastLane.open();

  const vault = await openConfiguredVault(config);
  const guard = { allowedPrivateHosts: config.FLUXO_ALLOWED_PRIVATE_HOSTS };
  const http = createGuardedClient(guard);
  const tokens = new AccessTokens({ db: pool, vault, http, clock: systemClock, owner: `api:${hostname()}:${uuidV7.next()}` });
  const wakes = createRedis(config.REDIS_URL, { prefix: config.FLUXO_REDIS_PREFIX, logger, role: "blocking" });
  lifecycle.onStop("redis (wakes)", () => wakes.disconnect());
  const live = new LiveStreams({ redis, hub: new WakeHub(wakes, config.FLUXO_REDIS_PREFIX, logger), tenantDb, clock: systemClock, logger, metrics });
  const subscriber = createRedis(config.REDIS_URL, { prefix: config.FLUXO_REDIS_PREFIX, logger, role: "blocking" });
  lifecycle.onStop("redis (access)", () => subscriber.disconnect());
  const access = openAccess({ pool, redis, subscriber, ...accessSettings(config), clock: systemClock, logger, metrics });
  lifecycle.onStop("last uses of keys and sessions", () => access.stop());
  const feeds = new Feeds(systemClock);
  const box = createSecretBox(config.FLUXO_MASTER_KEY, config.FLUXO_PREVIOUS_MASTER_KEYS);
  const services: ApiServices = {
    tenantDb,
    pool: units.pool,
    units,
    box,
    vault,
    testerPorts: { http, dial: createGuardedDialer(guard), clock: systemClock, renewToken: (stored) => tokens.renew(stored) },
    clock: systemClock,
    ids: uuidV7,
    randomBytes,
    closeBreaker: breakerCloser(redis, config.FLUXO_REDIS_PREFIX),
    publishCancel: async (message) => {
      await redis.publish(`${config.FLUXO_REDIS_PREFIX}:${CANCEL_CHANNEL}`, JSON.stringify(message));
    },
    signIns: openSignIns(config, { pool, box, clock: systemClock, ids: uuidV7, randomBytes }),
    exchangeLimits: new ExchangeLimits({ redis, clock: systemClock, logger, failures: access.failures, perMinute: { ofAddress: config.API_EXCHANGES_PER_ADDRESS, ofAgency: config.API_EXCHANGES_PER_AGENCY } }),
    announceAccess: (change) => access.changes.announce(change),
    handOver: config.FLUXO_FAST_LANE ? fastLane.handOver : () => undefined,
    live,
    feeds,
    nodeTester: new NodeTester({ redis, clock: systemClock, ids: uuidV7 }),
    eventTokens: new EventTokens([config.FLUXO_MASTER_KEY, ...config.FLUXO_PREVIOUS_MASTER_KEYS], systemClock),
    jwks: new JwksCache(http, systemClock),
    // The operator's own ingress may have a private address.
    ingressHttp: createGuardedClient({ allowedPrivateHosts: [hostPortOf(config.FLUXO_PUBLIC_INGRESS_URL)] }),
    publicIngressUrl: config.FLUXO_PUBLIC_INGRESS_URL,
    logger,
  };
  const limits = new RequestLimits({ redis, clock: systemClock, logger, metrics, changes: access.changes, perMinuteOfCaller: config.API_REQUESTS_PER_MINUTE, perMinuteOfTenant: (tenantId) => apiRequestsPerMinute(pool, tenantId) });
  const app = createApiApp({ services, authenticator: access.authenticator, pageOrigin: new URL(pageUrlOf(config)).origin, trustedProxies: createAddressRanges(config.API_TRUSTED_PROXIES), limits, metrics, health: apiHealth({ registry, lifecycle, pool, redis, logger }), checksAnswers: config.NODE_ENV === "test" });
  const server = await listen(app, { host: config.HOST, port: config.PORT });
  lifecycle.onStop(
    "http",
    async () => {
      await server.close(config.API_STOP_DEADLINE_MS);
    },
    { timeoutMs: config.API_STOP_DEADLINE_MS + 1_000 },
  );
  lifecycle.onStop("event streams", () => {
    live.close();
    feeds.close();
  });
  lifecycle.markRunning();
  logger.info({ port: server.port }, "api is up");
}

function accessSettings(config: ApiConfig): Pick<AccessOptions, "prefix" | "sessionIdleMs" | "thresholds"> {
  return {
    prefix: config.FLUXO_REDIS_PREFIX,
    sessionIdleMs: config.API_SESSION_IDLE_MINUTES * 60_000,
    thresholds: { perAddress: config.API_FAILURES_PER_ADDRESS, perKey: config.API_FAILURES_PER_KEY },
  };
}

interface Watched {
  readonly registry: ReturnType<typeof createRegistry>;
  readonly lifecycle: Lifecycle;
  readonly pool: pg.Pool;
  readonly redis: RedisClient;
  readonly logger: Logger;
}

function apiHealth({ registry, lifecycle, pool, redis, logger }: Watched): Router {
  return healthRouter({
    registry,
    isStopping: () => lifecycle.isStopping(),
    checks: [
      { name: "postgresql", check: () => pool.query("SELECT 1") },
      { name: "redis", check: () => redis.ping() },
    ],
    onChange: ({ name, isFailing, error }) => logger[isFailing ? "warn" : "info"]({ check: name, err: error }, isFailing ? "check fails" : "check passes"),
  });
}
