import type { ErrorCode } from "@fluxo/core/errors/codes";
import type { Json, JsonObject } from "@fluxo/core/json";
import type { IdSource } from "@fluxo/core/ports/clock";
import type pg from "pg";
import { byTenant } from "../database/by-tenant.ts";
import { toJsonb } from "../database/jsonb.ts";
import { inlineOrReference } from "../executions/intake.ts";
import type { HeldTrigger } from "./claim.ts";

/** Why an occurrence has no execution. PARKED comes from `parked`. */
export const MARK_REASONS = ["FILTERED", "MISFIRE_SKIPPED", "OVERLAP_SKIPPED", "CATCH_UP_SKIPPED", "SKIPPED_BY_CALENDAR"] as const;
export type MarkReason = (typeof MARK_REASONS)[number];

/** An occurrence that becomes an execution. */
export interface SeenItem {
  /** Unique per trigger, for ever (I1). */
  readonly key: string;
  readonly occurredAt: Date;
  readonly input: JsonObject;
  /** A whole copy that becomes a file of the execution, in the same commit. */
  readonly copy?: { readonly fileId: string; readonly sha256: string };
}

/** An occurrence that becomes none, by a rule. */
export interface MarkedItem {
  readonly key: string;
  readonly occurredAt: Date;
  readonly reason: MarkReason;
  readonly detail: string;
}

/** An item that cannot become an execution. */
export interface ParkedItem {
  readonly key: string;
  readonly occurredAt: Date;
  readonly code: ErrorCode;
  readonly message: string;
  /** Where it is in its source: `uid 42 of INBOX`. */
  readonly reference: string;
  /** Its beginning as received, cut to RAW_BYTES_MAX. */
  readonly raw: Uint8Array | undefined;
}

/** What a kind remembers entry by entry, where that is too much for a cursor; see `readTriggerEntries`. */
export interface EntryChanges {
  /** All that was remembered is forgotten first. */
  readonly isAnew: boolean;
  readonly dropped: readonly string[];
  /** New ones, and ones whose value is another now. Keys have at most 1,024 bytes. */
  readonly kept: readonly { readonly key: string; readonly value: Json }[];
}

/** What dispatching one claimed trigger came to. */
export interface DispatchOutcome {
  readonly held: HeldTrigger;
  /** The position after everything in here; absent leaves the stored one as it is. */
  readonly cursor?: Json;
  /** Null: there is nothing more to come. */
  readonly nextDueAt: Date | null;
  /** Keeps the lease: the source is being watched. */
  readonly hold: boolean;
  /** Whether the source answered. */
  readonly isConnected: boolean;
  readonly items: readonly SeenItem[];
  readonly marks: readonly MarkedItem[];
  readonly parked: readonly ParkedItem[];
  /** Milliseconds that the poll took, for the ledger; absent: no entry (schedules, whose occurrences are their own ledger). */
  readonly durationMs?: number;
  readonly error?: { readonly code: ErrorCode; readonly message: string };
  /** Moves with the cursor. */
  readonly entries?: EntryChanges;
}

/** What became of it. `isHeld` false: the lease was lost, and nothing was written. */
export interface DispatchResult {
  readonly triggerId: string;
  readonly isHeld: boolean;
  readonly accepted: number;
  readonly duplicate: number;
  readonly filtered: number;
  readonly parked: number;
  /** New executions, by time of occurrence. */
  readonly executionIds: readonly string[];
}

/** Of a parked item's beginning. */
export const RAW_BYTES_MAX = 65_536;

interface Row {
  trigger_id: string;
  is_held: boolean;
  accepted: number;
  duplicate: number;
  filtered: number;
  parked: number;
  execution_ids: string[];
}

/**
 * Commits what dispatching any number of triggers came to, of any tenants, in one statement: executions, occurrences, parked items, ledger, clocks,
 * cursors, and copies that become files. What another dispatcher holds by now is refused as a whole (I1, I3).
 * @param db fluxo_app
 */
export async function commitDispatch(db: pg.Pool, owner: string, outcomes: readonly DispatchOutcome[], ids: IdSource): Promise<DispatchResult[]> {
  let idx = 0;
  const rows = outcomes.map(({ held, cursor, nextDueAt, hold, isConnected, items, marks, parked, durationMs, error, entries }) => ({
    tenantId: held.tenantId,
    triggerId: held.triggerId,
    epoch: held.epoch,
    cursor: cursor ?? null,
    nextDueAt,
    hold,
    isConnected,
    items: items.map(({ key, occurredAt, input, copy = null }) => ({ idx: idx++, occurrenceKey: key, executionId: ids.next(), occurredAt, copy, ...inlineOrReference("input", input, ids.next()) })),
    marks: marks.map(({ key, ...mark }) => ({ occurrenceKey: key, ...mark })),
    parked: parked.map(({ key, raw, ...item }) => ({ occurrenceKey: key, ...item, raw: raw === undefined ? null : Buffer.from(raw.subarray(0, RAW_BYTES_MAX)).toString("base64") })),
    poll: durationMs === undefined ? null : { id: ids.next(), durationMs: Math.round(durationMs) },
    error: error ?? null,
    entries: entries ?? null,
  }));
  const answer = await db.query<Row>({ name: "fluxo_dispatch_commit", text: "SELECT * FROM fluxo_dispatch_commit($1, $2)", values: [owner, toJsonb(byTenant(rows))] });
  return answer.rows.map((row) => ({ ...row, triggerId: row.trigger_id, isHeld: row.is_held, executionIds: row.execution_ids }));
}
