import type pg from "pg";
import { toJsonb } from "../database/jsonb.ts";
import { inlineOrReference, type IntakeItem } from "./intake.ts";

/** A backfill that this process may work on until its lease ends. */
export interface LeasedBackfill {
  readonly tenantId: string;
  readonly id: string;
  readonly triggerId: string;
  readonly epoch: number;
  /** Instants before it are done. */
  readonly nextFrom: Date;
  /** Not included. */
  readonly to: Date;
}

/** An instant of the range, in order. Without `item` nothing starts from it: it has an execution, or will get one by itself. */
export interface BackfillInstant {
  readonly at: Date;
  readonly item: Omit<IntakeItem, "fingerprint" | "filtered"> | undefined;
}

/**
 * Leases backfills whose pace allows work: one per tenant, those first that had no turn for the longest time.
 * @param db fluxo_system
 */
export async function claimBackfills(db: pg.Pool, owner: string, leaseMs: number, limit: number): Promise<readonly LeasedBackfill[]> {
  const { rows } = await db.query<{ tenant_id: string; id: string; trigger_id: string; epoch: number; next_from: Date; to_at: Date }>("SELECT * FROM fluxo_backfill_claim($1, $2, $3)", [owner, leaseMs, limit]);
  return rows.map((row) => ({ tenantId: row.tenant_id, id: row.id, triggerId: row.trigger_id, epoch: row.epoch, nextFrom: row.next_from, to: row.to_at }));
}

/**
 * One turn of a leased backfill: starts as many of the instants as its pace and the tenant's queue allow, in one transaction with the place where it goes on, and ends the lease.
 * @param db fluxo_app
 * @param rest where the instants after these begin; undefined: there are none
 * @param queuedMax nothing starts while the tenant has so many executions that wait to start
 * @returns undefined when the backfill is another's by now, or does not run any more
 */
export async function workBackfill(db: pg.Pool, owner: string, { tenantId, id, epoch }: LeasedBackfill, instants: readonly BackfillInstant[], rest: Date | undefined, queuedMax: number): Promise<{ readonly started: number; readonly status: "RUNNING" | "ABORTED" | "DONE" } | undefined> {
  const rows = instants.map(({ at, item }, idx) => ({ at, item: item === undefined ? null : rowOf(item, idx) }));
  const answer = await db.query<{ started: number; status: "RUNNING" | "ABORTED" | "DONE" }>("SELECT started, status FROM fluxo_backfill_step($1, $2, $3, $4, $5, $6, $7)", [tenantId, id, owner, epoch, toJsonb(rows), rest ?? null, queuedMax]);
  return answer.rows[0];
}

function rowOf({ triggerId, occurrenceKey, executionId, input, payloadId, occurredAt }: NonNullable<BackfillInstant["item"]>, idx: number): Record<string, unknown> {
  return { idx, triggerId, occurrenceKey, executionId, occurredAt, ...inlineOrReference("input", input, payloadId) };
}
