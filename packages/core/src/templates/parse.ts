import { DANGEROUS_KEYS } from "../graph/names.ts";
import { FILTERS, type Filter } from "./filters.ts";
import { Scanner } from "./scanner.ts";

/** One step into a value: a key of an object, or an index of an array. */
export type PathPart = string | number;

export interface Literal {
  readonly kind: "literal";
  readonly value: string | number | boolean | null;
}

/** The roots of the template context that are no nodes. */
export type RootScope = "trigger" | "execution" | "item" | "loop";

/** Names a value of the template context. */
export interface Reference {
  readonly kind: "reference";
  /** `trigger`, `execution`; `item`, `loop`: of the loop around; `node`: the output of the node with the id `name`; `name`: the same, by id or by alias. */
  readonly scope: RootScope | "node" | "name";
  /** The node id or alias; for the other scopes the scope itself. */
  readonly name: string;
  /** The steps from there on. */
  readonly path: readonly PathPart[];
}

export type Term = Literal | Reference;

export interface FilterCall {
  readonly name: string;
  readonly filter: Filter;
  readonly args: readonly Term[];
}

/** `{{ source | filter: arg, arg | filter }}` */
export interface Expression {
  readonly source: Term;
  readonly filters: readonly FilterCall[];
}

/** Literal text and expressions in turn; no two texts in a row, no empty text. */
export type Template = readonly (string | Expression)[];

/** What one expression may hold at most, so that rendering is bounded by the size of the data. */
export const MAX_FILTERS = 16;
export const MAX_PATH_PARTS = 64;

/** Whether the text holds anything that the template language would read. */
export function hasTemplate(text: string): boolean {
  return text.includes("{{");
}

/**
 * Reads a template in one pass; time and memory are linear in its length. Text outside of `{{ … }}` stands for itself, a lone `}}` too.
 * @throws NodeError DATA, TEMPLATE_SYNTAX: what was expected, and at which character.
 */
export function parseTemplate(text: string): Template {
  const template: (string | Expression)[] = [];
  const scanner = new Scanner(text);
  while (!scanner.isAtEnd()) {
    const literal = scanner.takeUntil("{{");
    if (literal !== "") {
      template.push(literal);
    }
    if (scanner.take("{{")) {
      template.push(parseExpression(scanner));
    }
  }
  return template;
}

/** How a path is written in a template. */
export function pathText(reference: Reference, length = reference.path.length): string {
  const root = reference.scope === "node" ? `nodes.${reference.name}` : reference.name;
  const steps = reference.path.slice(0, length).map((part) => {
    if (typeof part === "number") {
      return `[${part}]`;
    }
    return /^[A-Za-z0-9_-]+$/.test(part) ? `.${part}` : `[${JSON.stringify(part)}]`;
  });
  return `${root}${steps.join("")}`;
}

function parseExpression(scanner: Scanner): Expression {
  const source = parseTerm(scanner);
  const filters: FilterCall[] = [];
  scanner.skipSpace();
  while (scanner.take("|")) {
    if (filters.length === MAX_FILTERS) {
      throw scanner.problem(`at most ${MAX_FILTERS} filters are allowed`);
    }
    filters.push(parseFilter(scanner));
    scanner.skipSpace();
  }
  if (!scanner.take("}}")) {
    throw scanner.problem('expected "|" or "}}"');
  }
  return { source, filters };
}

function parseFilter(scanner: Scanner): FilterCall {
  scanner.skipSpace();
  const start = scanner.position;
  const name = scanner.takeWord();
  const filter = FILTERS.get(name);
  if (filter === undefined) {
    throw scanner.problem(name === "" ? "expected the name of a filter" : `there is no filter "${name}"`, start);
  }
  const args: Term[] = [];
  scanner.skipSpace();
  if (scanner.take(":")) {
    do {
      if (args.length === filter.maxArgs) {
        throw scanner.problem(`the filter "${name}" takes at most ${filter.maxArgs} arguments`, start);
      }
      args.push(parseTerm(scanner));
      scanner.skipSpace();
    } while (scanner.take(","));
  }
  if (args.length < filter.minArgs) {
    throw scanner.problem(`the filter "${name}" needs ${filter.minArgs} arguments`, start);
  }
  return { name, filter, args };
}

function parseTerm(scanner: Scanner): Term {
  scanner.skipSpace();
  const start = scanner.position;
  const text = scanner.takeString();
  if (text !== undefined) {
    return { kind: "literal", value: text };
  }
  const number = scanner.takeNumber();
  if (number !== undefined) {
    return { kind: "literal", value: number };
  }
  const word = scanner.takeWord();
  switch (word) {
    case "":
      throw scanner.problem("expected a reference, a text in quotes or a number");
    case "true":
    case "false":
      return { kind: "literal", value: word === "true" };
    case "null":
      return { kind: "literal", value: null };
    default:
      return referenceOf(scanner, word, start);
  }
}

function referenceOf(scanner: Scanner, root: string, start: number): Reference {
  refuseDangerous(scanner, root, start);
  const path = parsePath(scanner);
  if (root === "trigger" || root === "execution" || root === "item" || root === "loop") {
    return { kind: "reference", scope: root, name: root, path };
  }
  if (root !== "nodes") {
    return { kind: "reference", scope: "name", name: root, path };
  }
  const [name, ...rest] = path;
  if (typeof name !== "string") {
    throw scanner.problem('"nodes" must be followed by the id of a node', start);
  }
  return { kind: "reference", scope: "node", name, path: rest };
}

function parsePath(scanner: Scanner): PathPart[] {
  const path: PathPart[] = [];
  for (;;) {
    const start = scanner.position;
    const part = parsePathPart(scanner);
    if (part === undefined) {
      return path;
    }
    if (path.length === MAX_PATH_PARTS) {
      throw scanner.problem(`a path has at most ${MAX_PATH_PARTS} steps`, start);
    }
    refuseDangerous(scanner, part, start);
    path.push(part);
  }
}

/** One `.key`, `[0]` or `["key"]`; undefined when the path ends here. */
function parsePathPart(scanner: Scanner): PathPart | undefined {
  if (scanner.take(".")) {
    const key = scanner.takeKey();
    if (key === "") {
      throw scanner.problem('expected a key of letters, digits, "_" or "-"; any other key is written ["key"]');
    }
    return key;
  }
  if (!scanner.take("[")) {
    return undefined;
  }
  scanner.skipSpace();
  const part = scanner.takeString() ?? scanner.takeIndex();
  if (part === undefined) {
    throw scanner.problem("expected an index or a key in quotes");
  }
  scanner.skipSpace();
  if (!scanner.take("]")) {
    throw scanner.problem('expected "]"');
  }
  return part;
}

function refuseDangerous(scanner: Scanner, part: PathPart, start: number): void {
  if (typeof part === "string" && DANGEROUS_KEYS.has(part)) {
    throw scanner.problem(`the key "${part}" is not allowed`, start);
  }
}
