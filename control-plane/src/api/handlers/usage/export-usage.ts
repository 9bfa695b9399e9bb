import type { Routes } from "@fluxo/contracts/http/routes";
import { USAGE_METRICS } from "@fluxo/core/usage/metrics";
import type { UsageSpan } from "@fluxo/prisma/usage/columns";
import { hasWorkflow, usageRows, type UsageRow } from "@fluxo/prisma/usage/rows";
import type { Handler } from "../../http/handler.ts";
import { chargedRows, type ChargedRow } from "./charged-rows.ts";
import { csvLine, exportHeaders, inChunks } from "./export-lines.ts";
import { spanOf } from "./span.ts";

const PLACE = ["start", "workflowId", "nodeType", "integration", "model"];
const CHARGES = ["currency", "aiCost", "aiMarkup", "charge"] as const;

/** GET /v1/tenants/{tenantId}/usage/export */
export const exportUsage: Handler<Routes["exportUsage"]> = ({ access, query }, { tenantDb }) => {
  const span = spanOf(query);
  const rows = usageRows(tenantDb, access.tenantId, span);
  const lines = query.format === "csv" ? csvOf([...PLACE, ...USAGE_METRICS], rows, fieldsOf) : jsonOf(rows, objectOf);
  return { status: 200, headers: exportHeaders(`usage-${access.tenantId}-${daysOf(span)}`, query.format), content: inChunks(lines) };
};

/** GET /v1/usage/export */
export const exportAgencyUsage: Handler<Routes["exportAgencyUsage"]> = ({ access, query }, { tenantDb }) => {
  const span = spanOf(query);
  const rows = chargedRows(tenantDb, access.agencyId, span);
  const fields = (row: ChargedRow) => [row.tenantId, row.tenantName, ...fieldsOf(row.usage), ...CHARGES.map((name) => row[name])];
  const lines =
    query.format === "csv"
      ? csvOf(["tenantId", "tenantName", ...PLACE, ...USAGE_METRICS, ...CHARGES], rows, fields)
      : jsonOf(rows, (row) => ({ tenantId: row.tenantId, tenantName: row.tenantName, ...objectOf(row.usage), ...Object.fromEntries(CHARGES.map((name) => [name, row[name]])) }));
  return { status: 200, headers: exportHeaders(`usage-${daysOf(span)}`, query.format), content: inChunks(lines) };
};

function daysOf({ from, to }: UsageSpan): string {
  return `${from.toISOString().slice(0, 10)}-${to.toISOString().slice(0, 10)}`;
}

async function* csvOf<R>(head: readonly string[], rows: AsyncIterable<R>, fields: (row: R) => readonly (string | bigint)[]): AsyncGenerator<string> {
  yield csvLine(head);
  for await (const row of rows) yield csvLine(fields(row));
}

async function* jsonOf<R>(rows: AsyncIterable<R>, toObject: (row: R) => object): AsyncGenerator<string> {
  for await (const row of rows) yield `${JSON.stringify(toObject(row))}\n`;
}

function fieldsOf(row: UsageRow): readonly (string | bigint)[] {
  return [row.start, hasWorkflow(row) ? row.workflowId : "", row.nodeType, row.integration, row.model, ...USAGE_METRICS.map((metric) => row[metric])];
}

function objectOf(row: UsageRow): object {
  const orNull = (text: string): string | null => (text === "" ? null : text);
  const quantities = Object.fromEntries(USAGE_METRICS.map((metric) => [metric, Number(row[metric])]));
  return { start: row.start, workflowId: hasWorkflow(row) ? row.workflowId : null, nodeType: orNull(row.nodeType), integration: orNull(row.integration), model: orNull(row.model), ...quantities };
}
