import { canonicalJson } from "@fluxo/core/canonical-json";
import type { Json } from "@fluxo/core/json";
import { z } from "zod";
import type { NodeTypeDescription } from "../catalog.ts";

/** The part of JSON Schema that the catalog's schemas use. */
const schemaShape = z.looseObject({
  type: z.union([z.string(), z.array(z.string())]).optional(),
  description: z.string().optional(),
  default: z.json().optional(),
  const: z.json().optional(),
  enum: z.array(z.json()).optional(),
  format: z.string().optional(),
  required: z.array(z.string()).optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  items: z.unknown().optional(),
  oneOf: z.array(z.unknown()).optional(),
  anyOf: z.array(z.unknown()).optional(),
  additionalProperties: z.unknown().optional(),
  not: z.unknown().optional(),
});

type Schema = z.output<typeof schemaShape>;

interface Row {
  readonly path: string;
  readonly type: string;
  readonly isRequired: boolean;
  readonly schema: Schema;
}

/** The pages of `docs/nodes`, by file name: one per node type and an index. */
export function renderNodeDocs(types: readonly NodeTypeDescription[]): ReadonlyMap<string, string> {
  return new Map([["README.md", renderIndex(types)], ...types.map((type): [string, string] => [`${type.type}.md`, renderNodePage(type)])]);
}

/** The page of one node type, as Markdown. */
function renderNodePage(node: NodeTypeDescription): string {
  return [
    `# ${node.title} (\`${node.type}\`)`,
    GENERATED,
    node.docs,
    factsOf(node),
    "## Parameters",
    tableOf(node.paramsSchema, "This node type has no parameters."),
    "## Output",
    tableOf(node.outputSchema, "It has no output."),
    "## Examples",
    ...node.examples.map(({ title, params }) => `${title}:\n\n\`\`\`json\n${JSON.stringify({ type: node.type, params }, null, 2)}\n\`\`\``),
    "",
  ].join("\n\n").trimEnd().concat("\n");
}

const GENERATED = "<!-- Generated from the node's definition by packages/nodes/src/docs/write.ts. Change the definition, not this page. -->";

function renderIndex(types: readonly NodeTypeDescription[]): string {
  const rows = types.map(({ type, title, kind, tier, integration }) => `| [\`${type}\`](${type}.md) | ${title} | ${kind} | ${tier} | ${integration ?? "–"} |`);
  return ["# Node types", "", GENERATED, "", "| type | title | kind | tier | integration |", "|---|---|---|---|---|", ...rows, ""].join("\n");
}

function factsOf(node: NodeTypeDescription): string {
  const ports = node.ports.names.map((port) => `\`${port}\``).join(", ");
  const facts = [
    ["kind", node.kind],
    ["tier", `${node.tier} and above`],
    ["integration", node.integration ?? "none"],
    ["ports", node.ports.dependOnParams ? `${ports}, and those that the parameters make` : ports],
    ["tried again", node.retryClass === "never" ? "never" : "after rate limits, lost connections, time-outs and errors of the server"],
    ["acts outside", node.sideEffect === "none" ? "no" : "yes, with a key that stays the same over attempts"],
    ["time limit", `${node.defaultTimeoutMs / 1_000} s unless the node sets \`timeoutMs\``],
  ];
  return ["| | |", "|---|---|", ...facts.map(([name, fact]) => `| ${name} | ${fact} |`)].join("\n");
}

function tableOf(root: unknown, whenEmpty: string): string {
  const schema = schemaShape.parse(root);
  const rows = rowsOf(schema, "");
  if (rows.length > 0) {
    return ["| name | type | default | meaning |", "|---|---|---|---|", ...rows.map(lineOf)].join("\n");
  }
  return schema.not !== undefined || schema.properties !== undefined ? whenEmpty : (schema.description ?? "Any value.");
}

function lineOf({ path, type, isRequired, schema }: Row): string {
  const fallback = schema.default === undefined ? "" : `\`${textOf(schema.default)}\``;
  return `| \`${path}\` | ${type} | ${isRequired ? "required" : fallback} | ${cell(schema.description ?? "")} |`;
}

/** The properties of a schema, and on into what they hold; the forms of a choice are told apart by their constant members. */
function rowsOf(schema: Schema, prefix: string): Row[] {
  const required = new Set(schema.required);
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const member = schemaShape.parse(property);
    const path = prefix + name;
    const row = { path, type: typeOf(member), isRequired: required.has(name) && member.default === undefined, schema: member };
    return [row].concat(innerRows(member, path));
  });
}

function innerRows(schema: Schema, path: string): Row[] {
  const items = schemaShape.safeParse(schema.items ?? {});
  const forms = (schema.oneOf ?? []).map((form) => schemaShape.parse(form));
  return [
    ...rowsOf(schema, `${path}.`),
    ...(items.success ? rowsOf(items.data, `${path}[].`) : []),
    ...forms.flatMap((form) => formRows(form, path + discriminatorOf(form))),
  ];
}

function formRows(form: Schema, path: string): Row[] {
  return [{ path, type: typeOf(form), isRequired: false, schema: form }, ...rowsOf(form, `${path}.`).filter((row) => row.schema.const === undefined)];
}

function discriminatorOf(form: Schema): string {
  const constants = Object.entries(form.properties ?? {}).flatMap(([name, property]) => {
    const { const: value } = schemaShape.parse(property);
    return value === undefined ? [] : [`${name}: ${textOf(value)}`];
  });
  return constants.length === 0 ? "" : ` {${constants.join(", ")}}`;
}

function typeOf(schema: Schema): string {
  if (schema.const !== undefined) {
    return `\`${textOf(schema.const)}\``;
  }
  if (schema.enum !== undefined) {
    return schema.enum.map((value) => `\`${textOf(value)}\``).join(", ");
  }
  const forms = schema.oneOf ?? schema.anyOf;
  if (forms !== undefined) {
    return [...new Set(forms.map((form) => choiceOf(schemaShape.parse(form))))].join(" or ");
  }
  if (schema.type === "array") {
    return `array of ${typeOf(schemaShape.parse(schema.items ?? {}))}`;
  }
  const names = [schema.type ?? "any value"].flat();
  return `${names.join(" or ")}${schema.format === undefined ? "" : ` (${schema.format})`}`;
}

function choiceOf(form: Schema): string {
  const discriminator = discriminatorOf(form).trim();
  return discriminator === "" ? typeOf(form) : `\`${discriminator}\``;
}

function textOf(value: Json): string {
  return typeof value === "string" ? value : canonicalJson(value);
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
