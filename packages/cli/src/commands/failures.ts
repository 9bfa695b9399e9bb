import type { Command } from "commander";
import { contextOf, count, duration, take } from "../context.ts";
import { printable, table, type Terminal } from "../terminal.ts";

const DAY_MS = 86_400_000;

/**
 * `failures top` and `failures list`. Top counts executions: also those that were blocked, or failed at no node, which GET /v1/failures does not know, as that lists nodes of
 * the journal, also such that their executions went on without. So it groups what the list of executions tells.
 */
export function addFailureCommands(program: Command, terminal: Terminal): void {
  const failures = program.command("failures").description("What fails.");
  failures
    .command("list")
    .description("List nodes that failed for good, latest first, also in executions that went on without them.")
    .option("--since <duration>", "those that failed within this time", duration, DAY_MS)
    .option("--workflow <id>", "only those of this workflow")
    .option("--type <type>", "only nodes of this type, such as http.request")
    .option("--code <code>", "only those with this code")
    .option("--limit <number>", "at most so many", count, 50)
    .action(async (options: { since: number; workflow?: string; type?: string; code?: string; limit: number }, command: Command) => {
      const { client, show } = contextOf(command, terminal);
      const query = {
        from: new Date(Date.now() - options.since).toISOString(),
        ...(options.workflow === undefined ? {} : { workflowId: options.workflow }),
        ...(options.type === undefined ? {} : { nodeType: options.type }),
        ...(options.code === undefined ? {} : { code: options.code }),
      };
      const list = await take(client.items("listFailures", { query }), options.limit);
      const rows = list.map(({ failedAt, executionId, nodeId, item, attempts, failure }) => [failedAt, executionId, nodeId, item, attempts, failure.code, printable(failure.message)]);
      show(list, list.length === 0 ? "Nothing failed." : table(["FAILED", "EXECUTION", "NODE", "ITEM", "ATTEMPTS", "CODE", "MESSAGE"], rows));
    });
  failures
    .command("top")
    .description("Group the failed and blocked executions by workflow, node and code, most frequent first.")
    .option("--since <duration>", "those accepted within this time", duration, DAY_MS)
    .option("--scan <number>", "of the newest executions, look at so many", count, 1_000)
    .option("--limit <number>", "at most so many groups", count, 20)
    .action(async (options: { since: number; scan: number; limit: number }, command: Command) => {
      const { client, show, terminal: at } = contextOf(command, terminal);
      const from = new Date(Date.now() - options.since).toISOString();
      const failed = await take(client.items("listExecutions", { query: { status: ["FAILED", "BLOCKED"], from } }), options.scan);
      const groups = rank(failed).slice(0, options.limit);
      show(groups, groups.length === 0 ? "Nothing failed." : table(["COUNT", "CODE", "WORKFLOW", "NODE", "LAST", "EXAMPLE", "MESSAGE"], groups.map(({ count: times, code, workflowId, nodeId, lastAt, executionId, message }) => [times, code, workflowId, nodeId, lastAt, executionId, printable(message)])));
      if (failed.length === options.scan) at.err(`Only the newest ${options.scan} were looked at; see --scan.`);
    });
}

interface Failed {
  readonly id: string;
  readonly workflowId: string;
  readonly reason: string | null;
  readonly queuedAt: string;
  readonly error: { readonly code: string; readonly message: string; readonly nodeId: string | null } | null;
}

interface FailureGroup {
  count: number;
  readonly code: string;
  readonly workflowId: string;
  readonly nodeId: string | null;
  readonly lastAt: string;
  /** The newest of them. */
  readonly executionId: string;
  readonly message: string;
}

/** @param failed newest first */
export function rank(failed: readonly Failed[]): FailureGroup[] {
  const groups = new Map<string, FailureGroup>();
  for (const { id, workflowId, reason, queuedAt, error } of failed) {
    const code = error?.code ?? reason ?? "INTERNAL";
    const key = JSON.stringify([workflowId, error?.nodeId ?? null, code]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { count: 1, code, workflowId, nodeId: error?.nodeId ?? null, lastAt: queuedAt, executionId: id, message: error?.message ?? "" });
    else group.count += 1;
  }
  return [...groups.values()].toSorted((left, right) => right.count - left.count);
}
