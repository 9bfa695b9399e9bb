import type pg from "pg";

/** What PostgreSQL was asked to do; transaction control and its own checks of foreign keys, one a row, apart. */
export interface StatementCount {
  /** Statements that a client sent. */
  readonly sent: number;
  /** The same, and those that functions ran within them. */
  readonly run: number;
}

const APART = "^(BEGIN|COMMIT|ROLLBACK|START TRANSACTION|SET|RESET|DISCARD)| FROM ONLY .* FOR KEY SHARE OF x$";

/**
 * Has PostgreSQL count what new connections of a role do in this database, and nothing else of it. The server must have pg_stat_statements preloaded, with `track` none.
 * @param owner a superuser
 */
export async function trackStatementsOf(owner: pg.Pool, role: string): Promise<void> {
  await owner.query("CREATE EXTENSION IF NOT EXISTS pg_stat_statements");
  const { rows } = await owner.query<{ name: string }>("SELECT quote_ident(current_database()) AS name");
  await owner.query(`ALTER ROLE ${role} IN DATABASE ${rows[0]?.name} SET pg_stat_statements.track = 'all'`);
}

/** Counts the statements of tracked connections while `work` runs. */
export async function countStatements(owner: pg.Pool, work: () => Promise<unknown>): Promise<StatementCount> {
  await owner.query("SELECT pg_stat_statements_reset(0, (SELECT oid FROM pg_database WHERE datname = current_database()), 0)");
  await work();
  const { rows } = await owner.query<StatementCount>(
    `SELECT coalesce(sum(calls) FILTER (WHERE toplevel), 0)::int AS sent, coalesce(sum(calls), 0)::int AS run
     FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND query !~* $1`,
    [APART],
  );
  if (rows[0] === undefined) throw new Error("PostgreSQL counted nothing.");
  return rows[0];
}

/** Counts the queries that a pool is asked for from now on. Set `count` back to begin anew. */
export function countQueries(pool: pg.Pool): { count: number } {
  const asked = { count: 0 };
  const query = pool.query.bind(pool) as (...args: unknown[]) => unknown;
  Object.assign(pool, {
    query: (...args: unknown[]) => {
      asked.count += 1;
      return query(...args);
    },
  });
  return asked;
}

/** How many statements of the services wait for a lock in this database. */
export async function countWaiting(owner: pg.Pool): Promise<number> {
  const { rows } = await owner.query<{ count: number }>("SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database() AND usename LIKE 'fluxo_%' AND wait_event_type = 'Lock'");
  return rows[0]?.count ?? 0;
}
