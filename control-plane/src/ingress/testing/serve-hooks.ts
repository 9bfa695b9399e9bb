import { randomUUID } from "node:crypto";
import { captureSample } from "@fluxo/prisma/access/hook-samples";
import { resolveHook } from "@fluxo/prisma/access/hooks";
import { readResponses } from "@fluxo/prisma/executions/responses";
import { uuidV7 } from "@fluxo/prisma/ids";
import { systemClock } from "@fluxo/runtime/clock";
import { healthRouter } from "@fluxo/runtime/health";
import { createAddressRanges } from "@fluxo/runtime/http/client-address";
import { listen, type RunningServer } from "@fluxo/runtime/http-server";
import type { Logger } from "@fluxo/runtime/logger";
import { createMetrics, createRegistry } from "@fluxo/runtime/metrics";
import { createRedis, type RedisClient } from "@fluxo/runtime/redis";
import type { SecretBox } from "@fluxo/runtime/secrets/box";
import type pg from "pg";
import { createIngressApp } from "../app.ts";
import { Gate } from "../gate.ts";
import { toWebhookHook } from "../hook.ts";
import { HookDirectory } from "../hook-directory.ts";
import { MemoryBudget } from "../memory-budget.ts";
import { RateLimits } from "../rate-limits.ts";
import { TenantRates } from "../tenant-rates.ts";
import { Recorder } from "../recorder.ts";
import { WaitingRoom } from "../responses/waiting-room.ts";

export interface ServeOptions {
  readonly db: pg.Pool;
  readonly box: SecretBox;
  readonly logger: Logger;
  readonly hookTtlMs?: number;
  readonly trustedProxies?: readonly string[];
  readonly redisUrl?: string;
}

export interface ServedHooks {
  readonly server: RunningServer;
  readonly recorder: Recorder;
  readonly redis: RedisClient;
  readonly registry: ReturnType<typeof createRegistry>;
  stop(): Promise<void>;
}

/** An ingress that listens on a port of its own. */
export async function serveHooks(options: ServeOptions): Promise<ServedHooks> {
  const { db, box, logger } = options;
  const registry = createRegistry();
  const metrics = createMetrics(registry);
  const recorder = new Recorder({ db, clock: systemClock, logger, metrics, handOver: () => undefined });
  const waitingRoom = new WaitingRoom({ read: (awaited) => readResponses(db, awaited, 1_048_576), clock: systemClock, logger, metrics });
  const hooks = new HookDirectory({
    resolve: async (token) => {
      const hook = await resolveHook(db, token);
      return hook === undefined ? undefined : toWebhookHook(hook, box, (defect) => logger.error(defect, "defect"));
    },
    clock: systemClock,
    ttlMs: options.hookTtlMs ?? 0,
    entriesMax: 100,
  });
  const redis = createRedis(options.redisUrl ?? process.env["FLUXO_TEST_REDIS_URL"] ?? "", { prefix: `hooks-${randomUUID()}`, logger, role: "commands" });
  const rateLimits = new RateLimits({ redis, clock: systemClock, logger, metrics });
  const tenantRates = new TenantRates({ redis, clock: systemClock, logger, metrics });
  const gate = new Gate({ trustedProxies: createAddressRanges(options.trustedProxies ?? []), rateLimits, tenantRates, box, clock: systemClock });
  const app = createIngressApp({
    ...{ hooks, recorder, waitingRoom, gate, logger, metrics, ids: uuidV7, clock: systemClock },
    budget: new MemoryBudget(8_388_608),
    capture: (sample) => captureSample(db, sample),
    health: healthRouter({ checks: [], isStopping: () => false, registry }),
  });
  const server = await listen(app, { host: "127.0.0.1", port: 0 });
  const stop = async (): Promise<void> => {
    await server.close(1_000);
    await recorder.drain();
    redis.disconnect();
  };
  return { server, recorder, redis, registry, stop };
}
