import type { Json, JsonObject } from "@fluxo/core/json";
import { stringify } from "csv-stringify/sync";
import { numberOf } from "../paths/number.ts";

export interface CsvOutput {
  readonly rows: readonly (Json[] | JsonObject)[];
  /** Names of the columns, in order; null takes all names of all rows. */
  readonly columns: readonly string[] | null;
  readonly delimiter: string;
  readonly hasHeader: boolean;
  readonly bom: boolean;
  readonly escapeFormulas: boolean;
}

/** Beginnings that spreadsheets take for a formula, also behind white space and in their full-width forms (OWASP, CSV Injection). */
const FORMULA = /^\s*[=+\-@\t\r\n|%\uFF1D\uFF0B\uFF0D\uFF20]/;

/** Writes CSV (RFC 4180) with line feeds. Objects and lists inside of a row are written as JSON. */
export function writeCsv({ rows, columns, delimiter, hasHeader, bom, escapeFormulas }: CsvOutput): string {
  const isOfLists = rows.some((row) => Array.isArray(row));
  const names = isOfLists ? [] : (columns ?? [...new Set(rows.flatMap((row) => Object.keys(row)))]);
  const cellOf = (value: Json | undefined): string => (escapeFormulas ? harmless(textOf(value), value) : textOf(value));
  const cells = rows.map((row) => (Array.isArray(row) ? row.map(cellOf) : names.map((name) => cellOf(Object.hasOwn(row, name) ? row[name] : undefined))));
  const header = hasHeader && names.length > 0 ? [names.map((name) => cellOf(name))] : [];
  return stringify([...header, ...cells], { delimiter, bom, quoted_match: /^$|\r/, quoted_empty: cells.some((row) => row.length <= 1) });
}

function textOf(value: Json | undefined): string {
  if (value === undefined || value === null) {
    return "";
  }
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** A number, also in a text, is no formula. */
function harmless(text: string, value: Json | undefined): string {
  return typeof value !== "number" && FORMULA.test(text) && numberOf(text) === undefined ? `'${text}` : text;
}
