import { readdirSync, readFileSync } from "node:fs";
import pg from "pg";
import { prismaCli } from "./prisma-cli.ts";

const functionsFolder = new URL("../../functions/", import.meta.url);

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

/**
 * Brings a database to the state of this tree: migrations, then the SQL functions (replaced as a whole, in one transaction), then the login roles.
 * Safe to call again and by several pods at once.
 * @throws Error with the output of the failed step
 */
export async function migrateDatabase(options: MigrateOptions): Promise<void> {
  const report = options.report ?? (() => undefined);
  const migrated = await prismaCli(["migrate", "deploy"], options.databaseUrl);
  if (migrated.exitCode !== 0) throw new Error(`prisma migrate deploy failed:\n${migrated.output}`);
  report(migrated.output.split("\n").at(-1) ?? "");
  const client = new pg.Client({ connectionString: options.databaseUrl });
  await client.connect();
  try {
    await client.query("BEGIN");
    await client.query("SELECT pg_advisory_xact_lock(hashtext('fluxo_migrate'))");
    const functions = readFunctions();
    for (const { file, sql } of functions) {
      await client.query(sql).catch((error: unknown) => {
        throw new Error(`functions/${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      });
    }
    await setLogin(client, "fluxo_app", options.appPassword);
    await setLogin(client, "fluxo_system", options.systemPassword);
    await client.query("COMMIT");
    report(`${functions.length} files of SQL functions applied.`);
  } finally {
    await client.end();
  }
}

async function setLogin(client: pg.Client, role: "fluxo_app" | "fluxo_system", password: string): Promise<void> {
  await client.query(`ALTER ROLE ${role} LOGIN PASSWORD ${pg.escapeLiteral(password)}`);
}
