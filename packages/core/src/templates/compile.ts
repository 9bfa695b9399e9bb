import { NodeError } from "../errors/node-error.ts";
import { jsonPointer } from "../json-pointer.ts";
import type { Json, JsonObject } from "../json.ts";
import { hasTemplate, parseTemplate, type Expression, type Reference, type Template, type Term } from "./parse.ts";

/** Most levels of objects and arrays in parameters, the outermost counted. */
export const MAX_PARAMS_DEPTH = 64;

/** A value whose texts are parsed. A part without templates stays as it is. */
export type Compiled =
  | { readonly kind: "constant"; readonly value: Json }
  | { readonly kind: "template"; readonly template: Template }
  | { readonly kind: "array"; readonly items: readonly Compiled[] }
  | { readonly kind: "object"; readonly entries: readonly CompiledEntry[] };

type CompiledEntry = readonly [key: string, value: Compiled];

/** A reference and the JSON pointer of the text that holds it. */
export interface LocatedReference {
  readonly path: string;
  readonly reference: Reference;
}

/** A text that is no template, or a value that is nested too deep, with its JSON pointer. */
export interface TemplateProblem {
  readonly path: string;
  readonly error: NodeError;
}

export interface CompileResult {
  readonly compiled: Compiled;
  readonly references: readonly LocatedReference[];
  readonly problems: readonly TemplateProblem[];
}

interface Findings {
  readonly references: LocatedReference[];
  readonly problems: TemplateProblem[];
}

/** Parses every text in a value (keys are not templates) and collects all that is wrong with them. Never throws. `path` is where the value stands. */
export function compileValue(value: Json, path: readonly string[] = []): CompileResult {
  const findings: Findings = { references: [], problems: [] };
  const compiled = compile(value, path, findings);
  return { compiled, ...findings };
}

/** Recursion ends at MAX_PARAMS_DEPTH. */
function compile(value: Json, path: readonly PropertyKey[], findings: Findings): Compiled {
  if (typeof value === "string" && hasTemplate(value)) {
    return compileText(value, path, findings);
  }
  if (typeof value !== "object" || value === null) {
    return { kind: "constant", value };
  }
  if (path.length === MAX_PARAMS_DEPTH) {
    const error = new NodeError(`Parameters may have at most ${MAX_PARAMS_DEPTH} levels.`, { errorClass: "DATA", code: "PARAMS_INVALID" });
    findings.problems.push({ path: jsonPointer(path), error });
    return { kind: "constant", value: null };
  }
  return Array.isArray(value) ? compileArray(value, path, findings) : compileObject(value, path, findings);
}

function compileText(text: string, path: readonly PropertyKey[], findings: Findings): Compiled {
  try {
    const template = parseTemplate(text);
    const pointer = jsonPointer(path);
    for (const reference of template.flatMap(referencesOf)) {
      findings.references.push({ path: pointer, reference });
    }
    return { kind: "template", template };
  } catch (error) {
    if (!(error instanceof NodeError)) {
      throw error;
    }
    findings.problems.push({ path: jsonPointer(path), error });
    return { kind: "constant", value: null };
  }
}

function compileArray(value: Json[], path: readonly PropertyKey[], findings: Findings): Compiled {
  const items = value.map((item, index) => compile(item, [...path, index], findings));
  return items.every(isUntouched) ? { kind: "constant", value } : { kind: "array", items };
}

function compileObject(value: JsonObject, path: readonly PropertyKey[], findings: Findings): Compiled {
  const entries = Object.entries(value).map(([key, item]): CompiledEntry => [key, compile(item, [...path, key], findings)]);
  return entries.every(([, item]) => isUntouched(item)) ? { kind: "constant", value } : { kind: "object", entries };
}

function isUntouched(compiled: Compiled): boolean {
  return compiled.kind === "constant";
}

function referencesOf(segment: string | Expression): Reference[] {
  if (typeof segment === "string") {
    return [];
  }
  const terms: Term[] = [segment.source, ...segment.filters.flatMap((filter) => filter.args)];
  return terms.filter((term) => term.kind === "reference");
}
