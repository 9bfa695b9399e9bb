import { randomBytes } from "node:crypto";
import pg from "pg";

/** One database of a test file: a clone of the migrated template, with the connections of every role. */
export interface TestDatabase {
  readonly ownerUrl: string;
  readonly appUrl: string;
  readonly systemUrl: string;
  /** Drops the database. Connections to it are ended. */
  drop(): Promise<void>;
}

/** Passwords of the service roles in tests. */
export const TEST_PASSWORDS = { app: "app", system: "system" } as const;

/** Name of the migrated database that nobody connects to. */
export const TEMPLATE_DATABASE = "fluxo_template";

/** The same server and database as one of the service roles. */
export function asRole(databaseUrl: string, role: "app" | "system"): string {
  const url = new URL(databaseUrl);
  url.username = `fluxo_${role}`;
  url.password = TEST_PASSWORDS[role];
  return url.href;
}

/** Clones the template on the server that the global setup started. @throws Error outside of a run with that setup */
export async function createTestDatabase(): Promise<TestDatabase> {
  const adminUrl = process.env["FLUXO_TEST_ADMIN_DATABASE_URL"];
  if (adminUrl === undefined) throw new Error("No test stores: run this file with `vitest --project store`.");
  const name = `test_${randomBytes(6).toString("hex")}`;
  await administer(adminUrl, `CREATE DATABASE ${name} TEMPLATE ${TEMPLATE_DATABASE}`);
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return {
    ownerUrl: url.href,
    appUrl: asRole(url.href, "app"),
    systemUrl: asRole(url.href, "system"),
    drop: () => administer(adminUrl, `DROP DATABASE ${name} WITH (FORCE)`),
  };
}

/** Runs one statement on the administrative database. Clones of one template are made one after the other: PostgreSQL refuses them side by side. */
async function administer(adminUrl: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    await client.query("SELECT pg_advisory_lock(1)");
    await client.query(statement);
  } finally {
    await client.end();
  }
}
