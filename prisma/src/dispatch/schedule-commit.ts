import type { Json, JsonObject } from "@fluxo/core/json";
import type { IdSource } from "@fluxo/core/ports/clock";
import pg from "pg";
import { toJsonb } from "../database/jsonb.ts";
import { INLINE_BYTES_MAX } from "../executions/intake.ts";
import type { DispatchOutcome } from "./commit.ts";

/** What the function raises when something out of the ordinary happened; then nothing was written. */
const NOT_PLAIN = "FX001";

/** Whether an outcome has nothing but a new position and at most one instant that starts. */
export function isPlain({ items, marks, parked, hold, isConnected, error, entries, durationMs, cursor }: DispatchOutcome): boolean {
  return items.length <= 1 && marks.length === 0 && parked.length === 0 && !hold && isConnected && cursor !== undefined && error === undefined && entries === undefined && durationMs === undefined;
}

/**
 * Commits plain outcomes of schedules of any number of tenants in one statement.
 * @param db fluxo_system
 * @returns false when nothing was written, because a lease was lost, an instant was known or a trigger takes none any more: `commitDispatch` tells which
 * @throws RangeError for an outcome that is not plain; what the database threw
 */
export async function commitSchedules(db: pg.Pool, owner: string, outcomes: readonly DispatchOutcome[], ids: IdSource): Promise<boolean> {
  const rows = outcomes.map((outcome) => rowOf(outcome, ids)).toSorted((left, right) => compare(left.tenantId, right.tenantId) || compare(left.triggerId, right.triggerId));
  try {
    await db.query({ name: "fluxo_schedule_commit", text: "SELECT fluxo_schedule_commit($1, $2)", values: [owner, toJsonb(rows)] });
    return true;
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === NOT_PLAIN) return false;
    throw error;
  }
}

interface Row {
  readonly tenantId: string;
  readonly triggerId: string;
  readonly epoch: number;
  readonly cursor: Json;
  readonly nextDueAt: Date | null;
  readonly occurrenceKey?: string;
  readonly occurredAt?: Date;
  readonly executionId?: string;
  readonly input?: JsonObject;
}

function rowOf(outcome: DispatchOutcome, ids: IdSource): Row {
  if (!isPlain(outcome)) throw new RangeError("The outcome is not a plain one.");
  const { held, cursor = null, nextDueAt, items } = outcome;
  const base = { tenantId: held.tenantId, triggerId: held.triggerId, epoch: held.epoch, cursor, nextDueAt };
  const [item] = items;
  if (item === undefined) return base;
  if (Buffer.byteLength(JSON.stringify(item.input)) > INLINE_BYTES_MAX) throw new RangeError("The input of an instant is too large to be inline.");
  return { ...base, occurrenceKey: item.key, occurredAt: item.occurredAt, executionId: ids.next(), input: item.input };
}

function compare(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
