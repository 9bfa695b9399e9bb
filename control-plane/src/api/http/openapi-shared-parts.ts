import { compareText } from "@fluxo/core/collections";
import type { createDocument } from "zod-openapi";

type Document = ReturnType<typeof createDocument>;

/** Extension of a refusal in the document: the codes that it may have. */
export const CODES = "x-codes";

/** What is looked at of an answer of an operation. */
interface Answer {
  readonly headers?: Record<string, unknown>;
  readonly content?: Readonly<Record<string, unknown>>;
  readonly [CODES]?: readonly string[];
}

interface Named {
  readonly name: string;
}

interface Reference {
  readonly $ref: string;
}

interface Operation {
  readonly parameters?: (Named | Reference)[];
  readonly responses: Record<string, Answer | Reference>;
}

/** Where a part stands that several operations may have, and what it would be called. */
interface Place {
  readonly name: string;
  readonly part: unknown;
  /** Puts something else there. */
  readonly replace: (other: Reference) => void;
}

/** Formats whose name says all that the generator of the document says once more as a pattern of hundreds of characters. */
const SAID_BY_NAME: ReadonlySet<unknown> = new Set(["uuid", "date-time", "date"]);
/** A name of more codes would be longer than what it stands for. */
const NAMED_CODES_MAX = 3;

/**
 * The same document, much shorter: parameters, headers and answers that operations have in common stand in `components`, once. Of different ones with one
 * name it is the one that most of them have; the others stay where they are.
 */
export function withSharedParts(document: Document): Document {
  const own: Document = JSON.parse(JSON.stringify(document), (_key, value: unknown) => withoutSaidPattern(value));
  const paths = (own.paths ?? {}) as Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  const operations = Object.values(paths).flatMap((item) => Object.values(item));
  // Headers come first: answers are the same only when their headers are.
  const headers = share("headers", operations.flatMap(({ responses }) => Object.values(responses).flatMap(headersOf)));
  const parameters = share("parameters", operations.flatMap(parametersOf));
  const responses = share("responses", operations.flatMap(answersOf));
  return { ...own, components: { ...own.components, headers, parameters, responses } as NonNullable<Document["components"]> };
}

function withoutSaidPattern(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("pattern" in value) || !("format" in value) || !SAID_BY_NAME.has(value.format)) return value;
  const { pattern: _pattern, ...rest } = value;
  return rest;
}

function headersOf(answer: Answer | Reference): Place[] {
  const headers = "headers" in answer ? (answer.headers ?? {}) : {};
  return Object.entries(headers).map(([name, part]) => ({ name: joined(name.split("-")), part, replace: (other) => void (headers[name] = other) }));
}

function parametersOf({ parameters = [] }: Operation): Place[] {
  return parameters.flatMap((part, index) => ("name" in part ? [{ name: joined(part.name.split("-")), part, replace: (other: Reference) => void (parameters[index] = other) }] : []));
}

/** Those that say nothing of the operation's own: refusals, and that nothing has changed. */
function answersOf({ responses }: Operation): Place[] {
  return Object.entries(responses).flatMap(([status, part]) => {
    const name = "$ref" in part ? undefined : answerName(status, part);
    return name === undefined ? [] : [{ name, part, replace: (other: Reference) => void (responses[status] = other) }];
  });
}

function answerName(status: string, { content = {}, [CODES]: codes }: Answer): string | undefined {
  if (status === "304") return "NotModified";
  if (codes === undefined || codes.length > NAMED_CODES_MAX) return undefined;
  return `${codes.map((code) => joined(code.toLowerCase().split("_"))).join("Or")}${"text/html" in content ? "Page" : ""}`;
}

/** `["if", "match"]` → `IfMatch`. */
function joined(words: readonly string[]): string {
  return words.map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`).join("");
}

/** Leaves references where a part stands that more than one place has. @returns these parts by name */
function share(kind: "headers" | "parameters" | "responses", places: readonly Place[]): Record<string, unknown> {
  const shared = [...Map.groupBy(places, ({ name }) => name)].flatMap(([name, all]): [string, unknown][] => {
    const [most = []] = [...Map.groupBy(all, ({ part }) => JSON.stringify(part)).values()].toSorted((left, right) => right.length - left.length);
    const [first] = most;
    if (first === undefined || most.length < 2) return [];
    for (const { replace } of most) replace({ $ref: `#/components/${kind}/${name}` });
    return [[name, first.part]];
  });
  return Object.fromEntries(shared.toSorted(([left], [right]) => compareText(left, right)));
}
