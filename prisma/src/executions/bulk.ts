import type pg from "pg";
import { toJsonb } from "../database/jsonb.ts";
import type { OperationTurn } from "../operations/turns.ts";
import type { ExecutionFilter } from "../repositories/executions.ts";
import type { RerunFrom, RerunVersion } from "./rerun.ts";

/** What a bulk operation does to each execution. */
export type BulkKind = "rerun" | "cancel";

/** Which executions: these, or all for which every field holds (`from` is included, `to` is not; both of `queuedAt`, ISO 8601). */
export type BulkFilter = { readonly ids: readonly string[] } | (Omit<ExecutionFilter, "from" | "to"> & { readonly from?: string | undefined; readonly to?: string | undefined });

/** How reruns are made; empty for a cancel. */
export interface BulkOptions {
  readonly from?: RerunFrom;
  readonly version?: RerunVersion;
}

export interface BulkRequest {
  readonly tenantId: string;
  readonly id: string;
  readonly kind: BulkKind;
  readonly name: string;
  readonly filter: BulkFilter;
  readonly options: BulkOptions;
  readonly pacePerMinute: number;
  readonly idempotencyKey: string | null;
  /** Hash of the request: a repeat of the key with another hash is a conflict. */
  readonly fingerprint: string;
  /** The API key that asks. */
  readonly createdBy: string;
}

/** `created`: the set is fixed. `duplicate`, `conflict`: the idempotency key made the operation of the id before. `tooLarge`: nothing was written. */
export type BulkCreated = { readonly outcome: "created" | "duplicate" | "conflict"; readonly id: string } | { readonly outcome: "tooLarge" };

/** Executions of one bulk operation. */
export const BULK_ITEMS_MAX = 100_000;

/** SQLSTATE with which `fluxo_bulk_create` takes everything back. */
const TOO_LARGE = "FX001";

/**
 * Writes a bulk operation with the set of executions that it is about.
 * @param db fluxo_app
 * @param itemsMax more than these are refused
 */
export async function createBulkOperation(db: pg.Pool, { tenantId, ...request }: BulkRequest, itemsMax: number = BULK_ITEMS_MAX): Promise<BulkCreated> {
  try {
    const { rows } = await db.query<{ outcome: "created" | "duplicate" | "conflict"; id: string }>("SELECT outcome, id FROM fluxo_bulk_create($1, $2, $3)", [tenantId, toJsonb(request), itemsMax]);
    const [row] = rows;
    if (row === undefined) throw new Error("fluxo_bulk_create answered nothing.");
    return row;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === TOO_LARGE) return { outcome: "tooLarge" };
    throw error;
  }
}

/**
 * How many executions a bulk operation would be about; one more than `itemsMax` stands for all above it.
 * @param db fluxo_app
 */
export async function countBulkMatches(db: pg.Pool, { tenantId, kind, options, filter }: Pick<BulkRequest, "tenantId" | "kind" | "options" | "filter">, itemsMax: number = BULK_ITEMS_MAX): Promise<number> {
  const { rows } = await db.query<{ count: number }>("SELECT count(*)::int AS count FROM fluxo_bulk_matches($1, $2, $3, $4, $5)", [tenantId, kind, toJsonb(options), toJsonb(filter), itemsMax + 1]);
  return rows[0]?.count ?? 0;
}

/**
 * A turn of an operation: acts on as many executions as its pace allows, in one transaction with the marks that they are done.
 * @param db fluxo_app
 * @param newIds two for each execution that the turn may take: of the new execution and of its stored input
 * @returns how many it looked at, and the running ones whose workers have to hear of their cancel
 * @throws what `isTurnOver` tells
 */
export async function workBulkOperation(db: pg.Pool, { scopeId, id, epoch }: OperationTurn, newIds: readonly string[]): Promise<{ readonly worked: number; readonly isFinished: boolean; readonly asked: readonly string[] }> {
  const { rows } = await db.query<{ worked: number; is_finished: boolean; asked: string[] }>("SELECT worked, is_finished, asked FROM fluxo_bulk_step($1, $2, $3, $4)", [scopeId, id, epoch, newIds]);
  const [row] = rows;
  if (row === undefined) throw new Error("fluxo_bulk_step answered nothing.");
  return { worked: row.worked, isFinished: row.is_finished, asked: row.asked };
}
