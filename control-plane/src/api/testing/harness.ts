import { randomBytes } from "node:crypto";
import { CANCEL_CHANNEL } from "@fluxo/contracts/channels/cancel";
import { AccessTokens } from "@fluxo/prisma/credentials/access-tokens";
import type { StoredCredential } from "@fluxo/prisma/credentials/stored-credential";
import { createPool } from "@fluxo/prisma/database/pool";
import { createTenantDb } from "@fluxo/prisma/database/tenant-db";
import { Units } from "@fluxo/prisma/database/units";
import { uuidV7 } from "@fluxo/prisma/ids";
import type { Clock } from "@fluxo/core/ports/clock";
import { systemClock } from "@fluxo/runtime/clock";
import { createGuardedDialer } from "@fluxo/runtime/dial/guarded-dialer";
import { healthRouter } from "@fluxo/runtime/health";
import { createGuardedClient, type GuardedClientOptions } from "@fluxo/runtime/http/guarded-client";
import { createLogger } from "@fluxo/runtime/logger";
import { createMetrics, createRegistry } from "@fluxo/runtime/metrics";
import { createRedis } from "@fluxo/runtime/redis";
import { createSecretBox, type SecretBox } from "@fluxo/runtime/secrets/box";
import { createStaticKeyProvider } from "@fluxo/runtime/secrets/key-provider";
import { createVault } from "@fluxo/runtime/secrets/vault";
import { createTestDatabase } from "@fluxo/test/support/database";
import pg from "pg";
import { EventTokens } from "../../live/event-token.ts";
import { Feeds } from "../../live/feeds.ts";
import { LiveStreams } from "../../live/live-streams.ts";
import { NodeTester } from "../../live/node-tester.ts";
import { WakeHub } from "../../live/wake-hub.ts";
import { JwksCache } from "../../provisioning/jwks-cache.ts";
import { breakerCloser } from "../close-breaker.ts";
import type { ExchangesPerMinute } from "../access/exchange-limits.ts";
import type { FailureThresholds } from "../access/failure-limits.ts";
import { createCallers } from "./callers.ts";
import { startInstance, type Instance, type TestProvider } from "./instance.ts";

export { PLANS, type TestAgency, type TestOperator, type TestTenant } from "./callers.ts";

export const PREFIX = `test-${randomBytes(4).toString("hex")}`;
export const INGRESS_URL = "https://hooks.example.com";

export type Harness = Awaited<ReturnType<typeof startHarness>>;

export interface HarnessOptions {
  /** What it may call. */
  readonly allowedPrivateHosts?: readonly string[];
  readonly ca?: string;
  /** How it finds the ingress, which is at `ingressUrl`. */
  readonly ingress?: GuardedClientOptions;
  readonly ingressUrl?: string;
  /** Whom people sign in with; absent: they cannot. */
  readonly provider?: TestProvider;
  /** Absent: failures are not limited. */
  readonly thresholds?: FailureThresholds;
  readonly sessionIdleMs?: number;
  /** Requests in a minute of one key or person. */
  readonly perMinuteOfCaller?: number;
  /** Absent: exchanges of provisioning tokens are not limited. */
  readonly exchangesPerMinute?: ExchangesPerMinute;
  /** Absent: the system's. */
  readonly clock?: Clock;
}

const UNLIMITED: FailureThresholds = { perAddress: 1_000_000, perKey: 1_000_000 };

/** The admin API on a database of its own, listening on a port of its own. Every answer is checked against its schema. */
export async function startHarness(guard: HarnessOptions = {}) {
  const { provider, thresholds = UNLIMITED, sessionIdleMs = 3_600_000, perMinuteOfCaller = 60_000, exchangesPerMinute = { ofAddress: 60_000, ofAgency: 60_000 }, clock = systemClock } = guard;
  const database = await createTestDatabase();
  const pool = createPool({ connectionString: database.appUrl, applicationName: "api-test", max: 5, role: "fluxo_app" });
  const system = createPool({ connectionString: database.systemUrl, applicationName: "api-test-system", max: 2, role: "fluxo_system" });
  const owner = new pg.Pool({ connectionString: database.ownerUrl, max: 1 });
  const lines: string[] = [];
  const logger = createLogger({ service: "api", level: "debug", destination: { write: (line) => void lines.push(line) } });
  const units = new Units(pool, (error) => logger.warn({ err: error }, "what follows a commit failed"));
  const tenantDb = createTenantDb(units.pool, units);
  const redis = createRedis(process.env["FLUXO_TEST_REDIS_URL"] ?? "redis://127.0.0.1:6379", { prefix: PREFIX, logger, role: "commands" });
  const box: SecretBox = createSecretBox(Buffer.alloc(32, 9));
  const vault = createVault(createStaticKeyProvider(Buffer.alloc(32, 9)), () => performance.now());
  const http = createGuardedClient(guard);
  const tokens = new AccessTokens({ db: pool, vault, http, clock: systemClock, owner: "api-test" });
  const registry = createRegistry();
  const metrics = createMetrics(registry);
  const wakes = redis.duplicate({ keyPrefix: "", maxRetriesPerRequest: null, connectionName: `wakes-${PREFIX}` });
  const live = new LiveStreams({ redis, hub: new WakeHub(wakes, PREFIX, logger), tenantDb, clock: systemClock, logger, metrics, quietMs: 300, tenantMax: 5 });
  const feeds = new Feeds(systemClock);
  const services = {
    tenantDb,
    pool: units.pool,
    units,
    box,
    vault,
    testerPorts: { http, dial: createGuardedDialer(guard), clock: systemClock, renewToken: (stored: StoredCredential) => tokens.renew(stored) },
    clock,
    ids: uuidV7,
    randomBytes,
    closeBreaker: breakerCloser(redis, PREFIX),
    publishCancel: async (message: unknown) => {
      await redis.publish(`${PREFIX}:${CANCEL_CHANNEL}`, JSON.stringify(message));
    },
    handOver: () => undefined,
    live,
    feeds,
    nodeTester: new NodeTester({ redis, clock: systemClock, ids: uuidV7, waitMs: 3_000 }),
    eventTokens: new EventTokens([Buffer.alloc(32, 9)], systemClock),
    jwks: new JwksCache(http, systemClock),
    ingressHttp: createGuardedClient(guard.ingress ?? guard),
    publicIngressUrl: guard.ingressUrl ?? INGRESS_URL,
    logger,
  };
  const health = healthRouter({ registry, isStopping: () => false, checks: [{ name: "postgresql", check: () => pool.query("SELECT 1") }] });
  /** The admin API as a process runs it; called again, another process: it shares the stores and no memory. @param of its own clock, unless it is the harness' */
  const startAnother = (of: { readonly clock?: Clock } = {}): Promise<Instance> => startInstance({ services: { ...services, ...of }, redis, prefix: PREFIX, metrics, health, thresholds, sessionIdleMs, perMinuteOfCaller, exchangesPerMinute, ...(provider === undefined ? {} : { provider }) });
  const instance = await startAnother();
  const { url, access } = instance;
  const stop = async (): Promise<void> => {
    live.close();
    feeds.close();
    await instance.stop();
    wakes.disconnect();
    await tenantDb.close();
    redis.disconnect();
    await Promise.all([pool.end(), system.end(), owner.end()]);
    await database.drop();
  };
  return { url, ownerUrl: database.ownerUrl, appUrl: database.appUrl, systemUrl: database.systemUrl, pool, system, owner, tenantDb, box, vault, redis, live, logger, logLines: lines, access, startAnother, ...createCallers(url, system), stop };
}
