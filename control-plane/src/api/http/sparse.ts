import type { FieldChoice } from "@fluxo/contracts/http/route-rules";
import { invalid } from "./validate.ts";

const FIELDS_MAX = 50;
const PATH = "/query/fields";

/** The fields that a request asks for; undefined for all. @throws RequestError VALIDATION_FAILED for a list that is none, or a field that there is not */
export function readFields(choice: FieldChoice, given: unknown): ReadonlySet<string> | undefined {
  if (given === undefined) return undefined;
  const names = typeof given === "string" ? given.split(",") : [];
  if (names.length === 0 || names.length > FIELDS_MAX || names.some((name) => !/^[A-Za-z][A-Za-z0-9]{0,63}$/.test(name))) {
    throw invalid([{ path: PATH, code: "invalid_format", message: `must be up to ${FIELDS_MAX} names of fields with commas between them` }]);
  }
  const unknown = names.filter((name) => choice.names?.includes(name) === false);
  if (unknown.length > 0) {
    throw invalid(unknown.map((name) => ({ path: PATH, code: "unknown_field", message: `${name} is no field here; there are ${choice.names?.join(", ") ?? "others"}` })));
  }
  return new Set(names);
}

/** A body with these fields only. What frames a list stays. */
export function onlyFields({ isList }: FieldChoice, fields: ReadonlySet<string>, body: unknown): unknown {
  if (!isList) return pick(body, fields);
  if (!isRecord(body) || !Array.isArray(body["data"])) return body;
  return { ...body, data: body["data"].map((item) => pick(item, fields)) };
}

function pick(value: unknown, fields: ReadonlySet<string>): unknown {
  return isRecord(value) ? Object.fromEntries(Object.entries(value).filter(([name]) => fields.has(name))) : value;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
