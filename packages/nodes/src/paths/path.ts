import { NodeError } from "@fluxo/core/errors/node-error";
import type { Json } from "@fluxo/core/json";
import { jsonPointer } from "@fluxo/core/json-pointer";
import { z } from "zod";

/** The place of an element in an array, as a part of a path. */
const INDEX = /^(?:0|[1-9]\d{0,8})$/;

/** Leads to a value inside of an item: names and array indexes with dots between them. */
export const pathSchema = z
  .string()
  .max(256)
  .regex(/^[^.]+(?:\.[^.]+)*$/, "must be names and indexes with dots between them, such as customer.emails.0");

/** The value that a path leads to; the root without a path; undefined when there is none. Own members only, whatever they are called. */
export function valueAt(root: Json, path: string | undefined): Json | undefined {
  let value: Json | undefined = root;
  for (const part of path === undefined ? [] : path.split(".")) {
    if (typeof value !== "object" || value === null) {
      return undefined;
    }
    if (Array.isArray(value)) {
      value = INDEX.test(part) ? value[Number(part)] : undefined;
    } else {
      value = Object.hasOwn(value, part) ? value[part] : undefined;
    }
  }
  return value;
}

/** The refusal of a value inside of a list, which names its place and never the value. @param list the parameter that holds the list */
export function refuseItem(list: string, index: number, path: string | undefined, rule: string): NodeError {
  const pointer = jsonPointer([list, index, ...(path === undefined ? [] : path.split("."))]);
  return new NodeError(`The value at ${pointer} ${rule}.`, { errorClass: "DATA", code: "PARAMS_INVALID" });
}
