import type { Command } from "commander";
import { contextOf, count, duration, take, type Context } from "../context.ts";
import { EXIT, UsageError, Verdict } from "../exit-codes.ts";
import { printable, table, type Terminal } from "../terminal.ts";
import { EXECUTION_STATUSES, type ExecutionStatus } from "@fluxo/core/status/execution-status";

/** `executions …` */
export function addExecutionCommands(program: Command, terminal: Terminal): void {
  const executions = program.command("executions").description("What workflows did and do.");
  executions
    .command("list")
    .description("List executions, newest first.")
    .option("--status <status...>", "only those with one of these")
    .option("--workflow <id>", "only those of this workflow")
    .option("--since <duration>", "only those accepted within this time, such as 24h", duration)
    .option("--limit <number>", "at most so many", count, 50)
    .action(async (options: { status?: string[]; workflow?: string; since?: number; limit: number }, command: Command) => {
      const { client, show } = contextOf(command, terminal);
      const query = {
        ...(options.status === undefined ? {} : { status: options.status.map(statusOf) }),
        ...(options.workflow === undefined ? {} : { workflowId: options.workflow }),
        ...(options.since === undefined ? {} : { from: new Date(Date.now() - options.since).toISOString() }),
      };
      const list = await take(client.items("listExecutions", { query }), options.limit);
      show(list, table(["ID", "STATUS", "REASON", "WORKFLOW", "QUEUED", "MS"], list.map(({ id, status, reason, error, workflowId, queuedAt, durationMs }) => [id, status, reason ?? error?.code, workflowId, queuedAt, durationMs])));
    });
  executions
    .command("show")
    .description("Tell what an execution did: its turns, its nodes, its failures.")
    .argument("<execution>", "its id")
    .action(async (executionId: string, _options: unknown, command: Command) => showTimeline(contextOf(command, terminal), executionId));
  executions
    .command("tail")
    .description("Watch an execution live until it has ended. Ends with 1 when it does not succeed.")
    .argument("<execution>", "its id")
    .action(async (executionId: string, _options: unknown, command: Command) => tail(contextOf(command, terminal), executionId));
  executions
    .command("rerun")
    .description("Run an execution again, as a new one.")
    .argument("<execution>", "its id")
    .option("--from <place>", "start, or failedNode: what succeeded is taken over", "start")
    .option("--latest", "with the version that is published now")
    .action(async (executionId: string, options: { from: string; latest?: boolean }, command: Command) => {
      const { client, show } = contextOf(command, terminal);
      const { from } = options;
      if (from !== "start" && from !== "failedNode") throw new UsageError(`"${from}" is no place to run from: use start or failedNode.`);
      const { body } = await client.call("rerunExecution", { params: { executionId }, body: { from, version: options.latest === true ? "latest" : "same" } });
      show(body, `The execution ${body.executionId} is queued.`);
    });
  executions
    .command("cancel")
    .description("Cancel an execution that has not ended.")
    .argument("<execution>", "its id")
    .action(async (executionId: string, _options: unknown, command: Command) => {
      const { client, show } = contextOf(command, terminal);
      const { body } = await client.call("cancelExecution", { params: { executionId } });
      show(body, `The execution is ${body.status}.`);
    });
}

function statusOf(text: string): ExecutionStatus {
  const known = EXECUTION_STATUSES.find((status) => status === text.toUpperCase());
  if (known === undefined) throw new UsageError(`"${text}" is not a status: use ${EXECUTION_STATUSES.join(", ")}.`);
  return known;
}

async function showTimeline({ client, show }: Context, executionId: string): Promise<void> {
  const { body } = await client.call("getTimeline", { params: { executionId } });
  const events = body.events.map(({ at, message }) => `${at}  ${printable(message)}`);
  const journal = table(["NODE", "ITEM", "STATUS", "ATTEMPT", "MS"], body.journal.map(({ nodeId, item, status, attempt, durationMs }) => [nodeId, item, status, attempt, durationMs]));
  const failures = body.failures.map(({ nodeId, attempt, code, message }) => `  ${nodeId}, attempt ${attempt}: ${code}: ${printable(message)}`);
  const more = body.nextJournalPageToken === null ? [] : ["", "There are more nodes than shown."];
  show(body, [`${body.status}${body.reason === null ? "" : ` (${body.reason})`}`, ...events, "", journal, ...(failures.length === 0 ? [] : ["", "Failures:", ...failures]), ...more].join("\n"));
}

interface Change {
  readonly nodeId?: string;
  readonly item?: number;
  readonly status: string;
  readonly attempt?: number;
  readonly reason?: string | null;
  readonly errorCode?: string | null;
  readonly at?: string;
}

/** One line per change; as JSON, one object per line. */
async function tail({ client, isJson, terminal }: Context, executionId: string): Promise<void> {
  for await (const { event, data } of client.events(executionId, { signal: terminal.signal })) {
    const content = JSON.parse(data) as Change & { readonly execution?: Change; readonly nodes?: readonly Change[] };
    if (isJson) terminal.out(JSON.stringify({ event, ...content }));
    else if (event === "snapshot") for (const change of [...(content.execution === undefined ? [] : [content.execution]), ...(content.nodes ?? [])]) terminal.out(lineOf(change));
    else if (event !== "end") terminal.out(lineOf(content));
    if (event === "end" && content.status !== "SUCCESS") throw new Verdict(`The execution ended with ${content.status}.`, EXIT.failed);
  }
}

function lineOf({ at, nodeId, item, status, attempt, reason, errorCode }: Change): string {
  const place = nodeId === undefined ? "execution" : `${nodeId}${item === undefined || item === 0 ? "" : `[${item}]`}`;
  const details = [...(attempt !== undefined && attempt > 1 ? [`attempt ${attempt}`] : []), ...(reason === null || reason === undefined ? [] : [reason]), ...(errorCode === null || errorCode === undefined ? [] : [errorCode])];
  return `${at ?? ""}  ${place}  ${status}${details.length === 0 ? "" : `  (${details.join(", ")})`}`;
}
