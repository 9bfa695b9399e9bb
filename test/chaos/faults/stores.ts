import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Fault, FaultContext } from "./fault.ts";

const RESTARTS = 2;
const CUT_SHARE = 0.05;
const CUTTING_MS = 8_000;
const EXHAUSTED_MS = 5_000;
/** A busy machine takes tens of milliseconds for a connection. */
const FILLING_MS_MAX = 60_000;
const HOGS_AT_ONCE = 10;
/** More than the server takes. */
const HOGS_MAX = 400;

async function restartRedis({ system, random }: FaultContext, isEmpty: boolean): Promise<void> {
  await system.kill("redis");
  await sleep(random.between(500, 1_500));
  await system.startStore("redis", isEmpty);
}

/** Opens connections until the server refuses, cuts those of the services, and holds every place that becomes free. @returns how often it was refused */
async function exhaustConnections({ system }: FaultContext): Promise<number> {
  const hogs: pg.Client[] = [];
  let refusals = 0;
  const take = async (): Promise<void> => {
    const hog = new pg.Client({ connectionString: system.administrativeUrl });
    hog.on("error", () => undefined);
    try {
      await hog.connect();
      hogs.push(hog);
    } catch {
      refusals += 1;
      if (refusals === 1) system.gates.database.cutAll();
      await hog.end().catch(() => undefined);
      await sleep(20);
    }
  };
  try {
    // The time counts from the first refusal: until then nothing is missing to anybody.
    let deadline = Date.now() + FILLING_MS_MAX;
    while (Date.now() < deadline && hogs.length < HOGS_MAX) {
      const isFirst = refusals === 0;
      await Promise.all(Array.from({ length: HOGS_AT_ONCE }, take));
      if (isFirst && refusals > 0) deadline = Date.now() + EXHAUSTED_MS;
    }
  } finally {
    await Promise.all(hogs.map((hog) => hog.end().catch(() => undefined)));
  }
  return refusals;
}

/** PostgreSQL and Redis. */
export const storeFaults: readonly Fault[] = [
  {
    name: "postgres-restarted",
    lane: "fast",
    description: "PostgreSQL stopped in immediate mode (no shutdown, recovery from its log) and started again, twice; Inngest uses the same server",
    run: async ({ system, random }) => {
      for (let restart = 0; restart < RESTARTS; restart += 1) {
        await system.kill("postgres", "SIGQUIT");
        await sleep(random.between(500, 2_500));
        await system.startStore("postgres");
        if (restart < RESTARTS - 1) await sleep(random.between(1_000, 2_000));
      }
    },
  },
  {
    name: "redis-restarted",
    lane: "fast",
    description: "SIGKILL of Fluxo's Redis, started again with its data",
    run: (context) => restartRedis(context, false),
  },
  {
    name: "redis-flushed",
    lane: "fast",
    description: "SIGKILL of Fluxo's Redis, started again empty",
    run: (context) => restartRedis(context, true),
  },
  {
    name: "commits-unknown",
    lane: "durable",
    description: `${CUT_SHARE * 100} % of all commits happen and their connection is cut before the answer`,
    run: async ({ system, random, history }) => {
      const { database } = system.gates;
      const before = database.cuts;
      database.cutCommits({ share: CUT_SHARE, random });
      await sleep(CUTTING_MS);
      database.cutCommits(undefined);
      history.add({ op: "checked", cuts: database.cuts - before });
      if (database.cuts === before) throw new Error("No commit was cut.");
    },
  },
  {
    name: "connections-exhausted",
    lane: "fast",
    description: `every connection that PostgreSQL gives is taken by somebody else for ${EXHAUSTED_MS} ms; those of the services are cut`,
    run: async (context) => {
      const refusals = await exhaustConnections(context);
      context.history.add({ op: "checked", refusals });
      if (refusals === 0) throw new Error("PostgreSQL never refused a connection.");
    },
  },
];
