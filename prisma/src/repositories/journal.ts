import type { NodeFailure } from "@fluxo/core/errors/failure";
import type { Json } from "@fluxo/core/json";
import type { JournalUsage } from "@fluxo/core/node/usage";
import type { NodeStatus } from "@fluxo/core/status/execution-status";
import type { ScopedDb } from "../database/tenant-db.ts";
import { findPayloads, resolve } from "./executions.ts";
import { pageOfRows, type Page } from "./page.ts";

/** What one node did in an execution, as it is shown. */
export interface JournalRecord {
  readonly nodeId: string;
  readonly item: number;
  readonly position: number;
  readonly nodeType: string;
  readonly nodeName: string;
  readonly integration: string | null;
  readonly status: NodeStatus;
  readonly reason: string | null;
  readonly attempt: number;
  readonly ports: readonly string[];
  readonly usage: JournalUsage | null;
  /** Absent when outputs were not asked for. */
  readonly output?: Json;
  readonly failure: NodeFailure | null;
  readonly attempts: readonly NodeFailure[];
  readonly startedAt: Date | null;
  readonly completedAt: Date | null;
  readonly resumeAt: Date | null;
  /** Taken over from the execution that this one repeats. */
  readonly isSeeded: boolean;
}

const select = {
  nodeId: true,
  item: true,
  position: true,
  nodeType: true,
  nodeName: true,
  integration: true,
  status: true,
  reason: true,
  attempt: true,
  ports: true,
  usage: true,
  failure: true,
  attempts: true,
  startedAt: true,
  completedAt: true,
  resumeAt: true,
  isSeeded: true,
} as const;

interface StoredRow {
  readonly status: string;
  readonly failure: unknown;
  readonly attempts: unknown;
  readonly usage: unknown;
}

/** The columns hold what `recordNodes` wrote from values of these types; a check constraint keeps the status to the known ones. */
function typed<R extends StoredRow>(row: R): R & { readonly status: NodeStatus; readonly failure: NodeFailure | null; readonly attempts: readonly NodeFailure[]; readonly usage: JournalUsage | null } {
  return row as R & { readonly status: NodeStatus; readonly failure: NodeFailure | null; readonly attempts: readonly NodeFailure[]; readonly usage: JournalUsage | null };
}

/** Which rows of a journal, where not all. */
export interface JournalFilter {
  readonly nodeId?: string | undefined;
  readonly item?: number | undefined;
}

/** Where a page ended. */
export type JournalPlace = Pick<JournalRecord, "position" | "item" | "nodeId">;

/** Plan order; the node's id only makes it total. */
const orderBy = [{ position: "asc" as const }, { item: "asc" as const }, { nodeId: "asc" as const }];

/** The whole journal of an execution in plan order, without outputs. @param db of the tenant */
export async function findJournal(db: ScopedDb, tenantId: string, executionId: string): Promise<readonly JournalRecord[]> {
  return (await db.nodeExecution.findMany({ where: { tenantId, executionId }, select, orderBy })).map(typed);
}

/** A page of a journal in plan order, in one query and one more for stored outputs. @param db of the tenant */
export async function listJournal(
  db: ScopedDb,
  { tenantId, executionId }: { readonly tenantId: string; readonly executionId: string },
  filter: JournalFilter,
  { hasOutputs, limit, after }: { readonly hasOutputs: boolean; readonly limit: number; readonly after?: JournalPlace | undefined },
): Promise<Page<JournalRecord>> {
  const where = { tenantId, executionId, ...Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined)), ...(after === undefined ? {} : behind(after)) };
  if (!hasOutputs) return pageOfRows((await db.nodeExecution.findMany({ where, select, orderBy, take: limit + 1 })).map(typed), limit);
  const { items, hasMore } = pageOfRows(await db.nodeExecution.findMany({ where, select: { ...select, output: true, outputRef: true }, orderBy, take: limit + 1 }), limit);
  const stored = await findPayloads(db, tenantId, items.map((row) => row.outputRef));
  return { items: items.map(({ output, outputRef, ...row }) => ({ ...typed(row), output: resolve(output, outputRef, stored) })), hasMore };
}

function behind({ position, item, nodeId }: JournalPlace) {
  return { OR: [{ position: { gt: position } }, { position, item: { gt: item } }, { position, item, nodeId: { gt: nodeId } }] };
}

/** The first row, in plan order, that waits for the end of an outage. @param db of the tenant */
export async function findOutageWait(db: ScopedDb, tenantId: string, executionId: string): Promise<JournalRecord | undefined> {
  const row = await db.nodeExecution.findFirst({ where: { tenantId, executionId, status: "WAITING", failure: { path: ["code"], equals: "INTEGRATION_OUTAGE" } }, select, orderBy });
  return row === null ? undefined : typed(row);
}
