import type { Clock, Random } from "@fluxo/core/ports/clock";
import { nodeTiers } from "@fluxo/nodes/catalog";
import { uuidV7 } from "@fluxo/prisma/ids";
import { claimOutbox, markSent } from "@fluxo/prisma/relay/outbox";
import { sweep } from "@fluxo/prisma/relay/sweep";
import type { TestPools } from "@fluxo/prisma/testing/test-database";
import { systemClock } from "@fluxo/runtime/clock";
import { createGuardedClient } from "@fluxo/runtime/http/guarded-client";
import { createLogger, type Logger } from "@fluxo/runtime/logger";
import { createMetrics, createRegistry, type Metrics } from "@fluxo/runtime/metrics";
import type pg from "pg";
import type { StatusChannel } from "../../channels/status-publisher.ts";
import { createNodePorts, type NodePortParts } from "../../node-ports/node-ports.ts";
import { Engine } from "../engine.ts";
import { createExecutionStore } from "../execution-store.ts";
import { LeaseKeeper } from "../lease-keeper.ts";
import type { NodeTools } from "../node-runner.ts";

export interface PodOptions {
  readonly leaseMs?: number;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Private hosts (`host:port`) that nodes may call. */
  readonly privateHosts?: readonly string[];
  /** What nodes reach instead of, or beside, the guarded client. */
  readonly reach?: Partial<NodePortParts>;
  readonly metrics?: Metrics;
  readonly logger?: Logger;
  readonly announce?: (executionIds: readonly string[]) => void;
  readonly channel?: StatusChannel;
  readonly breakers?: NodeTools["breakers"];
}

/** A worker as one pod runs it. */
export interface Pod {
  readonly engine: Engine;
  /** Hear of cancels; heartbeats begin with `leases.start()`. */
  readonly leases: LeaseKeeper;
}

/** A pod of its own name. @param pools whose `app` may be another one's connections, such as those of a pod that dies */
export function createPod({ app, system }: Pick<TestPools, "app" | "system">, name: string, options: PodOptions = {}): Pod {
  const { leaseMs = 60_000, clock = systemClock, random = () => 0, privateHosts = [], metrics = createMetrics(createRegistry()), announce = () => undefined, channel, breakers } = options;
  const { logger = createLogger({ service: "test", level: "fatal" }), reach } = options;
  const ports = createNodePorts({ http: createGuardedClient({ allowedPrivateHosts: privateHosts }), ...reach });
  const leases = new LeaseKeeper({ pool: system, owner: name, leaseMs, clock, logger, metrics });
  const store = createExecutionStore({ pool: app, owner: name, leaseMs, nodeTiers: nodeTiers(), clock, metrics });
  const tools = { clock, random, ports, metrics, ...(breakers === undefined ? {} : { breakers }) };
  return { engine: new Engine({ store, leases, ids: uuidV7, logger, announce, ...(channel === undefined ? {} : { channel }), tools }), leases };
}

export function createEngine(pools: Pick<TestPools, "app" | "system">, name: string, options: PodOptions = {}): Engine {
  return createPod(pools, name, options).engine;
}

/** Does what the relay and Inngest do until the outbox is empty: hands each event to the engine. Events of the future stay. @returns how many events there were */
export async function deliver({ system }: Pick<TestPools, "system">, engine: Engine): Promise<number> {
  for (let count = 0; ; ) {
    const entries = await claimOutbox(system, { owner: "relay", limit: 1_000, leaseMs: 60_000, outstandingMax: 1_000 });
    await markSent(system, "relay", entries);
    const due = entries.filter(({ deliverAt }) => deliverAt === null);
    if (entries.length === 0) return count;
    count += due.length;
    for (const tenantId of new Set(due.map((entry) => entry.tenantId))) {
      await engine.claimAndRun(tenantId, due.flatMap((entry) => (entry.tenantId === tenantId ? [entry.executionId] : [])));
    }
  }
}

/** The connections of a pod that dies at its `nth` statement, before the database sees it or after it was committed. What it waits for then never comes. */
export interface MortalPool {
  readonly pool: pg.Pool;
  /** Resolves when it dies. */
  readonly died: Promise<void>;
}

export function mortalPool(pool: pg.Pool, nth: number, when: "before" | "after"): MortalPool {
  const { promise: died, resolve } = Promise.withResolvers<void>();
  let count = 0;
  const query = async (...args: unknown[]): Promise<unknown> => {
    count += 1;
    const isLast = count === nth;
    if (count > nth || (isLast && when === "before")) {
      resolve();
      return new Promise(() => undefined);
    }
    const answer: unknown = await (pool.query as (...given: unknown[]) => Promise<unknown>).apply(pool, args);
    if (!isLast) return answer;
    resolve();
    return new Promise(() => undefined);
  };
  return { died, pool: new Proxy(pool, { get: (target, key) => (key === "query" ? query : (Reflect.get(target, key, target) as unknown)) }) };
}

const ROUNDS_MAX = 30;

/** Lets everything end by takeovers, sweeps and events, as if leases ran out as soon as nobody works. @throws Error when something stays open that waits for no future instant */
export async function drain(pools: TestPools, engine: Engine): Promise<void> {
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    await pools.owner.query("UPDATE executions SET lease_until = clock_timestamp() - interval '1 second', released_at = NULL WHERE status = 'RUNNING'");
    await sweep(pools.system, 0, 1_000);
    await deliver(pools, engine);
    const { rows } = await pools.owner.query<{ open: number }>("SELECT count(*)::int AS open FROM executions WHERE completed_at IS NULL AND (resume_at IS NULL OR resume_at < now())");
    if (rows[0]?.open === 0) return;
  }
  throw new Error(`Something is open after ${ROUNDS_MAX} rounds.`);
}
