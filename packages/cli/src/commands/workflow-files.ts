import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { contextOf, type Context } from "../context.ts";
import { EXIT, UsageError, Verdict } from "../exit-codes.ts";
import { printable, type Terminal } from "../terminal.ts";
import { fileNameOf, isSameGraph, readWorkflowFile, writeWorkflowFile, type FileFormat } from "../workflow-file.ts";

/** `workflows pull`, `push` and `validate`: drafts as files, for review and version control. */
export function addWorkflowFileCommands(workflows: Command, terminal: Terminal): void {
  workflows
    .command("pull")
    .description("Write drafts to files, one each. A file that is there for the same workflow is replaced.")
    .argument("[workflows...]", "ids; all workflows when absent")
    .option("--dir <folder>", "where to", "workflows")
    .option("--format <format>", "yaml or json", "yaml")
    .action(async (ids: string[], options: { dir: string; format: string }, command: Command) => {
      const context = contextOf(command, terminal);
      const { format } = options;
      if (format !== "yaml" && format !== "json") throw new UsageError(`"${format}" is not a format: use yaml or json.`);
      mkdirSync(options.dir, { recursive: true });
      const written: string[] = [];
      for await (const workflow of chosen(context, ids)) written.push(await pull(context, workflow, options.dir, format));
      context.show(written, written.length === 0 ? "There are no workflows." : written.map((path) => `Wrote ${path}`).join("\n"));
    });
  workflows
    .command("push")
    .description("Bring files to the drafts. Refused when somebody changed a draft since it was pulled. A file without id becomes a new workflow, and gets its id.")
    .argument("<files...>", "what `pull` wrote, or files like it")
    .option("--force", "whatever the draft is by now")
    .action(async (files: string[], options: { force?: boolean }, command: Command) => {
      const context = contextOf(command, terminal);
      const results: Pushed[] = [];
      try {
        for (const path of files) results.push(await push(context, path, options.force === true));
      } finally {
        // Also when a later file is refused: what is pushed by then stays so.
        if (results.length > 0) context.show(results, results.map(toLine).join("\n"));
      }
    });
  workflows
    .command("validate")
    .description("Judge files as publishing would, and change nothing. Ends with 7 when one cannot be published.")
    .argument("<files...>", "files of workflows that exist")
    .action(async (files: string[], _options: unknown, command: Command) => {
      const context = contextOf(command, terminal);
      const verdicts = [];
      for (const path of files) {
        const file = readWorkflowFile(path);
        if (file.id === undefined) throw new UsageError(`${path} has no id yet: push it first.`);
        const { body } = await context.client.call("validateWorkflow", { params: { workflowId: file.id }, body: { graph: file.graph } });
        verdicts.push({ file: path, ...body });
      }
      const lines = verdicts.flatMap(({ file, valid, issues, warnings }) => [
        `${file}: ${valid ? "can be published" : "cannot be published"}`,
        ...issues.map(({ code, path, message }) => `  ${code} ${path}: ${printable(message)}`),
        ...warnings.map(({ code, path, message }) => `  warning ${code} ${path}: ${printable(message)}`),
      ]);
      context.show(verdicts, lines.join("\n"));
      if (verdicts.some(({ valid }) => !valid)) throw new Verdict("Not everything can be published.", EXIT.invalid);
    });
}

interface Named {
  readonly id: string;
  readonly name: string;
}

async function* chosen({ client }: Context, ids: readonly string[]): AsyncGenerator<Named> {
  if (ids.length === 0) yield* client.items("listWorkflows");
  for (const workflowId of ids) yield (await client.call("getWorkflow", { params: { workflowId } })).body;
}

async function pull({ client }: Context, { id, name }: Named, dir: string, format: FileFormat): Promise<string> {
  const { body } = await client.call("getDraft", { params: { workflowId: id } });
  const path = join(dir, fileOf(dir, id, format) ?? fileNameOf(name, id, format));
  writeWorkflowFile(path, { id, name, revision: body.revision, graph: body.graph });
  return path;
}

/** The file that a workflow has there already, also under a name of before. */
function fileOf(dir: string, id: string, format: FileFormat): string | undefined {
  const own = existsSync(dir) ? readdirSync(dir).filter((file) => file.endsWith(`-${id.slice(-8)}.${format}`)) : [];
  return own.find((file) => readWorkflowFile(join(dir, file)).id === id);
}

/** What became of a file. */
interface Pushed {
  readonly file: string;
  readonly workflowId: string;
  readonly revision: number;
  readonly created: boolean;
  /** Whether the draft is another one than before. */
  readonly changed: boolean;
}

function toLine({ file, workflowId, revision, created, changed }: Pushed): string {
  return `${created ? "Created" : changed ? "Pushed" : "Unchanged"} ${file}: workflow ${workflowId}, revision ${revision}`;
}

async function push({ client }: Context, path: string, isForced: boolean): Promise<Pushed> {
  const file = readWorkflowFile(path);
  const { graph, name } = file;
  if (file.id === undefined) {
    const { body } = await client.call("createWorkflow", { body: { name, graph } });
    writeWorkflowFile(path, { ...file, id: body.id, revision: body.draftRevision });
    return { file: path, workflowId: body.id, revision: body.draftRevision, created: true, changed: true };
  }
  if (file.revision === undefined && !isForced) throw new UsageError(`${path} does not say which revision it was made from: pull it anew, or use --force.`);
  const workflowId = file.id;
  const draft = await client.call("getDraft", { params: { workflowId } });
  // A file that says nothing new makes no revision, so that pushing a folder changes the files of changed drafts only.
  const changed = draft.body.revision !== file.revision || !isSameGraph(draft.body.graph, graph);
  const condition = isForced || file.revision === undefined ? {} : { headers: { "If-Match": `"${file.revision}"` } };
  const { body } = changed ? await client.call("replaceDraft", { params: { workflowId }, ...condition, body: { graph } }) : draft;
  const workflow = await client.call("getWorkflow", { params: { workflowId } });
  if (workflow.body.name !== name) await client.call("updateWorkflow", { params: { workflowId }, body: { name } });
  if (changed) writeWorkflowFile(path, { ...file, revision: body.revision });
  return { file: path, workflowId, revision: body.revision, created: false, changed };
}
