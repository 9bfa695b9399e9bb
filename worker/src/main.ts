import { ConfigError } from "@fluxo/runtime/config/load";
import { startWorker } from "./compose.ts";

const usage = "Runs executions: serves the Inngest functions at /api/inngest. Configuration comes from the environment; see docs/configuration.md.";

if (process.argv.includes("--help")) {
  console.log(usage);
} else {
  await startWorker(process.env).catch((error: unknown) => {
    console.error(error instanceof ConfigError ? error.message : error);
    process.exit(1);
  });
}
