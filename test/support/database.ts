import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

/** One database of a test file: a clone of the migrated template, with the connections of every role. */
export interface TestDatabase {
  readonly ownerUrl: string;
  readonly appUrl: string;
  readonly systemUrl: string;
  /** Drops the database. Connections to it are ended. */
  drop(): Promise<void>;
}

/** How often, and how far apart, it is looked whether connections to a database that is dropped are closed. */
const LOOKS_MAX = 100;
const LOOK_MS = 10;

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
  await administer(adminUrl, async (client) => {
    // Clones of one template are made one after the other: PostgreSQL refuses them side by side.
    await client.query("SELECT pg_advisory_lock(1)");
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${TEMPLATE_DATABASE}`);
  });
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return {
    ownerUrl: url.href,
    appUrl: asRole(url.href, "app"),
    systemUrl: asRole(url.href, "system"),
    drop: async () => {
      await administer(adminUrl, async (client) => {
        await untilUnused(client, name);
        await client.query(`DROP DATABASE ${name} WITH (FORCE)`);
      });
    },
  };
}

/** Works on the administrative database. */
async function administer(adminUrl: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

/** A pool's end does not wait until its connections are closed, and one that the server ends meanwhile is an error of the test run. Whoever is left after a moment is cut off. */
async function untilUnused(client: pg.Client, name: string): Promise<void> {
  for (let look = 0; look < LOOKS_MAX; look += 1) {
    const { rows } = await client.query<{ count: number }>("SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = $1", [name]);
    if (rows[0]?.count === 0) return;
    await sleep(LOOK_MS);
  }
}
