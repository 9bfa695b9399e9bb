import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrateDatabase } from "@fluxo/prisma/database/migrate";
import pg from "pg";
import { startTestStores } from "../../scripts/environment/stores.ts";
import { asRole, createTestDatabase, TEMPLATE_DATABASE, TEST_PASSWORDS } from "./database.ts";

/** Starts a PostgreSQL and a Redis for the run, migrates the template that test files clone, and names them in the environment. */
export default async function setup(): Promise<() => Promise<void>> {
  const dir = mkdtempSync(join(tmpdir(), "fluxo-stores-"));
  const stores = await startTestStores({ dir, postgresSettings: { shared_preload_libraries: "pg_stat_statements", "pg_stat_statements.track": "none" } });
  const admin = new pg.Client({ connectionString: stores.databaseUrl });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${TEMPLATE_DATABASE}`);
  await admin.end();
  await migrateDatabase({ databaseUrl: stores.postgres.urlOf(TEMPLATE_DATABASE), appPassword: TEST_PASSWORDS.app, systemPassword: TEST_PASSWORDS.system });
  process.env["FLUXO_TEST_ADMIN_DATABASE_URL"] = stores.databaseUrl;
  process.env["FLUXO_TEST_REDIS_URL"] = stores.redisUrl;
  const shared = await createTestDatabase();
  process.env["FLUXO_TEST_DATABASE_URL"] = shared.ownerUrl;
  process.env["FLUXO_TEST_APP_DATABASE_URL"] = asRole(shared.ownerUrl, "app");
  process.env["FLUXO_TEST_SYSTEM_DATABASE_URL"] = asRole(shared.ownerUrl, "system");
  return async () => {
    await stores.stop();
    rmSync(dir, { recursive: true, force: true });
  };
}
