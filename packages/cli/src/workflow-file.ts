import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { inPlainWords } from "@fluxo/core/errors/plain-words";
import { graphSchema, type Graph } from "@fluxo/core/graph/graph";
import { parse as parseYaml, stringify as toYaml } from "yaml";
import { z } from "zod";
import { UsageError } from "./exit-codes.ts";

/** A workflow as a file. `revision` is the one of the draft that it was read from: pushing it is refused when the draft has another one by then. */
const workflowFileSchema = z.strictObject({ id: z.uuid().optional(), name: z.string().min(1).max(200), revision: z.int().min(1).optional(), graph: graphSchema });
export type WorkflowFile = z.output<typeof workflowFileSchema>;

export type FileFormat = "yaml" | "json";

/** @throws UsageError that names what is wrong and where */
export function readWorkflowFile(path: string): WorkflowFile {
  let content: unknown;
  try {
    const text = readFileSync(path, "utf8");
    content = formatOf(path) === "json" ? JSON.parse(text) : parseYaml(text, { maxAliasCount: 100 });
  } catch (error) {
    throw new UsageError(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const parsed = workflowFileSchema.safeParse(content, { error: inPlainWords });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UsageError(`${path}: ${issue === undefined ? "is not a workflow" : `/${issue.path.join("/")}: ${issue.message}`}`);
}

/** The same workflow is always the same text: members in one order, nodes and edges as they are. A file is replaced as a whole or not at all. */
export function writeWorkflowFile(path: string, file: WorkflowFile): void {
  const draft = `${path}.tmp`;
  writeFileSync(draft, workflowText(file, formatOf(path)));
  renameSync(draft, path);
}

export function workflowText({ id, name, revision, graph }: WorkflowFile, format: FileFormat): string {
  const content = { ...(id === undefined ? {} : { id }), name, ...(revision === undefined ? {} : { revision }), graph: ordered(graph) };
  // Through JSON: absent and undefined members are the same, and YAML makes no anchors of what is there twice.
  const plain: unknown = JSON.parse(JSON.stringify(content));
  return format === "json" ? `${JSON.stringify(plain, null, 2)}\n` : toYaml(plain, { lineWidth: 120, aliasDuplicateObjects: false });
}

/** Members in the order in which people read them; parameters by name, since the store keeps none. */
function ordered({ nodes, edges }: Graph): Graph {
  return {
    nodes: nodes.map(({ id, type, name, alias, params, retry, timeoutMs, onError, position }) => ({ id, type, name, alias, params: sorted(params), retry, timeoutMs, onError, position })),
    edges: edges.map(({ from, port, to }) => ({ from, port, to })),
  };
}

/** Whether both are the same text in a file. */
export function isSameGraph(left: Graph, right: Graph): boolean {
  return workflowText({ name: "-", graph: left }, "json") === workflowText({ name: "-", graph: right }, "json");
}

function sorted<T>(value: T): T {
  if (Array.isArray(value)) return value.map((item: unknown) => sorted(item)) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([left], [right]) => (left < right ? -1 : 1)).map(([name, inner]) => [name, sorted(inner)])) as T;
}

function formatOf(path: string): FileFormat {
  return path.endsWith(".json") ? "json" : "yaml";
}

/** The name of a file for a workflow: readable, safe on every system, and with the id's last part, so that no two are the same. */
export function fileNameOf(name: string, id: string, format: FileFormat): string {
  const slug = name.normalize("NFKD").toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-+|-+$/g, "").slice(0, 60);
  return `${slug === "" ? "workflow" : slug}-${id.slice(-8)}.${format}`;
}

/** The id that is given, or the one that a file holds. @throws UsageError */
export function idOf(workflow: string): string {
  if (!existsSync(workflow)) return workflow;
  const { id } = readWorkflowFile(workflow);
  if (id === undefined) throw new UsageError(`${workflow} has no id yet: push it first.`);
  return id;
}
