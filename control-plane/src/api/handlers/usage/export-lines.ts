/** Lines are sent in portions of about so many characters. */
const CHUNK_LENGTH = 16_384;

/** A line of fields as RFC 4180 has it. */
export function csvLine(fields: readonly (string | bigint)[]): string {
  return `${fields.map((field) => (typeof field === "string" ? csvField(field) : String(field))).join(",")}\r\n`;
}

/** Spreadsheets run what begins like a formula; names of models and tenants come from outside. */
function csvField(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export async function* inChunks(lines: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  let chunk = "";
  for await (const line of lines) {
    chunk += line;
    if (chunk.length < CHUNK_LENGTH) continue;
    yield Buffer.from(chunk, "utf8");
    chunk = "";
  }
  if (chunk !== "") yield Buffer.from(chunk, "utf8");
}

/** The headers of an export. @param name of the file, without its ending */
export function exportHeaders(name: string, format: "csv" | "ndjson"): { readonly "Content-Type": string; readonly "Content-Disposition": string } {
  return { "Content-Type": format === "csv" ? "text/csv; charset=utf-8" : "application/x-ndjson", "Content-Disposition": `attachment; filename="${name}.${format}"` };
}
