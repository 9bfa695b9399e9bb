import type { JsonObject } from "../json.ts";

/** The parameters in which templates are read: all but those that a definition takes as written. */
export function templatedParams(params: JsonObject, literalParams: readonly string[] = []): JsonObject {
  return literalParams.length === 0 ? params : Object.fromEntries(Object.entries(params).filter(([key]) => !literalParams.includes(key)));
}
