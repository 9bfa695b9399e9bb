import pg from "pg";

/** One role's connections. */
export interface PoolOptions {
  readonly connectionString: string;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  readonly max: number;
  /** Refused otherwise: services never run as owner or superuser. */
  readonly role: "fluxo_app" | "fluxo_system";
  /** How long a caller waits for a connection before it is refused one; 5 s when absent. */
  readonly connectionTimeoutMs?: number;
}

const CONNECTION_TIMEOUT_MS = 5_000;

/** A pool whose idle connections may break without ending the process; the next query opens another. */
export function createPool(options: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: options.connectionString,
    application_name: options.applicationName,
    max: options.max,
    connectionTimeoutMillis: options.connectionTimeoutMs ?? CONNECTION_TIMEOUT_MS,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    statement_timeout: 30_000,
    idle_in_transaction_session_timeout: 30_000,
  });
  pool.on("error", () => undefined);
  return pool;
}

/**
 * Refuses a connection that could see other tenants' rows.
 * @throws Error when the role is not the expected one, is a superuser, bypasses row-level security or owns a tenant table
 */
export async function assertServiceRole(pool: pg.Pool, role: PoolOptions["role"]): Promise<void> {
  const { rows } = await pool.query<{ name: string; rolsuper: boolean; rolbypassrls: boolean; owns: boolean }>(
    `SELECT r.rolname AS name, r.rolsuper, r.rolbypassrls,
            EXISTS (SELECT FROM pg_class c WHERE c.relname = 'executions' AND c.relowner = r.oid) AS owns
     FROM pg_roles r WHERE r.rolname = current_user`,
  );
  const row = rows[0];
  if (row === undefined || row.name !== role || row.rolsuper || row.rolbypassrls || row.owns) {
    throw new Error(`This service must connect as ${role}, which is neither owner nor superuser; it is connected as ${row?.name ?? "an unknown role"}.`);
  }
}
