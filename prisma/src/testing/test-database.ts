import { createTestDatabase, type TestDatabase } from "@fluxo/test/support/database";
import { PATIENCE_MS } from "@fluxo/test/support/eventually";
import pg from "pg";
import { afterAll } from "vitest";
import { createPool } from "../database/pool.ts";

/** Connections of every role to one database. */
export interface TestPools {
  /** Sets rows up, which no service may. */
  readonly owner: pg.Pool;
  readonly app: pg.Pool;
  readonly system: pg.Pool;
}

/** A migrated database of a test file's own. */
export interface OwnDatabase extends TestPools {
  readonly database: TestDatabase;
}

/** Most connections of a role; opened when they are used. */
export interface PoolSizes {
  readonly app?: number;
  readonly system?: number;
}

/** Gives the test file that calls it at its top a database of its own, which is there before the first test and dropped behind the last. */
export async function useTestDatabase({ app: appMax = 8, system: systemMax = 8 }: PoolSizes = {}): Promise<OwnDatabase> {
  const database = await createTestDatabase();
  const owner = new pg.Pool({ connectionString: database.ownerUrl, max: 4 });
  // Crowds of callers share few connections in tests, on machines that do other work as well.
  const common = { applicationName: "test", connectionTimeoutMs: PATIENCE_MS };
  const app = createPool({ ...common, connectionString: database.appUrl, max: appMax, role: "fluxo_app" });
  const system = createPool({ ...common, connectionString: database.systemUrl, max: systemMax, role: "fluxo_system" });
  afterAll(async () => {
    await Promise.all([owner.end(), app.end(), system.end()]);
    await database.drop();
  });
  return { database, owner, app, system };
}
