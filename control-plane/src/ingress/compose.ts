import { resolveHook } from "@fluxo/prisma/access/hooks";
import { captureSample } from "@fluxo/prisma/access/hook-samples";
import { readResponses } from "@fluxo/prisma/executions/responses";
import { assertServiceRole, createPool } from "@fluxo/prisma/database/pool";
import { uuidV7 } from "@fluxo/prisma/ids";
import { systemClock } from "@fluxo/runtime/clock";
import { healthRouter } from "@fluxo/runtime/health";
import { createAddressRanges } from "@fluxo/runtime/http/client-address";
import { listen } from "@fluxo/runtime/http-server";
import { Lifecycle } from "@fluxo/runtime/lifecycle";
import { createLogger, type Logger } from "@fluxo/runtime/logger";
import { collectProcessMetrics, createMetrics, createRegistry } from "@fluxo/runtime/metrics";
import { createRedis, type RedisClient, type RedisRole } from "@fluxo/runtime/redis";
import { createSecretBox } from "@fluxo/runtime/secrets/box";
import { FastLane } from "../fast-lane/fast-lane.ts";
import { createIngressApp } from "./app.ts";
import { loadIngressConfig, type IngressConfig } from "./config.ts";
import { Gate } from "./gate.ts";
import { toWebhookHook } from "./hook.ts";
import { HookDirectory } from "./hook-directory.ts";
import { MemoryBudget } from "./memory-budget.ts";
import { RateLimits } from "./rate-limits.ts";
import { TenantRates } from "./tenant-rates.ts";
import { Recorder } from "./recorder.ts";
import { listenForResponses } from "./responses/response-listener.ts";
import type { CaptureSample } from "./samples/receive-sample.ts";
import { WaitingRoom } from "./responses/waiting-room.ts";

/** Two statements of intake, the look-up of hooks and of responses, health. */
const POOL_MAX = 6;
/** Largest results that answer a caller, as text. */
const RESULTS_BYTES_MAX = 1_048_576;
const HOOK_TTL_MS = 1_000;
const HOOK_ENTRIES_MAX = 10_000;
const MIB = 1_048_576;
const STOP_TIMEOUT_MS = 15_000;
const CLOSE_DEADLINE_MS = 8_000;

/**
 * Starts the webhook ingress; resolves when it listens. SIGTERM and SIGINT stop it: it stops listening, answers what it has taken, then closes its pool.
 * @throws ConfigError, ListenError, or Error when PostgreSQL does not answer or the role is wrong
 */
export async function startIngress(env: NodeJS.ProcessEnv): Promise<void> {
  const config = loadIngressConfig(env);
  const logger = createLogger({ service: "ingress", level: config.LOG_LEVEL });
  const lifecycle = new Lifecycle({ logger, totalTimeoutMs: STOP_TIMEOUT_MS });
  lifecycle.handleSignals();
  try {
    const port = await composeIngress(config, logger, lifecycle);
    lifecycle.markRunning();
    logger.info({ port }, "ingress is ready");
  } catch (error) {
    await lifecycle.stop("the start failed");
    throw error;
  }
}

/** Constructs everything and registers how it ends. @returns the port that it listens on */
export async function composeIngress(config: IngressConfig, logger: Logger, lifecycle: Lifecycle): Promise<number> {
  const registry = createRegistry();
  const metrics = createMetrics(registry);
  collectProcessMetrics(registry);
  const db = createPool({ connectionString: config.FLUXO_APP_DATABASE_URL, applicationName: "fluxo-ingress", max: POOL_MAX, role: "fluxo_app" });
  lifecycle.onStop("pool", () => db.end());
  await assertServiceRole(db, "fluxo_app");
  const box = createSecretBox(config.FLUXO_MASTER_KEY, config.FLUXO_PREVIOUS_MASTER_KEYS);
  const hooks = new HookDirectory({
    resolve: async (token) => {
      const hook = await resolveHook(db, token);
      return hook === undefined ? undefined : toWebhookHook(hook, box, (defect) => logger.error(defect, "a hook cannot serve requests"));
    },
    clock: systemClock,
    ttlMs: HOOK_TTL_MS,
    entriesMax: HOOK_ENTRIES_MAX,
  });
  const redis = (role: RedisRole): RedisClient => {
    const client = createRedis(config.REDIS_URL, { prefix: config.FLUXO_REDIS_PREFIX, logger, role });
    lifecycle.onStop(`redis (${role})`, () => client.disconnect());
    return client;
  };
  const commands = redis("commands");
  const fastLane = new FastLane({ redis: commands, clock: systemClock, logger, metrics });
  if (config.FLUXO_FAST_LANE) fastLane.open();
  const waitingRoom = new WaitingRoom({ read: (awaited) => readResponses(db, awaited, RESULTS_BYTES_MAX), clock: systemClock, logger, metrics });
  waitingRoom.start();
  void listenForResponses(redis("blocking"), config.FLUXO_REDIS_PREFIX, (executionId) => waitingRoom.tell(executionId), logger).catch((error: unknown) => {
    logger.warn({ err: error }, "responses are looked for without being told");
  });
  const recorder = new Recorder({ db, clock: systemClock, logger, metrics, handOver: config.FLUXO_FAST_LANE ? fastLane.handOver : () => undefined });
  lifecycle.onStop("intake", () => recorder.drain());
  const health = healthRouter({
    checks: [{ name: "postgres", check: () => db.query("SELECT 1") }],
    isStopping: () => lifecycle.isStopping(),
    registry,
    onChange: (change) => logger.warn(change, "readiness changed"),
  });
  const budget = new MemoryBudget(config.INGRESS_BODY_MEMORY_MIB * MIB);
  const rateLimits = new RateLimits({ redis: commands, clock: systemClock, logger, metrics });
  const tenantRates = new TenantRates({ redis: commands, clock: systemClock, logger, metrics });
  const gate = new Gate({ trustedProxies: createAddressRanges(config.INGRESS_TRUSTED_PROXIES), rateLimits, tenantRates, box, clock: systemClock });
  const capture: CaptureSample = (sample) => captureSample(db, sample);
  const app = createIngressApp({ hooks, recorder, waitingRoom, budget, gate, capture, ids: uuidV7, clock: systemClock, health, logger, metrics });
  const server = await listen(app, { host: config.HOST, port: config.PORT });
  lifecycle.onStop("http server", async () => {
    const { abortedRequests } = await server.close(CLOSE_DEADLINE_MS);
    if (abortedRequests > 0) logger.warn({ abortedRequests }, "requests were cut off");
  });
  // Before the server's stop, which waits for every answer.
  lifecycle.onStop("waiting callers", () => waitingRoom.close());
  return server.port;
}
