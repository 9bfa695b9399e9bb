import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { CANCEL_CHANNEL, type CancelMessage } from "@fluxo/contracts/channels/cancel";
import { assertServiceRole, createPool } from "@fluxo/prisma/database/pool";
import { createTenantDb } from "@fluxo/prisma/database/tenant-db";
import { uuidV7 } from "@fluxo/prisma/ids";
import { systemClock } from "@fluxo/runtime/clock";
import { healthRouter } from "@fluxo/runtime/health";
import { listen } from "@fluxo/runtime/http-server";
import { Lifecycle } from "@fluxo/runtime/lifecycle";
import { createLogger, type Logger } from "@fluxo/runtime/logger";
import { collectProcessMetrics, createMetrics, createRegistry } from "@fluxo/runtime/metrics";
import { createRedis } from "@fluxo/runtime/redis";
import express from "express";
import { backfills } from "../operations/backfills.ts";
import { bulkOperations } from "../operations/bulk-operations.ts";
import { OperationWorker, type OperationWork } from "../operations/operation-worker.ts";
import { UsageRoller } from "../usage/usage-roller.ts";
import { eraseSignals } from "../operations/off-boarding/erase-signals.ts";
import { OffBoardings } from "../operations/off-boarding/off-boardings.ts";
import { createSecretBox } from "@fluxo/runtime/secrets/box";
import { Rollouts } from "../templates/rollouts.ts";
import { loadRelayConfig, type RelayConfig } from "./config.ts";
import { createEventApi } from "./event-api.ts";
import { createInngestMonitor } from "./inngest-monitor.ts";
import { OutboxListener } from "./outbox-listener.ts";
import { Relay } from "./relay.ts";
import { createStatisticsKeeper } from "./statistics.ts";
import { Sweeper } from "./sweeper.ts";
import { createTotals } from "./totals.ts";

/** Rounds, sweeps, roll-ups of usage, health. */
const POOL_MAX = 4;
/** With the claim's lease it bounds how long a round can take. */
const SEND_TIMEOUT_MS = 5_000;
const STOP_TIMEOUT_MS = 15_000;
const CLOSE_DEADLINE_MS = 2_000;

/**
 * Starts the outbox relay with its sweeps; resolves when it listens for probes. SIGTERM and SIGINT stop it: it finishes its round, then closes its
 * connections. @throws ConfigError, ListenError, or Error when PostgreSQL does not answer or the role is wrong
 */
export async function startRelay(env: NodeJS.ProcessEnv): Promise<void> {
  const config = loadRelayConfig(env);
  const logger = createLogger({ service: "relay", level: config.LOG_LEVEL });
  const lifecycle = new Lifecycle({ logger, totalTimeoutMs: STOP_TIMEOUT_MS });
  lifecycle.handleSignals();
  try {
    const port = await composeRelay(config, logger, lifecycle);
    lifecycle.markRunning();
    logger.info({ port }, "relay is ready");
  } catch (error) {
    await lifecycle.stop("the start failed");
    throw error;
  }
}

/** Constructs everything, starts it and registers how it ends. @returns the port that it listens on */
export async function composeRelay(config: RelayConfig, logger: Logger, lifecycle: Lifecycle): Promise<number> {
  const registry = createRegistry();
  const metrics = createMetrics(registry);
  collectProcessMetrics(registry);
  const connection = { connectionString: config.FLUXO_SYSTEM_DATABASE_URL, role: "fluxo_system" } as const;
  const db = createPool({ ...connection, applicationName: "fluxo-relay", max: POOL_MAX });
  lifecycle.onStop("pool", () => db.end());
  const listening = createPool({ ...connection, applicationName: "fluxo-relay-listen", max: 1 });
  lifecycle.onStop("listening pool", () => listening.end());
  await assertServiceRole(db, "fluxo_system");
  const tenants = createPool({ connectionString: config.FLUXO_APP_DATABASE_URL, role: "fluxo_app", applicationName: "fluxo-operations", max: 2 });
  lifecycle.onStop("tenant pool", () => tenants.end());
  await assertServiceRole(tenants, "fluxo_app");

  const tenantDb = createTenantDb(tenants);
  lifecycle.onStop("tenant client", () => tenantDb.close());

  const eventApi = createEventApi({ baseUrl: config.INNGEST_BASE_URL, eventKey: config.INNGEST_EVENT_KEY, timeoutMs: SEND_TIMEOUT_MS });
  const common = { db, clock: systemClock, random: Math.random, logger, metrics };
  const owner = `relay:${hostname()}:${uuidV7.next()}`;
  const relay = new Relay({ ...common, owner, eventApi, outstandingMax: config.RELAY_OUTSTANDING_MAX });
  const sweeper = new Sweeper({ db, clock: systemClock, logger, staleMs: config.RELAY_STALE_MS });
  const listener = new OutboxListener({ ...common, db: listening, onWake: () => relay.wake() });
  const redis = createRedis(config.REDIS_URL, { prefix: config.FLUXO_REDIS_PREFIX, logger, role: "commands" });
  lifecycle.onStop("redis", () => redis.disconnect());
  const usageRoller = new UsageRoller({ db, clock: systemClock, logger, metrics });
  const box = createSecretBox(config.FLUXO_MASTER_KEY, config.FLUXO_PREVIOUS_MASTER_KEYS);
  const works: readonly OperationWork[] = [
    bulkOperations({ app: tenants, ids: uuidV7, logger }),
    backfills({ app: tenants, tenantDb, clock: systemClock, ids: uuidV7, logger }),
    new Rollouts({ tenantDb, clock: systemClock, ids: uuidV7, randomBytes, box, logger }),
    new OffBoardings({ system: db, app: tenants, logger, eraseSignals: (tenantId) => eraseSignals(redis, config.FLUXO_REDIS_PREFIX, tenantId) }),
  ];
  const publishCancel = async (message: CancelMessage): Promise<void> => {
    await redis.publish(`${config.FLUXO_REDIS_PREFIX}:${CANCEL_CHANNEL}`, JSON.stringify(message));
  };
  const operations = works.map((work) => new OperationWorker(work, { system: db, owner, clock: systemClock, logger, metrics, publishCancel }));
  const totals = createTotals(common);
  const statistics = createStatisticsKeeper(common);
  const inngestMonitor = createInngestMonitor(eventApi, systemClock, logger);
  lifecycle.onStop("relay", () => relay.stop());
  lifecycle.onStop("sweeper", () => sweeper.stop());
  lifecycle.onStop("totals", () => totals.stop());
  lifecycle.onStop("statistics", () => statistics.stop());
  lifecycle.onStop("usage", () => usageRoller.stop());
  lifecycle.onStop("operations", async () => {
    await Promise.all(operations.map((worker) => worker.stop()));
  });
  lifecycle.onStop("listener", () => listener.stop());
  lifecycle.onStop("inngest monitor", () => inngestMonitor.stop());

  const app = express();
  app.disable("x-powered-by");
  app.use(
    healthRouter({
      checks: [{ name: "postgres", check: () => db.query("SELECT 1") }],
      isStopping: () => lifecycle.isStopping(),
      registry,
      onChange: (change) => logger.warn(change, "readiness changed"),
    }),
  );
  const server = await listen(app, { host: config.HOST, port: config.PORT });
  lifecycle.onStop("http server", async () => {
    await server.close(CLOSE_DEADLINE_MS);
  });
  relay.start();
  sweeper.start();
  listener.start();
  usageRoller.start();
  totals.start();
  statistics.start();
  for (const worker of operations) worker.start();
  inngestMonitor.start();
  return server.port;
}
