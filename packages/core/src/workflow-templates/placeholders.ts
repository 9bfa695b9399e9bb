import type { NodeCatalog } from "../graph/catalog.ts";
import type { Graph, GraphNode } from "../graph/graph.ts";
import type { GraphIssue } from "../graph/issue.ts";
import type { Json, JsonObject } from "../json.ts";
import { jsonPointer } from "../json-pointer.ts";
import type { ParameterValues, TemplateParameter } from "./parameters.ts";

/**
 * Placeholders stand in the parameters of a template's nodes, as JSON objects with one member:
 * `{"$param": "name"}` is the value; `{"$text": ["Dear ", {"$param": "name"}]}` is text put together; `{"$literal": …}` is what it holds, as it is.
 * They are objects, so no text of a node and no template of the engine (`{{ … }}`) can be taken for one.
 */
const PARAM = "$param";
const TEXT = "$text";
const LITERAL = "$literal";
const MARKERS: ReadonlySet<string> = new Set([PARAM, TEXT, LITERAL]);

type Placeholder = { readonly kind: "param"; readonly name: Json | undefined } | { readonly kind: "text"; readonly parts: Json | undefined } | { readonly kind: "literal"; readonly value: Json | undefined } | { readonly kind: "malformed" };

function placeholderOf(value: Json): Placeholder | undefined {
  if (!isObject(value)) return undefined;
  const names = Object.keys(value);
  if (!names.some((name) => MARKERS.has(name))) return undefined;
  if (names.length !== 1) return { kind: "malformed" };
  if (names[0] === PARAM) return { kind: "param", name: value[PARAM] };
  return names[0] === TEXT ? { kind: "text", parts: value[TEXT] } : { kind: "literal", value: value[LITERAL] };
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * A template's graph as the graph of one tenant: every placeholder filled in.
 * @param values of all parameters that the graph names
 * @throws RangeError for a placeholder that `findPlaceholderIssues` would have refused: a defect of the caller
 */
export function renderTemplate(graph: Graph, values: ParameterValues): Graph {
  return { ...graph, nodes: graph.nodes.map((node) => ({ ...node, params: Object.fromEntries(Object.entries(node.params).map(([name, value]) => [name, filled(value, values)])) })) };
}

function filled(value: Json, values: ParameterValues): Json {
  const placeholder = placeholderOf(value);
  if (placeholder === undefined) {
    if (Array.isArray(value)) return value.map((item) => filled(item, values));
    return isObject(value) ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, filled(inner, values)])) : value;
  }
  if (placeholder.kind === "param") return valueOf(placeholder.name, values);
  if (placeholder.kind === "literal" && placeholder.value !== undefined) return placeholder.value;
  if (placeholder.kind === "text" && Array.isArray(placeholder.parts)) return placeholder.parts.map((part) => textOf(filled(part, values))).join("");
  throw new RangeError("A placeholder is malformed.");
}

function textOf(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function valueOf(name: Json | undefined, values: ParameterValues): Json {
  const value = typeof name === "string" && Object.hasOwn(values, name) ? values[name] : undefined;
  if (value === undefined) throw new RangeError(`There is no value for the parameter ${JSON.stringify(name)}.`);
  return value;
}

/** What is known about the place in which a placeholder stands. */
interface Place {
  readonly node: GraphNode;
  readonly path: readonly (string | number)[];
  /** Kinds of credentials that the place takes; undefined where it takes none. */
  readonly kinds: readonly string[] | undefined;
  readonly byName: ReadonlyMap<string, TemplateParameter>;
}

/**
 * What is wrong with the placeholders of a template: malformed ones, names that are not declared, credentials where none belongs and other values where
 * one does, and placeholders in parameters that are taken as written: no value may become code.
 */
export function findPlaceholderIssues(graph: Graph, parameters: readonly TemplateParameter[], catalog: NodeCatalog): GraphIssue[] {
  const byName = new Map(parameters.map((parameter) => [parameter.name, parameter]));
  return graph.nodes.flatMap((node, index) => {
    const definition = catalog.get(node.type);
    return Object.entries(node.params).flatMap(([name, value]) => {
      const place: Place = { node, path: ["nodes", index, "params", name], kinds: definition?.credentials?.find(({ param }) => param === name)?.kinds, byName };
      const issues = issuesOf(value, place);
      const isLiteral = definition?.literalParams?.includes(name) === true;
      return isLiteral && holdsPlaceholder(value) ? [issue(place, "is taken as written, so that no value can become code: no placeholder may stand in it")] : issues;
    });
  });
}

function holdsPlaceholder(value: Json): boolean {
  if (placeholderOf(value) !== undefined) return true;
  if (Array.isArray(value)) return value.some(holdsPlaceholder);
  return isObject(value) && Object.values(value).some(holdsPlaceholder);
}

function issuesOf(value: Json, place: Place): GraphIssue[] {
  const placeholder = placeholderOf(value);
  if (placeholder === undefined) {
    const at = (part: string | number): Place => ({ ...place, path: [...place.path, part], kinds: undefined });
    if (Array.isArray(value)) return value.flatMap((item, index) => issuesOf(item, at(index)));
    return isObject(value) ? Object.entries(value).flatMap(([name, inner]) => issuesOf(inner, at(name))) : [];
  }
  switch (placeholder.kind) {
    case "malformed":
      return [issue(place, "must hold its marker and nothing else")];
    case "literal":
      return [];
    case "param":
      return paramIssues(placeholder.name, place);
    case "text":
      return textIssues(placeholder.parts, place);
    default:
      return placeholder satisfies never;
  }
}

function paramIssues(name: Json | undefined, place: Place): GraphIssue[] {
  const parameter = typeof name === "string" ? place.byName.get(name) : undefined;
  if (parameter === undefined) return [issue(place, `names ${JSON.stringify(name)}, which is no parameter of the template`)];
  const { kinds } = place;
  if (parameter.type !== "credential") return kinds === undefined ? [] : [issue(place, `needs a parameter of the type credential; "${parameter.name}" is of the type ${parameter.type}`)];
  if (kinds === undefined) return [issue(place, `takes no credential, and "${parameter.name}" is one`)];
  const unfit = parameter.kinds.filter((kind) => !kinds.includes(kind));
  return unfit.length === 0 ? [] : [issue(place, `does not take credentials of the kind ${unfit.join(", ")}, which "${parameter.name}" allows`)];
}

function textIssues(parts: Json | undefined, place: Place): GraphIssue[] {
  if (!Array.isArray(parts)) return [issue(place, `must have a list under "${TEXT}"`)];
  if (place.kinds !== undefined) return [issue(place, "takes a credential, which no text can make")];
  return parts.flatMap((part, index): GraphIssue[] => {
    const inner: Place = { ...place, path: [...place.path, TEXT, index] };
    if (typeof part === "string") return [];
    const placeholder = placeholderOf(part);
    return placeholder?.kind === "param" ? paramIssues(placeholder.name, inner) : [issue(inner, `must be text or {"${PARAM}": …}`)];
  });
}

function issue({ node, path }: Place, what: string): GraphIssue {
  return { code: "PLACEHOLDER_INVALID", nodeId: node.id, path: jsonPointer(path), message: `The place ${what}.` };
}
