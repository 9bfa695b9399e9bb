import { FluxoError } from "@fluxo/client/errors";
import { Command, CommanderError } from "commander";
import { addExecutionCommands } from "./commands/executions.ts";
import { addFailureCommands } from "./commands/failures.ts";
import { addSessionCommands } from "./commands/session.ts";
import { addTemplateCommands } from "./commands/templates.ts";
import { addTenantCommands } from "./commands/tenants.ts";
import { addUsageCommands } from "./commands/usage.ts";
import { addWorkflowCommands } from "./commands/workflows.ts";
import { VERSION } from "./context.ts";
import { EXIT, exitCodeOf } from "./exit-codes.ts";
import { printable, type Terminal } from "./terminal.ts";

const FOOTER = `
Environment: FLUXO_URL, FLUXO_API_KEY, FLUXO_TENANT go before what login stored; FLUXO_CONFIG names another place for it.
Exit codes: 0 done, 1 failed, 2 used wrongly, 3 refused, 4 not allowed, 5 Fluxo unavailable, 6 conflict, 7 invalid graph.`;

/** All commands. */
export function createProgram(terminal: Terminal): Command {
  const program = new Command("fluxo")
    .description("Fluxo from the command line: tenants, workflows as files, executions, failures, templates.")
    .version(VERSION, "--version", "tell the version")
    .option("--url <url>", "where the admin API is")
    .option("--tenant <id>", "the tenant that the command is about; for agency keys")
    .option("--json", "answer in JSON")
    .showHelpAfterError("Use --help to see what there is.")
    .addHelpText("after", FOOTER)
    .exitOverride()
    .configureOutput({ writeOut: (text) => terminal.out(text.trimEnd()), writeErr: (text) => terminal.err(text.trimEnd()) });
  addSessionCommands(program, terminal);
  addTenantCommands(program, terminal);
  addWorkflowCommands(program, terminal);
  addExecutionCommands(program, terminal);
  addFailureCommands(program, terminal);
  addTemplateCommands(program, terminal);
  addUsageCommands(program, terminal);
  for (const command of withDescendants(program)) command.exitOverride().configureOutput(program.configureOutput());
  return program;
}

function withDescendants(command: Command): Command[] {
  return [command, ...command.commands.flatMap((inner) => withDescendants(inner))];
}

/** Runs one command. @param args without the name of the program @returns how it ends */
export async function runCommand(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await createProgram(terminal).parseAsync([...args], { from: "user" });
    return EXIT.done;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    for (const line of linesOf(error)) terminal.err(line);
    return exitCodeOf(error);
  }
}

function linesOf(error: unknown): string[] {
  if (!(error instanceof FluxoError)) return [printable(error instanceof Error ? error.message : String(error))];
  const issues = error.issues.map(({ path, message }) => `  ${printable(path)}: ${printable(message)}`);
  return [`${error.code}: ${printable(error.message)}`, ...issues, `(request ${printable(error.requestId)})`];
}

