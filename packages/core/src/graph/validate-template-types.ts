import { jsonPointer } from "../json-pointer.ts";
import type { NodeDefinition } from "../node/definition.ts";
import type { Compiled, CompileResult } from "../templates/compile.ts";
import { pathText, type Expression, type Reference, type Template } from "../templates/parse.ts";
import type { GraphNode } from "./graph.ts";
import type { GraphIssue } from "./issue.ts";
import { jsonSchemaOf, kindsOf, outputSchemaOf, typeAtPath, type JsonSchema, type PathType, type ValueKind } from "./output-types.ts";

/** What templates can name: a node with its definition; undefined for what is not known or not a node. */
export type Upstream = (reference: Reference) => { readonly node: GraphNode; readonly definition: NodeDefinition } | undefined;

/** What comparing templates with the contracts of the nodes that they name shows. */
export interface TypeFindings {
  /** What can never be there. */
  readonly errors: readonly GraphIssue[];
  /** What may work, and most likely does not. */
  readonly warnings: readonly GraphIssue[];
}

/** Compares the templates of a node with the output contracts of the nodes before it, and with its own parameters. Open contracts are not judged. */
export function compareTypes(node: GraphNode, index: number, { compiled }: CompileResult, definition: NodeDefinition | undefined, upstream: Upstream): TypeFindings {
  const errors: GraphIssue[] = [];
  const warnings: GraphIssue[] = [];
  for (const { path, template } of templatesOf(compiled)) {
    const at = (): string => jsonPointer(["nodes", index, "params", ...path]);
    for (const expression of template) {
      if (typeof expression === "string") continue;
      for (const { reference, isOptional } of referencesOf(expression)) {
        const type = typeOf(reference, upstream);
        if (type?.kind !== "missing") continue;
        (isOptional ? warnings : errors).push({ code: "TEMPLATE_PATH_UNKNOWN", nodeId: node.id, path: at(), message: missingText(reference, type, isOptional) });
      }
    }
    const mismatch = definition === undefined ? undefined : mismatchOf(template, () => typeAtPath(jsonSchemaOf(definition.params), path), upstream);
    if (mismatch !== undefined) warnings.push({ code: "TEMPLATE_TYPE_MISMATCH", nodeId: node.id, path: at(), message: mismatch });
  }
  return { errors, warnings };
}

/** A template that is one bare reference gives its value as it is: does that fit? */
function mismatchOf(template: Template, parameter: () => PathType, upstream: Upstream): string | undefined {
  const [only, ...others] = template;
  if (only === undefined || typeof only === "string" || others.length > 0 || only.filters.length > 0 || only.source.kind !== "reference") return undefined;
  const given = kindsAt(typeOf(only.source, upstream));
  if (given === undefined) return undefined;
  const wanted = kindsAt(parameter());
  if (wanted === undefined || [...given].some((kind) => wanted.has(kind))) return undefined;
  return `The template gives ${listed(given)}: ${pathText(only.source)}; the parameter takes ${listed(wanted)}.`;
}

function kindsAt(type: PathType | undefined): ReadonlySet<ValueKind> | undefined {
  return type?.kind === "known" ? kindsOf(type.schema) : undefined;
}

const schemas = new WeakMap<GraphNode, JsonSchema>();

function typeOf(reference: Reference, upstream: Upstream): PathType | undefined {
  const target = upstream(reference);
  if (target === undefined) return undefined;
  const schema = schemas.get(target.node) ?? outputSchemaOf(target.node, target.definition);
  schemas.set(target.node, schema);
  return typeAtPath(schema, reference.path);
}

function missingText(reference: Reference, { step, members, value }: Extract<PathType, { kind: "missing" }>, isOptional: boolean): string {
  const there = members.length === 0 ? `${pathText(reference, step)} is ${value}` : `${pathText(reference, step)} has ${members.map((member) => `"${member}"`).join(", ")}`;
  return `The template names ${pathText(reference)}, which is never there: ${there}.${isOptional ? " Its default always takes its place." : ""}`;
}

/** A source that a `default` follows may be missing. */
function referencesOf({ source, filters }: Expression): { readonly reference: Reference; readonly isOptional: boolean }[] {
  const isOptional = filters.some(({ name }) => name === "default");
  return [
    ...(source.kind === "reference" ? [{ reference: source, isOptional }] : []),
    ...filters.flatMap(({ args }) => args.flatMap((term) => (term.kind === "reference" ? [{ reference: term, isOptional: false }] : []))),
  ];
}

interface LocatedTemplate {
  readonly path: readonly (string | number)[];
  readonly template: Template;
}

/** Every template that can be read; those that cannot are another check's matter. */
function templatesOf(compiled: Compiled): LocatedTemplate[] {
  const found: LocatedTemplate[] = [];
  const pending: { readonly path: readonly (string | number)[]; readonly part: Compiled }[] = [{ path: [], part: compiled }];
  for (const { path, part } of pending) {
    if (part.kind === "template") found.push({ path, template: part.template });
    else if (part.kind === "array") for (const [index, item] of part.items.entries()) pending.push({ path: [...path, index], part: item });
    else if (part.kind === "object") for (const [key, item] of part.entries) pending.push({ path: [...path, key], part: item });
  }
  return found;
}

function listed(kinds: ReadonlySet<ValueKind>): string {
  return [...kinds].map((kind) => (kind === "null" ? "null" : `${kind === "object" || kind === "array" ? "an" : "a"} ${kind}`)).join(" or ");
}
