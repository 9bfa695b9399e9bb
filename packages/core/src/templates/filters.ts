import { canonicalJson } from "../canonical-json.ts";
import { compareText } from "../collections.ts";
import type { Json } from "../json.ts";
import { parseInstant } from "./dates.ts";
import { interpolated, isJsonObject, kindOf, MAX_ITEMS, MAX_TEXT_LENGTH } from "./values.ts";

/** A filter's answer that it cannot be applied: `reason` completes "the filter …". */
export class Refusal {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

/** A pure function of a value. Total: it answers with a value or a refusal, never throws, and both its work and its result are bounded. */
export interface Filter {
  readonly minArgs: number;
  readonly maxArgs: number;
  readonly apply: (value: Json, args: readonly Json[]) => Json | Refusal;
}

/** Longest text that `replace` and `split` look for: searching costs length × length at worst. */
const MAX_NEEDLE_LENGTH = 100;

/** Every filter of the template language. */
export const FILTERS: ReadonlyMap<string, Filter> = new Map<string, Filter>([
  ["default", { minArgs: 1, maxArgs: 1, apply: (value, [fallback = null]) => value ?? fallback }],
  ["json", plain((value) => boundedText(canonicalJson(value)))],
  ["parseJson", ofText(parseJson)],
  ["upper", ofText((text) => boundedText(text.toUpperCase()))],
  ["lower", ofText((text) => boundedText(text.toLowerCase()))],
  ["trim", ofText((text) => text.trim())],
  ["string", plain((value) => boundedText(interpolated(value)))],
  ["number", plain(toNumber)],
  ["boolean", plain(toBoolean)],
  ["join", { minArgs: 0, maxArgs: 1, apply: (value, [separator = ","]) => join(value, separator) }],
  ["split", { minArgs: 1, maxArgs: 1, apply: (value, [separator = ""]) => split(value, separator) }],
  ["first", ofArray((items) => items[0] ?? null)],
  ["last", ofArray((items) => items.at(-1) ?? null)],
  ["length", plain(lengthOf)],
  ["keys", ofEntries((entries) => entries.map(([key]) => key))],
  ["values", ofEntries((entries) => entries.map(([, value]) => value))],
  ["replace", { minArgs: 2, maxArgs: 2, apply: (value, [search = "", replacement = ""]) => replace(value, search, replacement) }],
  ["slice", { minArgs: 1, maxArgs: 2, apply: (value, [start = 0, end]) => slice(value, start, end) }],
  ["round", { minArgs: 0, maxArgs: 1, apply: (value, [digits = 0]) => round(value, digits) }],
  ["isoDate", { minArgs: 0, maxArgs: 1, apply: (value, [unit = "ms"]) => isoDate(value, unit) }],
  ["urlEncode", ofText((text) => boundedText(encodeURIComponent(text.toWellFormed())))],
]);

function plain(apply: (value: Json) => Json | Refusal): Filter {
  return { minArgs: 0, maxArgs: 0, apply };
}

function ofText(apply: (text: string) => Json | Refusal): Filter {
  return plain((value) => (typeof value === "string" ? apply(value) : needs("a text", value)));
}

function ofArray(apply: (items: readonly Json[]) => Json | Refusal): Filter {
  return plain((value) => (Array.isArray(value) ? apply(value) : needs("an array", value)));
}

/** Entries in the order of their keys: the order in which an object was stored is not kept by every store. */
function ofEntries(apply: (entries: readonly (readonly [string, Json])[]) => Json): Filter {
  return plain((value) => {
    if (!isJsonObject(value)) {
      return needs("an object", value);
    }
    return apply(Object.entries(value).toSorted(([left], [right]) => compareText(left, right)));
  });
}

function needs(expected: string, value: Json): Refusal {
  return new Refusal(`needs ${expected}, and got ${kindOf(value)}`);
}

function boundedText(text: string): string | Refusal {
  return text.length > MAX_TEXT_LENGTH ? new Refusal(`would make a text of more than ${MAX_TEXT_LENGTH} characters`) : text;
}

function parseJson(text: string): Json | Refusal {
  if (text.length > MAX_TEXT_LENGTH) {
    return new Refusal(`reads at most ${MAX_TEXT_LENGTH} characters`);
  }
  try {
    const parsed: Json = JSON.parse(text);
    return parsed;
  } catch {
    return new Refusal("needs a text that is JSON");
  }
}

function toNumber(value: Json): Json | Refusal {
  if (typeof value === "number") {
    return value;
  }
  const text = typeof value === "string" ? value.trim() : "";
  const isNumber = text.length <= 400 && /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) && Number.isFinite(Number(text));
  return isNumber ? Number(text) : needs("a text that is a number", value);
}

function toBoolean(value: Json): Json | Refusal {
  switch (typeof value === "string" ? value.trim().toLowerCase() : value) {
    case true:
    case 1:
    case "true":
    case "1":
    case "yes":
      return true;
    case false:
    case 0:
    case "false":
    case "0":
    case "no":
      return false;
    default:
      return needs("true or false, 1 or 0, yes or no", value);
  }
}

function join(value: Json, separator: Json): Json | Refusal {
  if (!Array.isArray(value)) {
    return needs("an array", value);
  }
  if (typeof separator !== "string") {
    return needs("a text between the elements", separator);
  }
  const pieces: string[] = [];
  let length = 0;
  for (const item of value) {
    const piece = interpolated(item);
    length += piece.length + (pieces.length === 0 ? 0 : separator.length);
    if (length > MAX_TEXT_LENGTH) {
      return new Refusal(`would make a text of more than ${MAX_TEXT_LENGTH} characters`);
    }
    pieces.push(piece);
  }
  return pieces.join(separator);
}

function split(value: Json, separator: Json): Json | Refusal {
  if (typeof value !== "string") {
    return needs("a text", value);
  }
  if (typeof separator !== "string" || separator.length > MAX_NEEDLE_LENGTH) {
    return new Refusal(`needs a text of at most ${MAX_NEEDLE_LENGTH} characters to split at`);
  }
  const pieces = separator === "" ? Array.from(value.slice(0, 2 * (MAX_ITEMS + 1))) : value.split(separator, MAX_ITEMS + 1);
  return pieces.length > MAX_ITEMS ? new Refusal(`would make more than ${MAX_ITEMS} elements`) : pieces;
}

/** Characters are code points, so that an emoji counts once. */
function lengthOf(value: Json): Json | Refusal {
  if (typeof value === "string") {
    let length = 0;
    for (const _character of value) {
      length += 1;
    }
    return length;
  }
  if (Array.isArray(value)) {
    return value.length;
  }
  return isJsonObject(value) ? Object.keys(value).length : needs("a text, an array or an object", value);
}

function replace(value: Json, search: Json, replacement: Json): Json | Refusal {
  if (typeof value !== "string") {
    return needs("a text", value);
  }
  if (typeof search !== "string" || search === "" || search.length > MAX_NEEDLE_LENGTH) {
    return new Refusal(`needs a text of 1 to ${MAX_NEEDLE_LENGTH} characters to look for`);
  }
  if (typeof replacement !== "string") {
    return needs("a text to put in place", replacement);
  }
  const pieces = value.split(search);
  const length = value.length + (pieces.length - 1) * (replacement.length - search.length);
  return length > MAX_TEXT_LENGTH ? new Refusal(`would make a text of more than ${MAX_TEXT_LENGTH} characters`) : pieces.join(replacement);
}

/** As in JavaScript, negative places count from the end; in a text places are code points, so that no character is cut in half. */
function slice(value: Json, start: Json, end: Json | undefined): Json | Refusal {
  if (!Number.isSafeInteger(start) || !(end === undefined || Number.isSafeInteger(end))) {
    return new Refusal("needs whole numbers for start and end");
  }
  const [from, to] = [Number(start), end === undefined ? undefined : Number(end)];
  if (Array.isArray(value)) {
    return value.slice(from, to);
  }
  return typeof value === "string" ? [...value].slice(from, to).join("") : needs("a text or an array", value);
}

/** To the nearest; halves away from zero. */
function round(value: Json, digits: Json): Json | Refusal {
  if (typeof value !== "number") {
    return needs("a number", value);
  }
  if (typeof digits !== "number" || !Number.isInteger(digits) || digits < 0 || digits > 15) {
    return new Refusal("needs 0 to 15 digits");
  }
  return Number(value.toFixed(digits)) + 0;
}

/** An instant as ISO 8601 in UTC with milliseconds; a number counts from 1970 in milliseconds, with the argument "s" in seconds. */
function isoDate(value: Json, unit: Json): Json | Refusal {
  if (unit !== "ms" && unit !== "s") {
    return new Refusal('needs the unit "ms" or "s"');
  }
  const instant = typeof value === "string" ? parseInstant(value.trim()) : value;
  const date = new Date(typeof instant === "number" ? instant * (unit === "s" && typeof value === "number" ? 1_000 : 1) : Number.NaN);
  return Number.isNaN(date.getTime()) ? needs("a date, or a number that is one", value) : date.toISOString();
}
