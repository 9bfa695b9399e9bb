import { nodeTiers } from "@fluxo/nodes/catalog";
import { createPool } from "@fluxo/prisma/database/pool";
import { uuidV7 } from "@fluxo/prisma/ids";
import { claimOutbox, markSent } from "@fluxo/prisma/relay/outbox";
import { sweep } from "@fluxo/prisma/relay/sweep";
import { systemClock } from "@fluxo/runtime/clock";
import { createGuardedClient } from "@fluxo/runtime/http/guarded-client";
import { createLogger } from "@fluxo/runtime/logger";
import { createMetrics, createRegistry } from "@fluxo/runtime/metrics";
import { createTestDatabase } from "@fluxo/test/support/database";
import pg from "pg";
import type { StatusChannel } from "../../channels/status-publisher.ts";
import { createNodePorts } from "../../node-ports/node-ports.ts";
import { Engine } from "../engine.ts";
import { createExecutionStore } from "../execution-store.ts";
import { LeaseKeeper } from "../lease-keeper.ts";

/** A database of a test file's own, with connections of every role. */
export interface TestPools extends AsyncDisposable {
  readonly owner: pg.Pool;
  readonly app: pg.Pool;
  readonly system: pg.Pool;
}

export async function createTestPools(): Promise<TestPools> {
  const database = await createTestDatabase();
  const owner = new pg.Pool({ connectionString: database.ownerUrl, max: 4 });
  const app = createPool({ connectionString: database.appUrl, applicationName: "test", max: 5, role: "fluxo_app" });
  const system = createPool({ connectionString: database.systemUrl, applicationName: "test", max: 2, role: "fluxo_system" });
  return {
    owner,
    app,
    system,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([owner.end(), app.end(), system.end()]);
      await database.drop();
    },
  };
}

/** The engine of a pod of its own name. @param app its connections, where they are not those of the pools */
export function createEngine(pools: Pick<TestPools, "app" | "system">, name: string, privateHosts: readonly string[] = [], channel?: StatusChannel): Engine {
  return createPod(pools, name, privateHosts, channel).engine;
}

/** The same with its leases, which hear of cancels. */
export function createPod({ app, system }: Pick<TestPools, "app" | "system">, name: string, privateHosts: readonly string[] = [], channel?: StatusChannel): { readonly engine: Engine; readonly leases: LeaseKeeper } {
  const logger = createLogger({ service: "test", level: "fatal" });
  const metrics = createMetrics(createRegistry());
  const leases = new LeaseKeeper({ pool: system, owner: name, leaseMs: 10_000, clock: systemClock, logger, metrics });
  const store = createExecutionStore({ pool: app, owner: name, leaseMs: 10_000, nodeTiers: nodeTiers(), clock: systemClock, metrics });
  const ports = createNodePorts({ http: createGuardedClient({ allowedPrivateHosts: privateHosts }) });
  const engine = new Engine({ store, leases, ids: uuidV7, logger, announce: () => undefined, ...(channel === undefined ? {} : { channel }), tools: { clock: systemClock, random: () => 0, ports, metrics } });
  return { engine, leases };
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
