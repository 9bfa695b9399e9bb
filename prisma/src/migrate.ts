import { migrateDatabase } from "./database/migrate.ts";

const usage = "Applies migrations and SQL functions and sets the passwords of the service roles.\nEnvironment: DATABASE_URL (owner), FLUXO_APP_PASSWORD, FLUXO_SYSTEM_PASSWORD.";

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === "") {
    console.error(`${name} is not set.\n\n${usage}`);
    process.exit(2);
  }
  return value;
}

if (process.argv.includes("--help")) {
  console.log(usage);
} else {
  try {
    await migrateDatabase({
      databaseUrl: required("DATABASE_URL"),
      appPassword: required("FLUXO_APP_PASSWORD"),
      systemPassword: required("FLUXO_SYSTEM_PASSWORD"),
      report: (line) => console.log(line),
    });
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}
