import { queueOwner, type PolledKind } from "@fluxo/contracts/jobs/poll";
import { extendTriggerLeases, type ClaimedTrigger } from "@fluxo/prisma/dispatch/claim";
import { createRedis } from "@fluxo/runtime/redis";
import { ClaimLoop } from "../claim-loop.ts";
import type { Dispatcher, DispatcherParts } from "../dispatcher.ts";
import { HeldSources } from "./held-sources.ts";
import { Limits } from "./limits.ts";
import { holderOf, PollQueue } from "./poll-queue.ts";
import { PollRunner } from "./poll-runner.ts";
import type { PolledSource, WatchableSource } from "./source.ts";

/** A lease in the queue: how long a job may wait before its trigger is claimed and ordered anew. */
const QUEUE_LEASE_MS = 120_000;
/** A look has this part of its lease. */
const LOOK_SHARE = 0.8;
const LOOKS_AT_ONE_TIME = 20;

/** The dispatcher of a polled kind: claims what is due, orders looks through the queue, and looks at what the queue brings. */
export function composePolling(kind: PolledKind, source: PolledSource, parts: DispatcherParts): Dispatcher {
  const { config, owner, app, system, clock, random, ids, logger, metrics, lifecycle } = parts;
  const prefix = config.FLUXO_REDIS_PREFIX;
  const [commands, blocking, limiting] = (["queue", "queue", "commands"] as const).map((role) => {
    const client = createRedis(config.REDIS_URL, { prefix, logger, role });
    lifecycle.onStop(`redis (${role})`, () => client.disconnect());
    return client;
  });
  if (commands === undefined || blocking === undefined || limiting === undefined) throw new Error("No connections to Redis were made.");
  const leaseMs = config.DISPATCHER_LEASE_MS;
  const limits = new Limits(limiting, clock, leaseMs);
  const keepLease = async (claimed: ClaimedTrigger): Promise<boolean> => {
    const isKept = (await extendTriggerLeases(system, owner, [claimed], leaseMs)).has(claimed.triggerId);
    // Its places end with the lease. A holder that asks again keeps them.
    if (isKept) await limits.take(holderOf(owner, claimed.triggerId), source.limits(claimed).map((limit) => ({ ...limit })));
    return isKept;
  };
  const runner = new PollRunner({ source, owner, app, ids, clock, random, logger, timeoutMs: leaseMs * LOOK_SHARE, keepLease });

  const places = { max: config.DISPATCHER_HELD_MAX, hostMax: config.DISPATCHER_HELD_PER_HOST_MAX };
  const held = isWatchable(source) ? new HeldSources({ source, runner, owner, system, clock, logger, metrics, leaseMs, ...places }) : undefined;
  const queue = new PollQueue({ kind, source, runner, ...(held === undefined ? {} : { held }), limits, owner, system, redis: { commands, blocking }, prefix, clock, random, logger, leaseMs, concurrency: LOOKS_AT_ONE_TIME });
  const loop = new ClaimLoop({ kind, owner: queueOwner(kind), system, clock, logger, leaseMs: QUEUE_LEASE_MS, batch: config.DISPATCHER_BATCH, dispatch: queue.order });
  return {
    start: () => {
      queue.start();
      loop.start();
    },
    stop: async () => {
      await loop.stop();
      await Promise.all([queue.stop(), held?.stop()]);
    },
  };
}

function isWatchable(source: PolledSource): source is WatchableSource {
  return "watch" in source && "isWatched" in source;
}
