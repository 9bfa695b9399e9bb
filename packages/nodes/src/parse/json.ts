import { DANGEROUS_KEYS } from "@fluxo/core/graph/names";
import type { Json } from "@fluxo/core/json";
import { isTooDeep, MAX_JSON_DEPTH } from "../schemas/json.ts";
import { tooLarge, unreadable } from "./unreadable.ts";

/** What happens to members whose names reach JavaScript's object machinery. */
export type DangerousKeys = "refuse" | "drop";

/** Reads JSON. @throws NodeError DATA_UNREADABLE, also for dangerous keys at any depth; DATA_TOO_LARGE when it is nested too deep */
export function readJson(text: string, dangerousKeys: DangerousKeys): Json {
  const value = parse(text);
  if (isTooDeep(value)) {
    throw tooLarge(`The JSON is nested deeper than ${MAX_JSON_DEPTH} levels`);
  }
  return dangerousKeys === "drop" ? without(value) : harmless(value);
}

function parse(text: string): Json {
  try {
    const value: Json = JSON.parse(text);
    return value;
  } catch (error) {
    // The engine's message quotes the text; only its place may be told.
    const place = error instanceof Error ? /\(line \d+ column \d+\)/.exec(error.message)?.[0].slice(1, -1) : undefined;
    throw unreadable("JSON", place ?? "it ends too early, or begins as something else");
  }
}

/** A member that JSON.parse made is an own one, whatever its name; it is refused because others copy members by assignment. */
function harmless(root: Json): Json {
  const pending = [root];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (typeof value !== "object" || value === null) {
      continue;
    }
    for (const [key, member] of Object.entries(value)) {
      if (DANGEROUS_KEYS.has(key) && !Array.isArray(value)) {
        throw unreadable("JSON that may be read", `it has a member named ${key}, which is reserved; dangerousKeys: drop leaves such members out`);
      }
      pending.push(member);
    }
  }
  return root;
}

/** Recurses no deeper than MAX_JSON_DEPTH. */
function without(value: Json): Json {
  if (typeof value !== "object" || value === null) {
    return value;
  }
  if (Array.isArray(value)) {
    return value.map(without);
  }
  return Object.fromEntries(Object.entries(value).flatMap(([key, member]) => (DANGEROUS_KEYS.has(key) ? [] : [[key, without(member)]])));
}
