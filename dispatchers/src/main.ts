import { ConfigError } from "@fluxo/runtime/config/load";
import { DISPATCHER_KINDS, isDispatcherKind, startDispatcher } from "./compose.ts";

const usage = `Usage: node dispatchers/src/main.ts <kind> [--help]

  kind   one of: ${DISPATCHER_KINDS.join(", ")}. One process watches one kind of source; any number of processes share the work.

Configuration comes from the environment; see docs/configuration.md.`;

async function main([kind, ...rest]: readonly string[]): Promise<void> {
  if (kind === "--help" || rest.includes("--help")) {
    console.log(usage);
    return;
  }
  if (kind === undefined || !isDispatcherKind(kind)) {
    console.error(kind === undefined ? usage : `There is no kind "${kind}".\n\n${usage}`);
    process.exitCode = 2;
    return;
  }
  await startDispatcher(kind, process.env);
}

await main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof ConfigError ? error.message : error);
  process.exit(1);
});
