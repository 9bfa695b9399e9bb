import { existsSync } from "node:fs";
import type { Command } from "commander";
import { writePrivate } from "../config-file.ts";
import { contextOf, count, take, type Context } from "../context.ts";
import { UsageError } from "../exit-codes.ts";
import { printable, table, type Terminal } from "../terminal.ts";
import { idOf } from "../workflow-file.ts";
import { addWorkflowArchiveCommands } from "./workflow-archive.ts";
import { addWorkflowFileCommands } from "./workflow-files.ts";

/** `workflows …` */
export function addWorkflowCommands(program: Command, terminal: Terminal): void {
  const workflows = program.command("workflows").description("The workflows of a tenant, as files or by id.");
  workflows
    .command("list")
    .description("List the workflows, newest first.")
    .option("--active", "only active ones")
    .option("--archived", "only archived ones, which are left out otherwise")
    .option("--limit <number>", "at most so many", count, 100)
    .action(async (options: { active?: boolean; archived?: boolean; limit: number }, command: Command) => {
      const { client, show } = contextOf(command, terminal);
      const list = await take(client.items("listWorkflows", { query: { ...(options.active === true ? { active: "true" as const } : {}), ...(options.archived === true ? { archived: "true" as const } : {}) } }), options.limit);
      show(list, table(["ID", "NAME", "ACTIVE", "VERSION", "DRAFT", "CHANGED"], list.map(({ id, name, isActive, publishedVersion, draftRevision, updatedAt }) => [id, name, isActive ? "yes" : "no", publishedVersion?.number, draftRevision, updatedAt])));
    });
  addWorkflowFileCommands(workflows, terminal);
  addWorkflowArchiveCommands(workflows, terminal);
  workflows
    .command("publish")
    .description("Publish the draft. Secrets of new triggers are told this once: they go into a file, or nowhere.")
    .argument("<workflow>", "an id, or a file that was pushed")
    .option("--secrets-file <path>", "where new secrets go, readable by you alone; it must not exist")
    .action(async (workflow: string, options: { secretsFile?: string }, command: Command) => {
      const context = contextOf(command, terminal);
      if (options.secretsFile !== undefined && existsSync(options.secretsFile)) throw new UsageError(`${options.secretsFile} exists already.`);
      const { body } = await context.client.call("publishWorkflow", { params: { workflowId: idOf(workflow) } });
      showPublished(context, body, options.secretsFile);
    });
  workflows
    .command("rollback")
    .description("Publish an earlier version again. The draft stays as it is.")
    .argument("<workflow>", "an id, or a file that was pushed")
    .argument("<number>", "the number of the version", count)
    .action(async (workflow: string, number: number, _options: unknown, command: Command) => {
      const context = contextOf(command, terminal);
      const { body } = await context.client.call("rollbackWorkflow", { params: { workflowId: idOf(workflow) }, body: { number } });
      showPublished(context, body, undefined);
    });
  workflows
    .command("diff")
    .description("Tell what turns one version into another, or the published one into the draft.")
    .argument("<workflow>", "an id, or a file that was pushed")
    .option("--from <version>", "draft, published or a number", "published")
    .option("--to <version>", "draft, published or a number", "draft")
    .action(async (workflow: string, options: { from: string; to: string }, command: Command) => {
      const { client, show } = contextOf(command, terminal);
      const { body } = await client.call("diffWorkflow", { params: { workflowId: idOf(workflow) }, query: { from: sideOf(options.from), to: sideOf(options.to) } });
      show(body, diffText(body));
    });
}

function sideOf(text: string): "draft" | "published" | number {
  return text === "draft" || text === "published" ? text : count(text);
}

interface Published {
  readonly version: { readonly number: number };
  readonly isNew: boolean;
  readonly triggers: readonly { readonly id: string; readonly nodeId: string; readonly kind: string; readonly hookUrl: string | null; readonly secret?: string | undefined }[];
}

/** Without secrets: they are written to a file, or it is said how to get others. */
function showPublished({ show, terminal }: Context, published: Published, secretsFile: string | undefined): void {
  const secrets = published.triggers.flatMap(({ id, nodeId, secret }) => (secret === undefined ? [] : [{ triggerId: id, nodeId, secret }]));
  if (secrets.length > 0 && secretsFile !== undefined) writePrivate(secretsFile, `${JSON.stringify(secrets, null, 2)}\n`);
  const triggers = published.triggers.map(({ secret: _, ...trigger }) => trigger);
  const lines = triggers.map(({ nodeId, kind, hookUrl }) => `  ${kind} ${nodeId}${hookUrl === null ? "" : ` ${hookUrl}`}`);
  show({ ...published, triggers }, [`Published version ${published.version.number}${published.isNew ? "" : ", which was there before"}.`, ...lines].join("\n"));
  if (secrets.length === 0) return;
  terminal.err(
    secretsFile === undefined
      ? `Secrets were made for ${secrets.map(({ nodeId }) => nodeId).join(", ")} and are not shown. Get others with POST /v1/triggers/{triggerId}/rotate-secret.`
      : `The secrets of ${secrets.map(({ nodeId }) => nodeId).join(", ")} are in ${secretsFile}.`,
  );
}

interface Diff {
  readonly isSame: boolean;
  readonly nodes: { readonly added: readonly { readonly id: string; readonly type: string }[]; readonly removed: readonly { readonly id: string; readonly type: string }[]; readonly changed: readonly { readonly id: string; readonly changes: readonly { readonly op: string; readonly path: string; readonly from?: unknown; readonly to?: unknown }[] }[] };
  readonly edges: { readonly added: readonly Edge[]; readonly removed: readonly Edge[] };
  readonly triggers: readonly { readonly nodeId: string; readonly type: string; readonly change: string }[];
}
interface Edge {
  readonly from: string;
  readonly port: string;
  readonly to: string;
}

function diffText({ isSame, nodes, edges, triggers }: Diff): string {
  if (isSame) return "No difference.";
  const edge = ({ from, port, to }: Edge): string => `${from}${port === "main" ? "" : `.${port}`} → ${to}`;
  const value = (given: unknown): string => printable(JSON.stringify(given) ?? "–");
  return [
    ...nodes.added.map(({ id, type }) => `+ ${id} (${type})`),
    ...nodes.removed.map(({ id, type }) => `- ${id} (${type})`),
    ...nodes.changed.flatMap(({ id, changes }) => [`~ ${id}`, ...changes.map(({ path, from, to }) => `    ${path}: ${value(from)} → ${value(to)}`)]),
    ...edges.added.map((added) => `+ ${edge(added)}`),
    ...edges.removed.map((removed) => `- ${edge(removed)}`),
    ...triggers.map(({ nodeId, type, change }) => `! the trigger ${nodeId} (${type}) is ${change}`),
  ].join("\n");
}
