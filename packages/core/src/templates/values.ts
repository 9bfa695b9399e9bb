import { canonicalJson } from "../canonical-json.ts";
import type { Json, JsonObject } from "../json.ts";

/** Longest text, in UTF-16 code units, that a filter or a template makes. */
export const MAX_TEXT_LENGTH = 1_000_000;

/** Most elements that a filter makes. */
export const MAX_ITEMS = 100_000;

/** How a value reads inside of a text: a text as it is, nothing for null, objects and arrays as canonical JSON. */
export function interpolated(value: Json): string {
  if (value === null) {
    return "";
  }
  if (typeof value === "string") {
    return value;
  }
  return typeof value === "object" ? canonicalJson(value) : String(value);
}

export function isJsonObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What kind of value it is, for messages; they never hold the value itself. */
export function kindOf(value: Json): string {
  if (value === null) {
    return "null";
  }
  if (Array.isArray(value)) {
    return "an array";
  }
  switch (typeof value) {
    case "string":
      return "a text";
    case "number":
      return "a number";
    case "boolean":
      return "a boolean";
    default:
      return "an object";
  }
}
