import { ConfigError } from "@fluxo/runtime/config/load";
import { DISPATCHER_KINDS, isDispatcherKind, startDispatchers } from "./compose.ts";

const usage = `Usage: node dispatchers/src/main.ts <kind>... [--help]

  kind   any of: ${DISPATCHER_KINDS.join(", ")}. In an installation one process watches one kind of source; any number of processes share the work.

Configuration comes from the environment; see docs/configuration.md.`;

async function main(words: readonly string[]): Promise<void> {
  if (words.includes("--help")) {
    console.log(usage);
    return;
  }
  const unknown = words.find((word) => !isDispatcherKind(word));
  if (words.length === 0 || unknown !== undefined) {
    console.error(unknown === undefined ? usage : `There is no kind "${unknown}".\n\n${usage}`);
    process.exitCode = 2;
    return;
  }
  await startDispatchers(words.filter(isDispatcherKind), process.env);
}

await main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof ConfigError ? error.message : error);
  process.exit(1);
});
