import type { NodeFailure } from "@fluxo/core/errors/failure";
import type { Json } from "@fluxo/core/json";
import type { NodeUsage } from "@fluxo/core/node/executor";
import type { NodeStatus } from "@fluxo/core/status/execution-status";
import type { ScopedDb } from "../database/tenant-db.ts";
import { findPayloads, resolve } from "./executions.ts";

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
  readonly usage: NodeUsage | null;
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
function typed<R extends StoredRow>(row: R): R & { readonly status: NodeStatus; readonly failure: NodeFailure | null; readonly attempts: readonly NodeFailure[]; readonly usage: NodeUsage | null } {
  return row as R & { readonly status: NodeStatus; readonly failure: NodeFailure | null; readonly attempts: readonly NodeFailure[]; readonly usage: NodeUsage | null };
}

/** The journal of an execution in plan order, in one query and one more for stored outputs. @param db of the tenant */
export async function findJournal(db: ScopedDb, tenantId: string, executionId: string, options: { readonly hasOutputs: boolean }): Promise<readonly JournalRecord[]> {
  const where = { tenantId, executionId };
  const orderBy = [{ position: "asc" as const }, { item: "asc" as const }];
  if (!options.hasOutputs) return (await db.nodeExecution.findMany({ where, select, orderBy })).map(typed);
  const rows = await db.nodeExecution.findMany({ where, select: { ...select, output: true, outputRef: true }, orderBy });
  const stored = await findPayloads(db, tenantId, rows.map((row) => row.outputRef));
  return rows.map(({ output, outputRef, ...row }) => ({ ...typed(row), output: resolve(output, outputRef, stored) }));
}
