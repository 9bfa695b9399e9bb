import type { BlockCode } from "@fluxo/core/errors/codes";
import type { NodeFailure } from "@fluxo/core/errors/failure";
import type { Json, JsonObject } from "@fluxo/core/json";
import type { ChildOutcome } from "@fluxo/core/node/child";
import type { NodeStatus } from "@fluxo/core/status/execution-status";
import type pg from "pg";

/** One row of the journal as a resumed execution reads it. */
export interface JournalEntry {
  readonly nodeId: string;
  readonly item: number;
  readonly status: NodeStatus;
  readonly attempt: number;
  readonly ports: readonly string[];
  readonly output: Json;
  readonly failure: NodeFailure | null;
  readonly attempts: readonly NodeFailure[];
  readonly startedAt: string | null;
  readonly resumeAt: string | null;
  readonly reason: string | null;
  /** How the sub-workflow ended that the node waits for; null while it has not, and for nodes that wait for none. */
  readonly child: ChildOutcome | null;
}

/** An execution that this worker holds until its lease ends. Every later write names its epoch. */
export interface ClaimedExecution {
  readonly tenantId: string;
  readonly executionId: string;
  readonly epoch: number;
  readonly versionId: string;
  readonly workflowId: string;
  readonly triggerNodeId: string;
  readonly input: JsonObject;
  readonly queuedAt: Date;
  readonly startedAt: Date;
  /** The database's clock at the claim: what was to be resumed by then is due. */
  readonly claimedAt: Date;
  /** A cancel was asked for before the claim. */
  readonly isCanceled: boolean;
  /** In plan order; empty for a first start. */
  readonly journal: readonly JournalEntry[];
}

export interface ClaimResult {
  readonly claimed: readonly ClaimedExecution[];
  readonly blocked: readonly { readonly executionId: string; readonly reason: BlockCode }[];
  /** Held back because the quota is used up: WAITING, until there is room again. */
  readonly parked: readonly string[];
  /** Waiting for a concurrency slot: the next settle of the tenant wakes them. */
  readonly starved: readonly string[];
  /** Not ours to run: taken by another, not due, or ended. */
  readonly skipped: readonly string[];
}

export interface ClaimRequest {
  readonly tenantId: string;
  readonly executionIds: readonly string[];
  readonly owner: string;
  readonly leaseMs: number;
  /** Node type → rank of its tier, of every type that this worker knows. */
  readonly nodeTiers: Readonly<Record<string, number>>;
  /** Whether the caller claims again by itself what finds no slot: `ifClaimed` as long as it got at least one execution by this claim, `always` because it runs others. */
  readonly keepStarved: "never" | "ifClaimed" | "always";
}

interface ClaimRow {
  execution_id: string;
  outcome: "claimed" | "blocked" | "parked" | "starved" | "skipped";
  reason: BlockCode | null;
  epoch: number;
  version_id: string;
  workflow_id: string;
  trigger_node_id: string;
  input: JsonObject | null;
  queued_at: Date;
  started_at: Date;
  claimed_at: Date;
  is_canceled: boolean;
  journal: JournalEntry[] | null;
}

/**
 * Admission and lease of a batch of one tenant's executions in one statement: the only way to RUNNING.
 * @param db fluxo_app
 */
export async function claimExecutions(db: pg.Pool, request: ClaimRequest): Promise<ClaimResult> {
  const { rows } = await db.query<ClaimRow>({
    name: "fluxo_claim",
    text: "SELECT * FROM fluxo_claim($1, $2, $3, $4, $5, $6)",
    values: [request.tenantId, request.executionIds, request.owner, request.leaseMs, JSON.stringify(request.nodeTiers), request.keepStarved],
  });
  const of = (outcome: ClaimRow["outcome"]): ClaimRow[] => rows.filter((row) => row.outcome === outcome);
  return {
    claimed: of("claimed").map((row) => ({
      tenantId: request.tenantId,
      executionId: row.execution_id,
      epoch: row.epoch,
      versionId: row.version_id,
      workflowId: row.workflow_id,
      triggerNodeId: row.trigger_node_id,
      input: row.input ?? {},
      queuedAt: row.queued_at,
      startedAt: row.started_at,
      claimedAt: row.claimed_at,
      isCanceled: row.is_canceled,
      journal: row.journal ?? [],
    })),
    blocked: of("blocked").flatMap((row) => (row.reason === null ? [] : [{ executionId: row.execution_id, reason: row.reason }])),
    parked: of("parked").map((row) => row.execution_id),
    starved: of("starved").map((row) => row.execution_id),
    skipped: of("skipped").map((row) => row.execution_id),
  };
}
