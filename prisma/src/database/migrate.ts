import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import pg from "pg";
import { prismaCli } from "./prisma-cli.ts";

const functionsFolder = new URL("../../functions/", import.meta.url);
const migrationsFolder = new URL("../../migrations/", import.meta.url);

/** What `migrateDatabase` needs: the owner's connection, and the passwords that the two service roles get. */
export interface MigrateOptions {
  readonly databaseUrl: string;
  readonly appPassword: string;
  readonly systemPassword: string;
  readonly report?: (line: string) => void;
}

/** The SQL functions in the order of their file names: name and text. */
export function readFunctions(): { file: string; sql: string }[] {
  return readdirSync(functionsFolder)
    .filter((file) => file.endsWith(".sql"))
    .toSorted()
    .map((file) => ({ file, sql: readFileSync(new URL(file, functionsFolder), "utf8") }));
}

/** Names the state that the files of this tree lead to; kept as the comment of the schema, so that a start with nothing to do costs one query. */
function targetState(): string {
  const digest = createHash("sha256");
  for (const name of readdirSync(migrationsFolder).toSorted()) {
    if (!name.endsWith(".toml")) digest.update(name).update(readFileSync(new URL(`${name}/migration.sql`, migrationsFolder)));
  }
  for (const { file, sql } of readFunctions()) digest.update(file).update(sql);
  return `fluxo ${digest.digest("hex")}`;
}

/**
 * Brings a database to the state of this tree: migrations, then the SQL functions (replaced as a whole, in one transaction), then the login roles.
 * Safe to call again and by several pods at once.
 * @throws Error with the output of the failed step
 */
export async function migrateDatabase(options: MigrateOptions): Promise<void> {
  const report = options.report ?? (() => undefined);
  const target = targetState();
  const client = new pg.Client({ connectionString: options.databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ state: string | null }>("SELECT obj_description('public'::regnamespace, 'pg_namespace') AS state");
    if (rows[0]?.state === target) {
      report("The database is up to date.");
    } else {
      const migrated = await prismaCli(["migrate", "deploy"], options.databaseUrl);
      if (migrated.exitCode !== 0) throw new Error(`prisma migrate deploy failed:\n${migrated.output}`);
      report(migrated.output.split("\n").at(-1) ?? "");
    }
    await client.query("BEGIN");
    await client.query("SELECT pg_advisory_xact_lock(hashtext('fluxo_migrate'))");
    if (rows[0]?.state !== target) {
      report(`${await applyFunctions(client)} files of SQL functions applied.`);
      await client.query(`COMMENT ON SCHEMA public IS ${pg.escapeLiteral(target)}`);
    }
    await setLogin(client, "fluxo_app", options.appPassword);
    await setLogin(client, "fluxo_system", options.systemPassword);
    await client.query("COMMIT");
  } finally {
    await client.end();
  }
}

async function applyFunctions(client: pg.Client): Promise<number> {
  const functions = readFunctions();
  for (const { file, sql } of functions) {
    await client.query(sql).catch((error: unknown) => {
      throw new Error(`functions/${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    });
  }
  return functions.length;
}

async function setLogin(client: pg.Client, role: "fluxo_app" | "fluxo_system", password: string): Promise<void> {
  await client.query(`ALTER ROLE ${role} LOGIN PASSWORD ${pg.escapeLiteral(password)}`);
}
