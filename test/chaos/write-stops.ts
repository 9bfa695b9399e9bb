import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { History } from "./history.ts";

/** A place between two writes of one statement or transaction of the product: after some rows changed and before its next rows do. */
export interface StopPoint {
  readonly name: string;
  readonly table: string;
  /** Of the trigger: when to stop. */
  readonly when: string;
}

/** How what is caught ends: `undone`, stopped between its writes and ended with its connection, or `unheard`, stopped in its commit, which happens with nobody left to hear of it. */
export type Ending = "undone" | "unheard";

/** A transaction that waits. */
interface Caught {
  /** Of its connection. */
  readonly application: string;
  readonly transactions: readonly string[];
  readonly backends: readonly number[];
}

const CATCH_WITHIN_MS = 45_000;
const ENDED_WITHIN_MS = 20_000;
const STATUS: Readonly<Record<Ending, string>> = { undone: "aborted", unheard: "committed" };
/** One of the two keys of the advisory locks that transactions wait for. */
const LOCK_CLASS = 7_301;

/**
 * Stops the product between its writes, or in its commit: a trigger waits for a lock that the test holds. The process behind the connection can then be killed at that
 * very place. Needs the owner's connection.
 */
export class WriteStops {
  readonly #databaseUrl: string;
  readonly #history: History;
  readonly #points: readonly StopPoint[];

  private constructor(databaseUrl: string, history: History, points: readonly StopPoint[]) {
    this.#databaseUrl = databaseUrl;
    this.#history = history;
    this.#points = points;
  }

  /** Installs triggers at these points, which let everything pass until one is armed. Those of an earlier run in the same database go. */
  static async install(db: pg.Pool, databaseUrl: string, history: History, points: readonly StopPoint[]): Promise<WriteStops> {
    await db.query(`
      DROP TABLE IF EXISTS chaos_stops;
      DROP FUNCTION IF EXISTS chaos_stop() CASCADE;
      CREATE TABLE chaos_stops (point text PRIMARY KEY);
      CREATE FUNCTION chaos_stop() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
      BEGIN
        IF EXISTS (SELECT FROM chaos_stops WHERE point = TG_ARGV[0]) THEN
          PERFORM pg_advisory_xact_lock_shared(${LOCK_CLASS}, TG_ARGV[1]::int);
        END IF;
        RETURN NULL;
      END $$;
      ${points.map(triggersOf).join("\n")}`);
    return new WriteStops(databaseUrl, history, points);
  }

  /**
   * Catches the next transaction that comes by a point.
   * @param act brings one about; called when the trap is set, and awaited at the end
   * @param kill kills the processes that have connections of this name, and resolves when they are gone
   * @throws Error when none came, or when it did not end as was asked
   */
  async killAt(point: string, ending: Ending, act: () => Promise<unknown>, kill: (application: string) => Promise<void>): Promise<{ readonly acted: Promise<unknown> }> {
    const index = this.#points.findIndex(({ name }) => name === point);
    const holder = new pg.Client({ connectionString: this.#databaseUrl });
    await holder.connect();
    try {
      await holder.query("SELECT pg_advisory_lock($1, $2)", [LOCK_CLASS, index]);
      await holder.query("INSERT INTO chaos_stops (point) VALUES ($1)", [`${point} ${ending}`]);
      const acted = act();
      // Its failure is told to whoever awaits it.
      void acted.catch(() => undefined);
      const caught = await waitForCatch(holder, point, index);
      this.#history.add({ op: "caught", point, ending, ...caught });
      await kill(caught.application);
      if (ending === "undone") await holder.query("SELECT pg_terminate_backend(pid, 10000) FROM unnest($1::int[]) pid", [caught.backends]);
      await holder.query("DELETE FROM chaos_stops");
      await holder.query("SELECT pg_advisory_unlock($1, $2)", [LOCK_CLASS, index]);
      await assertEnded(holder, caught, STATUS[ending]);
      return { acted };
    } finally {
      await holder.query("DELETE FROM chaos_stops");
      await holder.end();
    }
  }
}

/** Deferred ones run in the commit. */
function triggersOf({ name, table, when }: StopPoint, index: number): string {
  const stop = (ending: Ending): string => `FOR EACH ROW WHEN (${when}) EXECUTE FUNCTION chaos_stop('${name} ${ending}', '${index}');`;
  return `CREATE TRIGGER chaos_stop_${name} AFTER UPDATE ON ${table} ${stop("undone")}
    CREATE CONSTRAINT TRIGGER chaos_stop_${name}_commit AFTER UPDATE ON ${table} DEFERRABLE INITIALLY DEFERRED ${stop("unheard")}`;
}

async function waitForCatch(db: pg.Client, point: string, index: number): Promise<Caught> {
  for (const deadline = Date.now() + CATCH_WITHIN_MS; Date.now() < deadline; await sleep(20)) {
    const { rows } = await db.query<{ pid: number; application: string; transaction: string }>(
      `SELECT a.pid, a.application_name AS application, a.backend_xid::text AS transaction FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
       WHERE l.locktype = 'advisory' AND l.classid = $1 AND l.objid = $2 AND NOT l.granted`,
      [LOCK_CLASS, index],
    );
    const [first] = rows;
    if (first === undefined) continue;
    const own = rows.filter(({ application }) => application === first.application);
    return { application: first.application, transactions: own.map(({ transaction }) => transaction), backends: own.map(({ pid }) => pid) };
  }
  throw new Error(`Nothing came by the point ${point} within ${CATCH_WITHIN_MS} ms.`);
}

async function assertEnded(db: pg.Client, { transactions }: Caught, wanted: string): Promise<void> {
  let found: readonly string[] = [];
  for (const deadline = Date.now() + ENDED_WITHIN_MS; Date.now() < deadline; await sleep(20)) {
    const { rows } = await db.query<{ status: string }>("SELECT pg_xact_status(x::xid8) AS status FROM unnest($1::text[]) x", [transactions]);
    found = rows.map(({ status }) => status);
    if (found.every((status) => status === wanted)) return;
  }
  throw new Error(`What was caught between its writes is ${found.join(", ")}, not ${wanted}.`);
}
