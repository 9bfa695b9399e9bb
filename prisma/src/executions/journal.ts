import type { NodeFailure } from "@fluxo/core/errors/failure";
import type { Json } from "@fluxo/core/json";
import type { JournalUsage } from "@fluxo/core/node/usage";
import type { NodeStatus } from "@fluxo/core/status/execution-status";
import type pg from "pg";
import { byTenant } from "../database/by-tenant.ts";
import { toJsonb } from "../database/jsonb.ts";
import { inlineOrReference } from "./intake.ts";

/** What one node did, as it is written. */
export interface JournalRow {
  readonly tenantId: string;
  readonly executionId: string;
  readonly epoch: number;
  readonly nodeId: string;
  readonly item: number;
  readonly position: number;
  readonly nodeType: string;
  readonly nodeName: string;
  readonly integration: string | null;
  readonly status: NodeStatus;
  /** 0 for a node that was never tried. */
  readonly attempt: number;
  readonly ports: readonly string[];
  /** Of the attempts since the row was written last: what they used is added to what the row tells already. */
  readonly usage: JournalUsage | null;
  readonly output: Json;
  /** Id for the stored output if it is above the inline threshold. */
  readonly payloadId: string;
  readonly failure: NodeFailure | null;
  readonly attempts: readonly NodeFailure[];
  readonly startedAt: Date | null;
  readonly completedAt: Date | null;
  readonly resumeAt: Date | null;
  readonly reason: string | null;
}

/**
 * Writes journal rows of any number of executions and tenants in one statement.
 * @param db fluxo_app
 * @returns ids of executions whose lease is no longer this worker's: none of their rows was written
 */
export async function recordNodes(db: pg.Pool, rows: readonly JournalRow[]): Promise<ReadonlySet<string>> {
  const given = rows.map(({ output, payloadId, ...row }) => ({ ...row, ...(output === null ? {} : inlineOrReference("output", output, payloadId)) }));
  const answer = await db.query<{ execution_id: string }>({ name: "fluxo_record", text: "SELECT execution_id FROM fluxo_record($1)", values: [toJsonb(byTenant(given))] });
  return new Set(answer.rows.map((row) => row.execution_id));
}
