import { DANGEROUS_KEYS } from "@fluxo/core/graph/names";
import type { JsonObject } from "@fluxo/core/json";
import { CsvError, parse } from "csv-parse/sync";
import { tooLarge, unreadable } from "./unreadable.ts";

export interface CsvInput {
  readonly text: string;
  readonly delimiter: string;
  readonly quote: string;
  readonly hasHeader: boolean;
  readonly trim: boolean;
  readonly rowsMax: number;
  readonly columnsMax: number;
}

/**
 * Reads CSV (RFC 4180): objects by the names of the header, or lists of texts without one. All values are texts. A byte order mark and empty lines are passed over.
 * @throws NodeError DATA_UNREADABLE, DATA_TOO_LARGE
 */
export function readCsv(input: CsvInput): (string[] | JsonObject)[] {
  const rows = rowsOf(input);
  if (rows.length - (input.hasHeader ? 1 : 0) > input.rowsMax) {
    throw tooLarge(`The CSV has more than ${input.rowsMax} rows`);
  }
  const [first = []] = rows;
  if (first.length > input.columnsMax) {
    throw tooLarge(`The CSV has more than ${input.columnsMax} columns`);
  }
  if (!input.hasHeader) {
    return rows;
  }
  const names = namesOf(first);
  return rows.slice(1).map((row) => Object.fromEntries(names.map((name, index) => [name, row[index] ?? ""])));
}

function rowsOf({ text, delimiter, quote, trim, rowsMax }: CsvInput): string[][] {
  try {
    return parse(text, { bom: true, delimiter, quote, escape: quote, trim, skip_empty_lines: true, max_record_size: text.length + 1, to: rowsMax + 2 });
  } catch (error) {
    if (!(error instanceof CsvError)) {
      throw error;
    }
    // The library's message quotes the text.
    throw unreadable("CSV", `${reasonOf(error.code)}${typeof error["lines"] === "number" ? ` (line ${error["lines"]})` : ""}`);
  }
}

function reasonOf(code: string): string {
  switch (code) {
    case "CSV_RECORD_INCONSISTENT_FIELDS_LENGTH":
      return "a row has more or fewer columns than the first";
    case "CSV_QUOTE_NOT_CLOSED":
      return "a quote is not closed";
    case "CSV_INVALID_CLOSING_QUOTE":
    case "INVALID_OPENING_QUOTE":
      return "a quote stands where none may be";
    default:
      return "it cannot be taken apart";
  }
}

/** Names of columns that differ: empty ones are called by their place, repeated ones get a number. */
function namesOf(header: readonly string[]): string[] {
  const taken = new Set<string>();
  return header.map((cell, index) => {
    const base = cell.trim() === "" ? `column${index + 1}` : cell.trim();
    if (DANGEROUS_KEYS.has(base)) {
      throw unreadable("CSV that may be read", `column ${index + 1} is named ${base}, which is reserved`);
    }
    let name = base;
    for (let number = 2; taken.has(name); number += 1) {
      name = `${base}_${number}`;
    }
    taken.add(name);
    return name;
  });
}
