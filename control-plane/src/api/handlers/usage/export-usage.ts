import type { Routes } from "@fluxo/contracts/http/routes";
import { USAGE_METRICS } from "@fluxo/core/usage/metrics";
import { hasWorkflow, usageRows, type UsageRow } from "@fluxo/prisma/usage/rows";
import type { Handler } from "../../http/handler.ts";
import { spanOf } from "./span.ts";

const HEAD = ["start", "workflowId", "nodeType", "integration", "model", ...USAGE_METRICS];
/** Lines are sent in portions of about so many characters. */
const CHUNK_LENGTH = 16_384;

/** GET /v1/tenants/{tenantId}/usage/export */
export const exportUsage: Handler<Routes["exportUsage"]> = ({ access, query }, { tenantDb }) => {
  const span = spanOf(query);
  const rows = usageRows(tenantDb, access.tenantId, span);
  const isCsv = query.format === "csv";
  const name = `usage-${access.tenantId}-${span.from.toISOString().slice(0, 10)}-${span.to.toISOString().slice(0, 10)}.${query.format}`;
  const headers = { "Content-Type": isCsv ? "text/csv; charset=utf-8" : "application/x-ndjson", "Content-Disposition": `attachment; filename="${name}"` };
  return { status: 200, headers, content: inChunks(isCsv ? csvLines(rows) : jsonLines(rows)) };
};

async function* csvLines(rows: AsyncIterable<UsageRow>): AsyncGenerator<string> {
  yield `${HEAD.join(",")}\r\n`;
  for await (const row of rows) {
    const texts = [row.start, hasWorkflow(row) ? row.workflowId : "", row.nodeType, row.integration, row.model].map(csvField);
    yield `${[...texts, ...USAGE_METRICS.map((metric) => row[metric])].join(",")}\r\n`;
  }
}

async function* jsonLines(rows: AsyncIterable<UsageRow>): AsyncGenerator<string> {
  for await (const row of rows) {
    const orNull = (text: string): string | null => (text === "" ? null : text);
    const quantities = Object.fromEntries(USAGE_METRICS.map((metric) => [metric, Number(row[metric])]));
    yield `${JSON.stringify({ start: row.start, workflowId: hasWorkflow(row) ? row.workflowId : null, nodeType: orNull(row.nodeType), integration: orNull(row.integration), model: orNull(row.model), ...quantities })}\n`;
  }
}

/** A field as RFC 4180 has it. Spreadsheets run what begins like a formula; names of models come from tenants. */
function csvField(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

async function* inChunks(lines: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  let chunk = "";
  for await (const line of lines) {
    chunk += line;
    if (chunk.length < CHUNK_LENGTH) continue;
    yield Buffer.from(chunk, "utf8");
    chunk = "";
  }
  if (chunk !== "") yield Buffer.from(chunk, "utf8");
}
