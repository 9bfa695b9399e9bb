import { inPlainWords } from "@fluxo/core/errors/plain-words";
import { RequestError, type FieldIssue } from "@fluxo/core/errors/request-error";
import { jsonPointer } from "@fluxo/core/json-pointer";
import { z } from "zod";

export type Part = "body" | "query" | "params" | "headers";

/** What the schema makes of one part of a request. @throws RequestError VALIDATION_FAILED with a pointer per fault */
export function validatePart(schema: z.ZodType | undefined, value: unknown, part: Part): unknown {
  if (schema === undefined) return undefined;
  if (part === "params" || part === "query") refuseZero(value, part);
  if (part === "query" && schema instanceof z.ZodObject) refuseRepeats(schema, value);
  const parsed = schema.safeParse(value, { error: inPlainWords });
  if (parsed.success) return parsed.data;
  throw invalid(toFieldIssues(parsed.error.issues, part));
}

/** PostgreSQL has no text with the character zero, which an address can hold as `%00`; JSON bodies are looked at where they are read. */
function refuseZero(values: unknown, part: Part): void {
  const held = Object.entries(values ?? {}).filter(([, value]) => [value].flat().some((text) => typeof text === "string" && text.includes("\0")));
  if (held.length > 0) throw invalid(held.map(([name]) => ({ path: jsonPointer([part, name]), code: "invalid_format", message: "must not hold the character U+0000" })));
}

/** A parameter that came twice has no value that is more right than the other. */
function refuseRepeats(schema: z.ZodObject, values: unknown): void {
  const repeated = Object.entries(values ?? {}).filter(([name, value]) => Array.isArray(value) && Object.hasOwn(schema.shape, name) && !isList(schema.shape[name]));
  if (repeated.length > 0) throw invalid(repeated.map(([name]) => ({ path: jsonPointer(["query", name]), code: "repeated", message: "may be given once only" })));
}

/** @returns the error that says which fields are at fault */
export function invalid(issues: readonly FieldIssue[]): RequestError {
  const [first] = issues;
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : "";
  return new RequestError("VALIDATION_FAILED", { issues, ...(first === undefined ? {} : { detail: `${first.path}: ${first.message}${more}` }) });
}

function toFieldIssues(issues: readonly z.core.$ZodIssue[], part: Part): FieldIssue[] {
  return issues.flatMap((issue): FieldIssue[] => {
    const path = [part, ...issue.path];
    if (issue.code === "unrecognized_keys") return issue.keys.map((key) => ({ path: jsonPointer([...path, key]), code: issue.code, message: "is not known here" }));
    return [{ path: jsonPointer(path), code: issue.code, message: issue.message }];
  });
}

/** A query with every declared list as an array, also when the parameter came once. */
export function withLists(schema: z.ZodObject, query: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(query).map(([name, value]) => [name, typeof value === "string" && isList(Object.hasOwn(schema.shape, name) ? schema.shape[name] : undefined) ? [value] : value]),
  );
}

function isList(schema: unknown): boolean {
  let inner = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault) inner = inner.unwrap();
  return inner instanceof z.ZodArray;
}
