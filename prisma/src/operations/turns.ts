import pg from "pg";
import { driverDetail } from "../database/errors.ts";
import type { ScopedDb } from "../database/tenant-db.ts";

/** Kinds of operations in the background. */
export const OPERATION_KINDS = ["bulk", "backfill", "rollout", "off_boarding"] as const;
export type OperationKind = (typeof OPERATION_KINDS)[number];

/** A turn of an operation: this process may work it until its lease ends. */
export interface OperationTurn {
  readonly kind: OperationKind;
  /** Whose it is: of a tenant, rollouts and off-boardings of an agency. */
  readonly scopeId: string;
  readonly id: string;
  readonly epoch: number;
  /** Turns begun since one ended well, with this one. */
  readonly attempts: number;
}

/** After so many turns that failed, or that a process died in, an operation is tried now and then only. */
export const PARKED_AFTER = 10;
export const PARKED_REST_MS = 3_600_000;

/** Whether an operation is tried now and then only. */
export function isParked({ attempts, completedAt }: { readonly attempts: number; readonly completedAt: Date | null }): boolean {
  return attempts >= PARKED_AFTER && completedAt === null;
}

/** SQLSTATE with which `fluxo_operation_hold` takes a transaction back. */
const TURN_OVER = "FX013";

/**
 * Leases operations that may have a turn: one per tenant or agency, those first that had none for the longest time.
 * @param db fluxo_system
 * @param owner names this process; told to people only, the epoch is what fences
 */
export async function claimTurns(db: pg.Pool, kind: OperationKind, owner: string, leaseMs: number, limit: number): Promise<readonly OperationTurn[]> {
  const { rows } = await db.query<{ scope_id: string; id: string; epoch: number; attempts: number }>("SELECT * FROM fluxo_operation_claim($1, $2, $3, $4, $5, $6)", [kind, owner, leaseMs, limit, PARKED_AFTER, PARKED_REST_MS]);
  return rows.map(({ scope_id: scopeId, ...row }) => ({ kind, scopeId, ...row }));
}

/** Makes the lease longer. @param db fluxo_system @throws what `isTurnOver` tells when it is lost, or there is no work any more */
export async function keepTurn(db: pg.Pool, { kind, scopeId, id, epoch }: OperationTurn, leaseMs: number): Promise<void> {
  await db.query("SELECT fluxo_operation_keep($1, $2, $3, $4, $5)", [kind, scopeId, id, epoch, leaseMs]);
}

/** Begins a transaction of a turn: nobody else's lease, pause or abort comes between until it ends. @throws what `isTurnOver` tells when there was one */
export async function holdTurn(db: ScopedDb, { kind, scopeId, id, epoch }: OperationTurn): Promise<void> {
  await db.$queryRaw`SELECT fluxo_operation_hold(${kind}, ${scopeId}::uuid, ${id}::uuid, ${epoch}::int)::text`;
}

/** Ends a turn, whatever became of the operation. @param db fluxo_system @param attempts to go on counting from @param restMs the next turn is so much later at the earliest */
export async function releaseTurn(db: pg.Pool, { kind, scopeId, id, epoch }: OperationTurn, attempts: number, restMs: number): Promise<void> {
  await db.query("SELECT fluxo_operation_release($1, $2, $3, $4, $5, $6)", [kind, scopeId, id, epoch, attempts, restMs]);
}

/** How many operations of a kind are tried now and then only. @param db fluxo_system */
export async function countParkedOperations(db: pg.Pool, kind: OperationKind): Promise<number> {
  const { rows } = await db.query<{ count: number }>("SELECT fluxo_operations_parked($1, $2) AS count", [kind, PARKED_AFTER]);
  return rows[0]?.count ?? 0;
}

/** Whether a transaction of a turn was undone because somebody else has the operation, or paused or ended it. */
export function isTurnOver(error: unknown): boolean {
  return (error instanceof pg.DatabaseError ? error.code : driverDetail(error, "originalCode")) === TURN_OVER;
}
