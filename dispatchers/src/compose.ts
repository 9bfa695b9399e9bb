import { hostname } from "node:os";
import { assertServiceRole, createPool } from "@fluxo/prisma/database/pool";
import { uuidV7 } from "@fluxo/prisma/ids";
import { systemClock } from "@fluxo/runtime/clock";
import { healthRouter } from "@fluxo/runtime/health";
import { listen } from "@fluxo/runtime/http-server";
import { Lifecycle } from "@fluxo/runtime/lifecycle";
import { createLogger } from "@fluxo/runtime/logger";
import { collectProcessMetrics, createMetrics, createRegistry } from "@fluxo/runtime/metrics";
import express from "express";
import { loadDispatcherConfig } from "./config.ts";
import type { Dispatcher, DispatcherParts } from "./dispatcher.ts";
import { HealthSweep } from "./health/health-sweep.ts";

/** Only the code of the chosen kind is loaded. */
const kinds = {
  schedule: async () => (await import("./schedule/compose.ts")).composeSchedules,
  email: async () => (await import("./email/compose.ts")).composeEmail,
  file: async () => (await import("./file/compose.ts")).composeFiles,
  rss: async () => (await import("./rss/compose.ts")).composeRss,
} as const satisfies Record<string, () => Promise<(parts: DispatcherParts) => Promise<Dispatcher>>>;

export type DispatcherKind = keyof typeof kinds;
export const DISPATCHER_KINDS: readonly string[] = Object.keys(kinds);

/** Whether there is a dispatcher of this kind. */
export function isDispatcherKind(word: string): word is DispatcherKind {
  return Object.hasOwn(kinds, word);
}

const STOP_TIMEOUT_MS = 15_000;
const CLOSE_DEADLINE_MS = 2_000;
const APP_CONNECTIONS = 6;
const SYSTEM_CONNECTIONS = 5;

/**
 * Starts dispatchers of some kinds in this process; resolves when it listens for probes. SIGTERM and SIGINT stop it: it claims nothing more, finishes what it holds, closes its
 * connections. @throws ConfigError, ListenError, or Error when PostgreSQL does not answer or a role is wrong
 */
export async function startDispatchers(kindNames: readonly DispatcherKind[], env: NodeJS.ProcessEnv): Promise<void> {
  const config = loadDispatcherConfig(env);
  const service = `dispatcher-${kindNames.join("-")}`;
  const logger = createLogger({ service, level: config.LOG_LEVEL });
  const lifecycle = new Lifecycle({ logger, totalTimeoutMs: STOP_TIMEOUT_MS });
  lifecycle.handleSignals();
  const registry = createRegistry();
  const metrics = createMetrics(registry);
  collectProcessMetrics(registry);
  const app = createPool({ connectionString: config.FLUXO_APP_DATABASE_URL, applicationName: `fluxo-${service}`, max: APP_CONNECTIONS, role: "fluxo_app" });
  const system = createPool({ connectionString: config.FLUXO_SYSTEM_DATABASE_URL, applicationName: `fluxo-${service}-claims`, max: SYSTEM_CONNECTIONS, role: "fluxo_system" });
  lifecycle.onStop("postgresql", async () => {
    await Promise.all([app.end(), system.end()]);
  });
  try {
    await assertServiceRole(app, "fluxo_app");
    await assertServiceRole(system, "fluxo_system");
    const owner = `${service}:${hostname()}:${uuidV7.next()}`;
    const parts = { config, owner, app, system, clock: systemClock, random: Math.random, ids: uuidV7, logger, metrics, lifecycle };
    const dispatchers = await Promise.all(kindNames.map(async (kind) => (await kinds[kind]())(parts)));
    lifecycle.onStop("dispatchers", async () => {
      await Promise.all(dispatchers.map((dispatcher) => dispatcher.stop()));
    });
    const health = new HealthSweep({ system, clock: systemClock, logger, metrics });
    lifecycle.onStop("health sweep", () => health.stop());
    const web = express();
    web.disable("x-powered-by");
    web.use(healthRouter({ registry, isStopping: () => lifecycle.isStopping(), checks: [{ name: "postgresql", check: () => app.query("SELECT 1") }] }));
    const server = await listen(web, { host: config.HOST, port: config.PORT });
    lifecycle.onStop("http server", async () => {
      await server.close(CLOSE_DEADLINE_MS);
    });
    for (const dispatcher of dispatchers) dispatcher.start();
    health.start();
    lifecycle.markRunning();
    logger.info({ port: server.port, owner }, "dispatcher is ready");
  } catch (error) {
    await lifecycle.stop("the start failed");
    throw error;
  }
}
