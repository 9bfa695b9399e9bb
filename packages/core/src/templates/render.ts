import { at } from "../collections.ts";
import { NodeError } from "../errors/node-error.ts";
import type { Json, JsonObject } from "../json.ts";
import { jsonBytes } from "../size.ts";
import { compileValue, type Compiled, type LocatedReference } from "./compile.ts";
import type { TemplateContext } from "./context.ts";
import { Refusal } from "./filters.ts";
import { parseTemplate, pathText, type Expression, type FilterCall, type PathPart, type Reference, type Template, type Term } from "./parse.ts";
import { interpolated, isJsonObject, kindOf, MAX_TEXT_LENGTH } from "./values.ts";

/** Most bytes of JSON that the expressions of one value may bring in together. */
export const MAX_RENDERED_BYTES = 16 * 1024 * 1024;

/** Most characters and elements that the filters of one value may read and make together. */
export const MAX_FILTER_WORK = 32 * 1024 * 1024;

/** Parameters whose templates are parsed once, to be filled in for many executions. */
export interface CompiledParams {
  /** Every reference, with the JSON pointer of the text that holds it. */
  readonly references: readonly LocatedReference[];
  /**
   * The parameters with all templates filled in. Shares structure with the context: neither may be changed.
   * @throws NodeError DATA: TEMPLATE_REFERENCE_MISSING, TEMPLATE_VALUE_REFUSED
   */
  render(context: TemplateContext): JsonObject;
}

/** Parses the templates of parameters; those named in `literalParams` are taken as written. @throws NodeError DATA: TEMPLATE_SYNTAX; PARAMS_INVALID when nested deeper than 64 levels */
export function compileTemplates(params: JsonObject, literalParams: readonly string[] = []): CompiledParams {
  const entries = Object.entries(params).map(([key, value]) => ({ key, ...(literalParams.includes(key) ? literal(value) : compileOrThrow(value, [key])) }));
  return {
    references: entries.flatMap(({ references }) => references),
    render: (context) => {
      const budget = new Budget();
      return Object.fromEntries(entries.map(({ key, compiled }) => [key, render(compiled, context, budget)]));
    },
  };
}

/** One value with all templates filled in; see `compileTemplates`. @throws NodeError DATA, as compiling and rendering do */
export function renderValue(value: Json, context: TemplateContext): Json {
  return render(compileOrThrow(value).compiled, context, new Budget());
}

/**
 * A text with its expressions filled in, each as `textOf` writes its value: for texts in another language, whose rules no value may break.
 * @throws NodeError DATA, as compiling and rendering do
 */
export function renderText(text: string, context: TemplateContext, textOf: (value: Json) => string): string {
  const budget = new Budget();
  return joined(
    parseTemplate(text)
      .values()
      .map((segment) => (typeof segment === "string" ? segment : textOf(evaluate(segment, context, budget)))),
    budget,
  );
}

function literal(value: Json): ReturnType<typeof compileOrThrow> {
  return { compiled: { kind: "constant", value }, references: [] };
}

function compileOrThrow(value: Json, path: readonly string[] = []): { readonly compiled: Compiled; readonly references: readonly LocatedReference[] } {
  const { compiled, references, problems } = compileValue(value, path);
  const [problem] = problems;
  if (problem !== undefined) {
    throw problem.error;
  }
  return { compiled, references };
}

/** Bounds what references to the same large value, repeated, add up to: in size and in work. */
class Budget {
  #left = MAX_RENDERED_BYTES;
  #work = MAX_FILTER_WORK;
  readonly #sizes = new Map<Json, number>();

  /** @throws NodeError TEMPLATE_VALUE_REFUSED when it is used up. */
  spend(value: Json): void {
    this.#left -= this.#sizeOf(value);
    if (this.#left < 0) {
      throw refused(`The templates would bring in more than ${MAX_RENDERED_BYTES} bytes.`);
    }
  }

  /** @throws NodeError TEMPLATE_VALUE_REFUSED when it is used up. */
  work(value: Json): void {
    this.#work -= typeof value === "string" || Array.isArray(value) ? value.length : 0;
    if (this.#work < 0) {
      throw refused(`The filters would work through more than ${MAX_FILTER_WORK} characters.`);
    }
  }

  #sizeOf(value: Json): number {
    if (typeof value !== "object" || value === null) {
      return typeof value === "string" ? value.length : 8;
    }
    const size = this.#sizes.get(value) ?? jsonBytes(value);
    this.#sizes.set(value, size);
    return size;
  }
}

/** As deep as the compiled value, which has at most MAX_PARAMS_DEPTH levels. */
function render(compiled: Compiled, context: TemplateContext, budget: Budget): Json {
  if (compiled.kind === "constant") {
    return compiled.value;
  }
  if (compiled.kind === "template") {
    return renderTemplate(compiled.template, context, budget);
  }
  if (compiled.kind === "array") {
    return compiled.items.map((item) => render(item, context, budget));
  }
  // fromEntries defines own properties, so that a key `__proto__` is a key like any other.
  return Object.fromEntries(compiled.entries.map(([key, item]) => [key, render(item, context, budget)]));
}

/** A single expression keeps the type of its value; among others it becomes part of a text. */
function renderTemplate(template: Template, context: TemplateContext, budget: Budget): Json {
  const [only, ...others] = template;
  if (only !== undefined && typeof only !== "string" && others.length === 0) {
    const value = evaluate(only, context, budget);
    budget.spend(value);
    return value;
  }
  return joined(
    template.values().map((segment) => (typeof segment === "string" ? segment : interpolated(evaluate(segment, context, budget)))),
    budget,
  );
}

/** Takes the pieces one by one, so that no more is made than fits. */
function joined(parts: Iterable<string>, budget: Budget): string {
  const pieces: string[] = [];
  let length = 0;
  for (const piece of parts) {
    length += piece.length;
    if (length > MAX_TEXT_LENGTH) {
      throw refused(`A template would make a text of more than ${MAX_TEXT_LENGTH} characters.`);
    }
    pieces.push(piece);
  }
  const text = pieces.join("");
  budget.spend(text);
  return text;
}

/** A reference without a value, with the error to throw unless a `default` takes its place. */
class Missing {
  readonly error: NodeError;

  constructor(error: NodeError) {
    this.error = error;
  }
}

/** A missing reference passes over the filters up to the next `default`. */
function evaluate(expression: Expression, context: TemplateContext, budget: Budget): Json {
  let value = valueOf(expression.source, context);
  for (const filter of expression.filters) {
    if (value instanceof Missing) {
      value = filter.name === "default" ? at(argumentsOf(filter, context), 0) : value;
    } else {
      budget.work(typeof value === "string" ? value : null);
      value = applyFilter(filter, value, expression, context);
      budget.work(value);
    }
  }
  return orThrow(value);
}

function applyFilter(filter: FilterCall, value: Json, expression: Expression, context: TemplateContext): Json {
  if (filter.name === "default" && value !== null) {
    return value;
  }
  const result = filter.filter.apply(value, argumentsOf(filter, context));
  if (result instanceof Refusal) {
    const source = expression.source.kind === "reference" ? pathText(expression.source) : "a literal";
    throw refused(`The filter "${filter.name}" cannot be applied to ${source}: it ${result.reason}.`);
  }
  return result;
}

function argumentsOf(filter: FilterCall, context: TemplateContext): Json[] {
  return filter.args.map((argument) => orThrow(valueOf(argument, context)));
}

function orThrow(value: Json | Missing): Json {
  if (value instanceof Missing) {
    throw value.error;
  }
  return value;
}

function valueOf(term: Term, context: TemplateContext): Json | Missing {
  return term.kind === "literal" ? term.value : resolve(term, context);
}

function resolve(reference: Reference, context: TemplateContext): Json | Missing {
  let value = ROOTS[reference.scope](reference.name, context);
  if (value === undefined) {
    return missing(reference, reference.scope === "item" || reference.scope === "loop" ? "it is there in the body of a loop only" : `the node "${reference.name}" has no output here`);
  }
  for (const [index, part] of reference.path.entries()) {
    const next = memberOf(value, part);
    if (next === undefined) {
      return missing(reference, `${pathText(reference, index)} is ${kindOf(value)} without ${typeof part === "number" ? `element ${part}` : JSON.stringify(part)}`);
    }
    value = next;
  }
  return value;
}

const ROOTS: Readonly<Record<Reference["scope"], (name: string, context: TemplateContext) => Json | undefined>> = {
  trigger: (_name, context) => context.trigger,
  execution: (_name, context) => context.execution,
  item: (_name, context) => context.item,
  loop: (_name, context) => context.loop,
  node: (name, context) => context.output(name),
  name: (name, context) => context.output(context.nodeOf(name) ?? name),
};

/** Own members only. In an array a key of digits is an index, in an object an index is a key. */
function memberOf(value: Json, part: PathPart): Json | undefined {
  if (Array.isArray(value)) {
    return typeof part === "number" || /^\d{1,9}$/.test(part) ? value[Number(part)] : undefined;
  }
  return isJsonObject(value) && Object.hasOwn(value, part) ? value[part] : undefined;
}

function missing(reference: Reference, reason: string): Missing {
  const message = `The template names ${pathText(reference)}, which is not there: ${reason}.`;
  return new Missing(new NodeError(message, { errorClass: "DATA", code: "TEMPLATE_REFERENCE_MISSING" }));
}

function refused(message: string): NodeError {
  return new NodeError(message, { errorClass: "DATA", code: "TEMPLATE_VALUE_REFUSED" });
}
