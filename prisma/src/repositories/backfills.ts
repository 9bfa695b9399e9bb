import { RequestError } from "@fluxo/core/errors/request-error";
import type { ScopedDb } from "../database/tenant-db.ts";
import { isParked } from "../operations/turns.ts";
import { pageOfRows, type Page } from "./page.ts";

type BackfillStatus = "RUNNING" | "ABORTED" | "DONE";

export interface BackfillRecord {
  readonly id: string;
  readonly triggerId: string;
  readonly fromAt: Date;
  /** Not included. */
  readonly toAt: Date;
  /** Instants before it are done. */
  readonly nextFrom: Date;
  readonly pacePerMinute: number;
  readonly status: BackfillStatus;
  readonly isParked: boolean;
  readonly abortReason: "REQUESTED" | "TRIGGER_OFF" | null;
  readonly started: number;
  readonly duplicate: number;
  readonly skipped: number;
  readonly createdAt: Date;
  readonly completedAt: Date | null;
}

const select = { id: true, triggerId: true, fromAt: true, toAt: true, nextFrom: true, pacePerMinute: true, status: true, attempts: true, abortReason: true, started: true, duplicate: true, skipped: true, createdAt: true, completedAt: true } as const;

interface StoredRow extends Omit<BackfillRecord, "status" | "abortReason" | "isParked"> {
  readonly status: string;
  readonly attempts: number;
  readonly abortReason: string | null;
}

/** Check constraints keep both to the known ones. */
function typed({ attempts, ...row }: StoredRow): BackfillRecord {
  return { ...row, isParked: isParked({ ...row, attempts }), status: row.status as BackfillStatus, abortReason: row.abortReason as BackfillRecord["abortReason"] };
}

/** Backfills of one tenant that run at one time. */
const RUNNING_MAX = 10;

/** @param db of the tenant @throws RequestError STATE_CONFLICT when so many run */
export async function createBackfill(db: ScopedDb, tenantId: string, backfill: Pick<BackfillRecord, "id" | "triggerId" | "fromAt" | "toAt" | "pacePerMinute">, now: Date): Promise<BackfillRecord> {
  // New backfills of a tenant take turns, so that each counts all others.
  await db.$queryRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`backfills:${tenantId}`}, 0))::text`;
  const running = await db.backfill.count({ where: { tenantId, status: "RUNNING" } });
  if (running >= RUNNING_MAX) throw new RequestError("STATE_CONFLICT", { detail: `The tenant has ${running} backfills that run; wait for one, or abort one.` });
  return typed(await db.backfill.create({ data: { tenantId, ...backfill, nextFrom: backfill.fromAt, status: "RUNNING", nextAt: now }, select }));
}

/** @param db of the tenant */
export async function findBackfill(db: ScopedDb, tenantId: string, triggerId: string, id: string): Promise<BackfillRecord | undefined> {
  const row = await db.backfill.findFirst({ where: { tenantId, id, triggerId }, select });
  return row === null ? undefined : typed(row);
}

/** One that a worker has the turn of, so that it runs. @param db of the tenant */
export async function findRunningBackfill(db: ScopedDb, tenantId: string, id: string): Promise<BackfillRecord> {
  return typed(await db.backfill.findUniqueOrThrow({ where: { tenantId_id: { tenantId, id } }, select }));
}

/** Of a trigger, newest first. @param db of the tenant */
export async function listBackfills(db: ScopedDb, tenantId: string, triggerId: string, limit: number, beforeId?: string): Promise<Page<BackfillRecord>> {
  const where = { tenantId, triggerId, ...(beforeId === undefined ? {} : { id: { lt: beforeId } }) };
  const rows = await db.backfill.findMany({ where, select, orderBy: { id: "desc" }, take: limit + 1 });
  return pageOfRows(rows.map(typed), limit);
}

/** Ends one that runs; what it started goes on. A turn that is under way writes nothing any more, or is done before. @param db of the tenant */
export async function abortBackfill(db: ScopedDb, tenantId: string, id: string, abortReason: NonNullable<BackfillRecord["abortReason"]>, now: Date): Promise<void> {
  await db.backfill.updateMany({ where: { tenantId, id, status: "RUNNING" }, data: { status: "ABORTED", abortReason, completedAt: now } });
}
