import type { Json } from "@fluxo/core/json";
import type { ExecutionStatus } from "@fluxo/core/status/execution-status";
import type pg from "pg";
import { toJsonb } from "../database/jsonb.ts";

/** A trigger that this dispatcher holds until its lease ends. Every commit names its epoch. */
export interface ClaimedTrigger {
  readonly tenantId: string;
  readonly triggerId: string;
  readonly workflowId: string;
  readonly epoch: number;
  /** The trigger node's parameters in the published version, with defaults. */
  readonly config: Json;
  /** In the kind's own form; null before the baseline. */
  readonly cursor: Json;
  /** Since when the trigger watches without a break. */
  readonly armedAt: Date;
  readonly dueAt: Date;
  /** The database's clock at the claim. */
  readonly now: Date;
  /** Polls in a row that failed before this one. */
  readonly failures: number;
  readonly lastExecution: { readonly id: string; readonly status: ExecutionStatus } | undefined;
  readonly pollIntervalMsMin: number;
  /** The trigger's own secret, sealed; null when it has none. */
  readonly sealedSecret: Buffer | null;
}

interface Row {
  tenant_id: string;
  trigger_id: string;
  workflow_id: string;
  epoch: number;
  config: Json;
  cursor: Json;
  armed_at: Date | null;
  due_at: Date;
  now_at: Date;
  failures: number;
  last_execution_id: string | null;
  last_execution_status: ExecutionStatus | null;
  poll_interval_seconds_min: number;
  sealed_secret: Buffer | null;
}

/**
 * Leases due triggers of a kind, the longest due first, in one statement over all tenants.
 * @param db fluxo_system
 */
export async function claimTriggers(db: pg.Pool, request: { readonly kind: string; readonly owner: string; readonly leaseMs: number; readonly limit: number }): Promise<ClaimedTrigger[]> {
  const { kind, owner, leaseMs, limit } = request;
  const answer = await db.query<Row>({ name: "fluxo_dispatch_claim", text: "SELECT * FROM fluxo_dispatch_claim($1, $2, $3, $4)", values: [kind, owner, leaseMs, limit] });
  return answer.rows.map(toClaimed);
}

/**
 * Takes over the lease of one trigger from the queue that its job waited in; undefined when the queue does not hold it any more.
 * @param db fluxo_system
 */
export async function adoptTrigger(
  db: pg.Pool,
  request: { readonly tenantId: string; readonly triggerId: string; readonly from: string; readonly owner: string; readonly leaseMs: number },
): Promise<ClaimedTrigger | undefined> {
  const { tenantId, triggerId, from, owner, leaseMs } = request;
  const answer = await db.query<Row>({ name: "fluxo_dispatch_adopt", text: "SELECT * FROM fluxo_dispatch_adopt($1, $2, $3, $4, $5)", values: [tenantId, triggerId, from, owner, leaseMs] });
  return answer.rows.map(toClaimed)[0];
}

function toClaimed(row: Row): ClaimedTrigger {
  return {
    tenantId: row.tenant_id,
    triggerId: row.trigger_id,
    workflowId: row.workflow_id,
    epoch: row.epoch,
    config: row.config,
    cursor: row.cursor,
    armedAt: row.armed_at ?? row.due_at,
    dueAt: row.due_at,
    now: row.now_at,
    failures: row.failures,
    lastExecution: row.last_execution_id === null || row.last_execution_status === null ? undefined : { id: row.last_execution_id, status: row.last_execution_status },
    pollIntervalMsMin: row.poll_interval_seconds_min * 1_000,
    sealedSecret: row.sealed_secret,
  };
}

/** A claim as it is named later. */
export type HeldTrigger = Pick<ClaimedTrigger, "tenantId" | "triggerId" | "epoch">;

/**
 * Keeps leases for another `leaseMs`. Returns the ids of the triggers that are still this owner's.
 * @param db fluxo_system
 */
export async function extendTriggerLeases(db: pg.Pool, owner: string, held: readonly HeldTrigger[], leaseMs: number): Promise<ReadonlySet<string>> {
  const rows = held.map(({ tenantId, triggerId, epoch }) => ({ tenantId, triggerId, epoch }));
  const answer = await db.query<{ trigger_id: string }>({ name: "fluxo_dispatch_extend", text: "SELECT trigger_id FROM fluxo_dispatch_extend($1, $2, $3)", values: [owner, toJsonb(rows), leaseMs] });
  return new Set(answer.rows.map((row) => row.trigger_id));
}

/**
 * Milliseconds until the next trigger of a kind can be claimed, by the database's clock; at least 0, undefined when none is armed.
 * @param db fluxo_system
 */
export async function untilNextTrigger(db: pg.Pool, kind: string): Promise<number | undefined> {
  const answer = await db.query<{ wait_ms: number | null }>({
    name: "fluxo_dispatch_next",
    text: "SELECT extract(epoch FROM min(claimable_at) - clock_timestamp())::float8 * 1000 AS wait_ms FROM trigger_states WHERE kind = $1 AND claimable_at IS NOT NULL",
    values: [kind],
  });
  const waitMs = answer.rows[0]?.wait_ms ?? undefined;
  return waitMs === undefined ? undefined : Math.max(0, waitMs);
}
