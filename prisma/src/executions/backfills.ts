import type pg from "pg";
import { toJsonb } from "../database/jsonb.ts";
import type { OperationTurn } from "../operations/turns.ts";
import { inlineOrReference, type IntakeItem } from "./intake.ts";

/** An instant of the range, in order. Without `item` nothing starts from it: it has an execution, will get one by itself, or the trigger's filter refuses it. */
export interface BackfillInstant {
  readonly at: Date;
  readonly item: Omit<IntakeItem, "fingerprint" | "filtered"> | undefined;
}

/** What a turn of a backfill came to. */
export interface BackfillStep {
  readonly started: number;
  readonly status: "RUNNING" | "ABORTED" | "DONE";
  /** Whether the tenant's queue was so long that nothing could start. */
  readonly isHeld: boolean;
}

/**
 * A turn of a backfill: starts as many of the instants as its pace and the tenant's queue allow, in one transaction with the place where it goes on.
 * @param db fluxo_app
 * @param rest where the instants after these begin; undefined: there are none
 * @param queuedMax nothing starts while the tenant has so many executions that wait to start
 * @throws what `isTurnOver` tells
 */
export async function workBackfill(db: pg.Pool, { scopeId, id, epoch }: OperationTurn, instants: readonly BackfillInstant[], rest: Date | undefined, queuedMax: number): Promise<BackfillStep> {
  const items = instants.map(({ at, item }, idx) => ({ at, item: item === undefined ? null : rowOf(item, idx) }));
  const { rows } = await db.query<BackfillStep>('SELECT started, status, is_held AS "isHeld" FROM fluxo_backfill_step($1, $2, $3, $4, $5, $6)', [scopeId, id, epoch, toJsonb(items), rest ?? null, queuedMax]);
  const [step] = rows;
  if (step === undefined) throw new Error("fluxo_backfill_step answered nothing.");
  return step;
}

function rowOf({ triggerId, occurrenceKey, executionId, input, payloadId, occurredAt }: NonNullable<BackfillInstant["item"]>, idx: number): Record<string, unknown> {
  return { idx, triggerId, occurrenceKey, executionId, occurredAt, ...inlineOrReference("input", input, payloadId) };
}
