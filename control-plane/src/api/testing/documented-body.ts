import { z } from "zod";
import type { Schema } from "./from-schema.ts";

/** What a pattern of the document means is said with Unicode in mind, of which this reader knows nothing: the same, in other words. */
const SAME_PATTERNS: Readonly<Record<string, string>> = { [String.raw`^\P{Cc}*$`]: String.raw`^[^\u0000-\u001f\u007f-\u009f]*$` };

/**
 * What the document allows as the body of an operation, read from the document alone and by none of the API's own schemas: what it refuses, the API must refuse.
 * @param components the document's named schemas
 */
export function documentedBody(schema: Schema, components: Readonly<Record<string, Schema>>): z.ZodType {
  const readable = <T>(value: T): T =>
    JSON.parse(JSON.stringify(value).replaceAll("#/components/schemas/", "#/$defs/"), (key, inner: unknown) => (key === "pattern" && typeof inner === "string" ? (SAME_PATTERNS[inner] ?? inner) : inner)) as T;
  return z.fromJSONSchema({ ...readable(schema), $defs: readable(components) });
}
