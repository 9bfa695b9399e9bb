import type { Json } from "@fluxo/core/json";
import { parseSqlArray } from "./sql-array.ts";

/** Object ids of types, which are the same in every PostgreSQL (pg_type.dat). */
const BOOL = 16;
const BYTEA = 17;
const INT2 = 21;
const INT4 = 23;
const TEXT = 25;
const OID = 26;
const JSON_TYPE = 114;
const FLOAT4 = 700;
const FLOAT8 = 701;
const TIMESTAMP = 1114;
const TIMESTAMPTZ = 1184;
const JSONB = 3802;

/** The type of the elements, by the type of the array. */
const ELEMENT_TYPES: ReadonlyMap<number, number> = new Map([
  [1000, BOOL], [1001, BYTEA], [1005, INT2], [1007, INT4], [1028, OID], [1021, FLOAT4], [1022, FLOAT8], [199, JSON_TYPE], [3807, JSONB], [1115, TIMESTAMP], [1185, TIMESTAMPTZ],
  // Elements that stay text: bigint, numeric, money, text, varchar, char, name, uuid, date, time, timetz, interval, inet, cidr.
  ...[1016, 1231, 791, 1009, 1015, 1014, 1003, 2951, 1182, 1183, 1270, 1187, 1041, 651].map((array): [number, number] => [array, TEXT]),
]);

/** The JSON for a value as the server writes it in text, by its type. The session has ISO dates, the zone UTC and hex bytea. */
export function jsonFromSql(type: number, text: string | null): Json {
  if (text === null) return null;
  switch (type) {
    case BOOL:
      return text === "t";
    case INT2:
    case INT4:
    case OID:
    case FLOAT4:
    case FLOAT8:
      return Number.isFinite(Number(text)) ? Number(text) : text;
    case JSON_TYPE:
    case JSONB: {
      const value: Json = JSON.parse(text);
      return value;
    }
    case BYTEA:
      return Buffer.from(text.slice(2), "hex").toString("base64");
    case TIMESTAMP:
      return text.replace(" ", "T");
    case TIMESTAMPTZ:
      return text.replace(" ", "T").replace(/\+00$/, "Z");
    default: {
      const element = ELEMENT_TYPES.get(type);
      return element === undefined ? text : parseSqlArray(text, (item) => jsonFromSql(element, item));
    }
  }
}
