import type { NodeFailure } from "@fluxo/core/errors/failure";
import type { Graph } from "@fluxo/core/graph/graph";
import type { Json, JsonObject } from "@fluxo/core/json";
import type { NodeStatus } from "@fluxo/core/status/execution-status";
import type pg from "pg";
import { toJsonb } from "../database/jsonb.ts";

/** A dry rerun that this process may work on until its lease ends. */
export interface LeasedDryRerun {
  readonly tenantId: string;
  readonly id: string;
}

/** What one node did in the execution that a dry rerun is compared with. */
export interface RecordedNode {
  readonly nodeId: string;
  readonly name: string;
  readonly type: string;
  readonly item: number;
  readonly status: NodeStatus;
  readonly ports: readonly string[];
  readonly output: Json;
  readonly failure: NodeFailure | null;
}

/** What a dry rerun needs. */
export interface DryRerunTask {
  readonly executionId: string;
  readonly workflowId: string;
  readonly versionId: string;
  readonly triggerNodeId: string;
  readonly graph: Graph;
  readonly input: JsonObject;
  /** When the execution that it is compared with started. */
  readonly startedAt: Date;
  /** In plan order. */
  readonly journal: readonly RecordedNode[];
}

/** How a dry rerun ended: with its result, or because it could not be made. */
export type DryRerunEnd = { readonly result: JsonObject } | { readonly error: { readonly code: string; readonly message: string } };

/** A worker that died with it may have died of it. */
const ATTEMPTS_MAX = 3;

/** @param db fluxo_system */
export async function claimDryReruns(db: pg.Pool, owner: string, leaseMs: number, limit: number): Promise<readonly LeasedDryRerun[]> {
  const { rows } = await db.query<{ tenant_id: string; id: string }>("SELECT tenant_id, id FROM fluxo_dry_claim($1, $2, $3, $4)", [owner, leaseMs, limit, ATTEMPTS_MAX]);
  return rows.map((row) => ({ tenantId: row.tenant_id, id: row.id }));
}

/** @param db fluxo_app @returns undefined when it is gone, with its execution */
export async function loadDryRerun(db: pg.Pool, { tenantId, id }: LeasedDryRerun): Promise<DryRerunTask | undefined> {
  const { rows } = await db.query<{
    execution_id: string;
    workflow_id: string;
    version_id: string;
    trigger_node_id: string;
    graph: Graph;
    input: JsonObject;
    started_at: Date;
    journal: RecordedNode[];
  }>("SELECT * FROM fluxo_dry_load($1, $2)", [tenantId, id]);
  const [row] = rows;
  if (row === undefined) return undefined;
  return {
    executionId: row.execution_id,
    workflowId: row.workflow_id,
    versionId: row.version_id,
    triggerNodeId: row.trigger_node_id,
    graph: row.graph,
    input: row.input,
    startedAt: row.started_at,
    journal: row.journal,
  };
}

/** @param db fluxo_app @returns false when another worker holds it by now */
export async function finishDryRerun(db: pg.Pool, owner: string, { tenantId, id }: LeasedDryRerun, end: DryRerunEnd): Promise<boolean> {
  const values = "result" in end ? [toJsonb(end.result), null, null] : [null, end.error.code, end.error.message];
  const { rows } = await db.query<{ ended: boolean }>("SELECT fluxo_dry_finish($1, $2, $3, $4, $5, $6) AS ended", [tenantId, id, owner, ...values]);
  return rows[0]?.ended ?? false;
}
