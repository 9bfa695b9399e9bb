import type { Json } from "@fluxo/core/json";
import { z } from "zod";

/** Leads to a member of a body: names and array indexes with dots between them. */
export const jsonPathSchema = z
  .string()
  .max(512)
  .regex(/^[^.]+(?:\.[^.]+)*$/, "must be names and indexes with dots between them, such as data.items");

/** The member that a path leads to, the value itself for the empty path; undefined when there is none. Own members only. */
export function memberAt(root: Json, path: string): Json | undefined {
  let value: Json | undefined = root;
  for (const part of path === "" ? [] : path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) {
      return undefined;
    }
    value = Array.isArray(value) ? value[Number(part)] : value[part];
  }
  return value;
}
