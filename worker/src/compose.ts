import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { AccessTokens } from "@fluxo/prisma/credentials/access-tokens";
import { assertServiceRole, createPool } from "@fluxo/prisma/database/pool";
import { createFileStore } from "@fluxo/prisma/files/file-store";
import { uuidV7 } from "@fluxo/prisma/ids";
import { systemClock } from "@fluxo/runtime/clock";
import { healthRouter } from "@fluxo/runtime/health";
import { createGuardedDialer } from "@fluxo/runtime/dial/guarded-dialer";
import { createGuardedClient } from "@fluxo/runtime/http/guarded-client";
import { listen } from "@fluxo/runtime/http-server";
import { Lifecycle } from "@fluxo/runtime/lifecycle";
import { createLogger, type Logger } from "@fluxo/runtime/logger";
import { collectProcessMetrics, createMetrics, createRegistry } from "@fluxo/runtime/metrics";
import { createRedis, type RedisClient, type RedisRole } from "@fluxo/runtime/redis";
import { openConfiguredVault } from "@fluxo/runtime/secrets/configured-vault";
import express, { type Express } from "express";
import { Inngest } from "inngest";
import { serve } from "inngest/express";
import { StatusPublisher } from "./channels/status-publisher.ts";
import { startBreakers } from "./breakers/start-breakers.ts";
import { listenForCancels } from "./cancel-listener.ts";
import { workerConfig, type WorkerConfig } from "./config.ts";
import { DryTaker } from "./execution/dry-taker.ts";
import type { Engine, EngineOptions } from "./execution/engine.ts";
import { LeaseKeeper } from "./execution/lease-keeper.ts";
import { FAST_LANE_SILENCE_MS, FastLaneTaker } from "./fast-lane/fast-lane-taker.ts";
import { executionFunctions } from "./inngest/functions.ts";
import { filePort } from "./node-ports/files.ts";
import { NODE_TEST_SILENCE_MS, NodeTestTaker } from "./node-tests/node-test-taker.ts";
import { runNodeTest } from "./node-tests/run-node-test.ts";
import { createAiTokens } from "./node-ports/ai-tokens.ts";
import { createMemory } from "./node-ports/memory.ts";
import { createCredentials } from "./node-ports/credentials.ts";
import { createNodePorts } from "./node-ports/node-ports.ts";
import { createSandbox } from "./node-ports/sandbox.ts";
import { createLanes } from "./lanes.ts";
import { registerFunctions } from "./inngest/register.ts";
import { responseAnnouncer } from "./response-announcer.ts";

const SERVE_PATH = "/api/inngest";
/** What a batch event may measure, with room: the events carry references only. */
const EVENT_BODY_LIMIT = "4mb";
const CLOSE_DEADLINE_MS = 3_000;

/** Constructs the worker and starts it. What is constructed first ends last. */
export async function startWorker(env: NodeJS.ProcessEnv): Promise<void> {
  const config = workerConfig(env);
  const logger = createLogger({ service: "worker", level: config.LOG_LEVEL });
  const lifecycle = new Lifecycle({ logger, totalTimeoutMs: config.WORKER_STOP_DEADLINE_MS + 10_000 });
  lifecycle.handleSignals();
  const registry = createRegistry();
  const metrics = createMetrics(registry);
  collectProcessMetrics(registry);

  const owner = `${hostname()}:${process.pid}:${randomUUID()}`;
  const app = createPool({ connectionString: config.FLUXO_APP_DATABASE_URL, applicationName: "fluxo-worker", max: config.WORKER_DATABASE_CONNECTIONS, role: "fluxo_app" });
  const system = createPool({ connectionString: config.FLUXO_SYSTEM_DATABASE_URL, applicationName: "fluxo-worker-leases", max: 2, role: "fluxo_system" });
  lifecycle.onStop("postgresql", async () => {
    await Promise.all([app.end(), system.end()]);
  });
  await assertServiceRole(app, "fluxo_app");
  await assertServiceRole(system, "fluxo_system");
  const connectRedis = (name: string, role: RedisRole, silenceMs?: number): RedisClient => {
    const client = createRedis(config.REDIS_URL, { prefix: config.FLUXO_REDIS_PREFIX, logger, role, ...(silenceMs === undefined ? {} : { silenceMs }) });
    lifecycle.onStop(`redis (${name})`, () => client.disconnect());
    return client;
  };
  const redis = connectRedis("cancels", "blocking");
  const announcements = connectRedis("announcements", "commands");
  const watched = connectRedis("channels", "commands");
  for (const client of [announcements, watched]) void client.connect().catch(() => undefined); // createRedis reports it and tries again
  const channel = new StatusPublisher({ redis: watched, prefix: config.FLUXO_REDIS_PREFIX, clock: systemClock, logger, metrics });
  lifecycle.onStop("channels", () => channel.drain());

  const leases = new LeaseKeeper({ pool: system, owner, leaseMs: config.WORKER_LEASE_MS, clock: systemClock, logger, metrics });
  const http = createGuardedClient({ allowedPrivateHosts: config.FLUXO_ALLOWED_PRIVATE_HOSTS });
  const dial = createGuardedDialer({ allowedPrivateHosts: config.FLUXO_ALLOWED_PRIVATE_HOSTS });
  const files = createFileStore(app, uuidV7);
  const vault = await openConfiguredVault(config);
  const tokens = new AccessTokens({ db: app, vault, http, clock: systemClock, owner });
  const sandbox = createSandbox(config);
  lifecycle.onStop("sandbox", () => sandbox.stop());
  const breakers = startBreakers({ redis: announcements, prefix: config.FLUXO_REDIS_PREFIX, db: app, clock: systemClock, ids: uuidV7, logger }, connectRedis("outages", "blocking"));
  const engineOptions: Omit<EngineOptions, "store"> = { leases, ids: uuidV7, logger, channel, announce: responseAnnouncer(announcements, config.FLUXO_REDIS_PREFIX, logger), tools: { clock: systemClock, random: Math.random, ports: createNodePorts({ http, sandbox, dial, files: (scope) => filePort(files, scope), credentials: createCredentials({ db: app, vault, tokens }), memory: createMemory(app), aiTokens: createAiTokens(app, uuidV7, logger) }), metrics } };
  // What dry reruns and tests do is no execution: it is counted apart, where nobody looks.
  const dryTools = { ...engineOptions.tools, metrics: createMetrics(createRegistry()) };
  const dryTaker = new DryTaker({ app, system, owner, ids: uuidV7, logger, tools: dryTools });
  lifecycle.onStop("dry reruns", () => dryTaker.stop());
  const store = { pool: app, owner, leaseMs: config.WORKER_LEASE_MS, clock: systemClock, metrics };
  const lanes = createLanes({ store, engine: { ...engineOptions, tools: { ...engineOptions.tools, breakers } }, stopDeadlineMs: config.WORKER_STOP_DEADLINE_MS }, lifecycle);
  void listenForCancels(redis, config.FLUXO_REDIS_PREFIX, (executionId) => leases.cancel(executionId), logger).catch((error: unknown) => {
    logger.warn({ err: error }, "cancels are heard with the heartbeat only");
  });

  const health = healthRouter({
    registry,
    isStopping: () => lifecycle.isStopping(),
    checks: [{ name: "postgresql", check: () => app.query("SELECT 1") }],
  });
  const server = await listen(workerApp(config, lanes.events, logger, health), { host: config.HOST, port: config.PORT, requestTimeoutMs: 0 });
  const registration = new AbortController();
  lifecycle.onStop("http", async () => {
    registration.abort();
    // The requests of running executions end with them; their connections are cut, and Inngest calls another worker.
    await server.close(CLOSE_DEADLINE_MS);
  });
  if (config.FLUXO_FAST_LANE) {
    const claimAndRun: Engine["claimAndRun"] = (tenantId, executionIds) => lanes.fast.claimAndRun(tenantId, executionIds);
    const taker = new FastLaneTaker({ redis: connectRedis("fast lane", "blocking", FAST_LANE_SILENCE_MS), claimAndRun, clock: systemClock, logger, metrics });
    lifecycle.onStop("fast lane", () => taker.stop());
    taker.start();
  }
  const nodeTests = new NodeTestTaker({
    redis: connectRedis("node tests", "blocking", NODE_TEST_SILENCE_MS),
    replies: watched,
    run: (request, signal) => runNodeTest(request, { db: app, credentials: { db: app, vault, tokens }, tools: dryTools, signal }),
    clock: systemClock,
    logger,
  });
  lifecycle.onStop("node tests", () => nodeTests.stop());
  nodeTests.start();
  dryTaker.start();
  lifecycle.markRunning();
  logger.info({ port: server.port, owner }, "worker is up");
  void registerFunctions(new URL(SERVE_PATH, `http://127.0.0.1:${server.port}`).href, systemClock, logger, registration.signal);
}

function workerApp(config: WorkerConfig, engine: Engine, logger: Logger, health: express.Router): Express {
  const client = new Inngest({
    id: "fluxo",
    isDev: false,
    baseUrl: config.INNGEST_BASE_URL,
    eventKey: config.INNGEST_EVENT_KEY,
    signingKey: config.INNGEST_SIGNING_KEY,
    logger,
  });
  const application = express();
  application.disable("x-powered-by");
  application.use(health);
  application.use(
    SERVE_PATH,
    express.json({ limit: EVENT_BODY_LIMIT }),
    serve({ client, functions: executionFunctions(client, engine, logger), serveOrigin: config.WORKER_SERVE_URL, servePath: SERVE_PATH }),
  );
  return application;
}
