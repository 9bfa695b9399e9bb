import { randomUUID } from "node:crypto";
import { POLLED_KINDS } from "@fluxo/contracts/jobs/poll";
import { uuidV7 } from "@fluxo/prisma/ids";
import { systemClock } from "@fluxo/runtime/clock";
import { Lifecycle } from "@fluxo/runtime/lifecycle";
import { createMetrics, createRegistry } from "@fluxo/runtime/metrics";
import { loadDispatcherConfig } from "../config.ts";
import { composePolling } from "../polling/compose-polling.ts";
import type { SourceStage, StagedSource } from "./source-stage.ts";

/** Starts claim loop, queue and limits for the kind of a staged source, as a process of its own would. */
export function startWholeDispatcher(stage: SourceStage, { source }: StagedSource, name: string): { stop(): Promise<void> } {
  const { app, system, logger, redisUrl, urls } = stage;
  const config = loadDispatcherConfig({
    PORT: "0",
    FLUXO_APP_DATABASE_URL: urls.appUrl,
    FLUXO_SYSTEM_DATABASE_URL: urls.systemUrl,
    REDIS_URL: redisUrl,
    FLUXO_REDIS_PREFIX: `contract-${randomUUID()}`,
    FLUXO_MASTER_KEY: Buffer.alloc(32).toString("base64"),
    DISPATCHER_LEASE_MS: "10000",
  });
  const lifecycle = new Lifecycle({ logger });
  const metrics = createMetrics(createRegistry());
  const opened = source.open();
  const kind = POLLED_KINDS.find((known) => known === opened.kind);
  if (kind === undefined) throw new Error(`There is no queue for the kind "${opened.kind}".`);
  const dispatcher = composePolling(kind, opened, { config, owner: `${name}:${randomUUID()}`, app, system, clock: systemClock, random: Math.random, ids: uuidV7, logger, metrics, lifecycle });
  dispatcher.start();
  return {
    stop: async () => {
      await dispatcher.stop();
      await lifecycle.stop("test");
    },
  };
}
