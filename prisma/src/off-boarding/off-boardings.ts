import type pg from "pg";
import type { ScopedDb } from "../database/tenant-db.ts";
import type { Prisma } from "../generated/client.ts";
import { isParked } from "../operations/turns.ts";
import { pageOfRows, type Page } from "../repositories/page.ts";

export const OFF_BOARDING_STATUSES = ["STOPPING", "EXPORTING", "READY", "ACKNOWLEDGED", "ERASING", "ERASED", "ABORTED"] as const;
export type OffBoardingStatus = (typeof OFF_BOARDING_STATUSES)[number];

/** What an archive waits for: executions that have not ended, transactions that began before the off-boarding, usage that is not in the sums. */
export const WAIT_REASONS = ["EXECUTIONS", "TRANSACTIONS", "USAGE"] as const;
type WaitReason = (typeof WAIT_REASONS)[number];

/** Who asked for something. */
export interface Doer {
  readonly kind: string;
  readonly id: string;
}

export interface OffBoardingRecord {
  readonly id: string;
  readonly tenantId: string;
  readonly status: OffBoardingStatus;
  readonly isParked: boolean;
  readonly requestedAt: Date;
  readonly requestedBy: Doer;
  /** What the archive waits for; null when it waits for nothing. */
  readonly waitsFor: { readonly what: WaitReason; readonly count: number; readonly since: Date } | null;
  /** Archives that were given up because rows were found that were not in them. */
  readonly archivesDiscarded: number;
  readonly archive: { readonly readyAt: Date; readonly sha256: string; readonly bytes: number } | null;
  readonly acknowledgement: { readonly at: Date; readonly by: Doer } | null;
  readonly erasure: { readonly requestedAt: Date; readonly requestedBy: Doer; readonly keysDestroyedAt: Date | null; readonly redisKeysDeleted: number | null; readonly externalIdHash: string | null } | null;
  readonly completedAt: Date | null;
}

/** What became of one table; row counts are null before they are known. */
export interface OffBoardingTableRecord {
  readonly name: string;
  readonly note: string | null;
  readonly rowsArchived: number;
  readonly rowsBefore: number | null;
  readonly rowsDeleted: number;
  readonly rowsLeft: number | null;
}

type Row = Prisma.OffBoardingGetPayload<object>;

function doer(kind: string | null, id: string | null): Doer {
  return { kind: kind ?? "", id: id ?? "" };
}

function toRecord(row: Row): OffBoardingRecord {
  const { waitsFor, waitsCount, waitsSince, archiveReadyAt, archiveSha256, archiveBytes, acknowledgedAt, eraseRequestedAt } = row;
  return {
    id: row.id,
    tenantId: row.subjectId,
    // A check constraint keeps it to the known ones.
    status: row.status as OffBoardingStatus,
    isParked: isParked(row),
    requestedAt: row.requestedAt,
    requestedBy: doer(row.requestedByKind, row.requestedBy),
    // A check constraint keeps the reason to the known ones.
    waitsFor: row.status !== "STOPPING" || waitsFor === null || waitsCount === null || waitsSince === null ? null : { what: waitsFor as WaitReason, count: waitsCount, since: waitsSince },
    archivesDiscarded: row.archivesDiscarded,
    archive: archiveReadyAt === null || archiveSha256 === null || archiveBytes === null ? null : { readyAt: archiveReadyAt, sha256: archiveSha256, bytes: Number(archiveBytes) },
    acknowledgement: acknowledgedAt === null ? null : { at: acknowledgedAt, by: doer(row.acknowledgedByKind, row.acknowledgedBy) },
    erasure:
      eraseRequestedAt === null
        ? null
        : {
            requestedAt: eraseRequestedAt,
            requestedBy: doer(row.eraseRequestedByKind, row.eraseRequestedBy),
            keysDestroyedAt: row.keysDestroyedAt,
            redisKeysDeleted: row.redisKeysDeleted,
            externalIdHash: row.externalIdHash,
          },
    completedAt: row.completedAt,
  };
}

/** Newest first. @param db of the agency */
export async function listOffBoardings(db: ScopedDb, agencyId: string, tenantId: string | undefined, limit: number, beforeId?: string): Promise<Page<OffBoardingRecord>> {
  const where = { agencyId, ...(tenantId === undefined ? {} : { subjectId: tenantId }), ...(beforeId === undefined ? {} : { id: { lt: beforeId } }) };
  return pageOfRows((await db.offBoarding.findMany({ where, orderBy: { id: "desc" }, take: limit + 1 })).map(toRecord), limit);
}

/** @param db of the agency */
export async function findOffBoarding(db: ScopedDb, agencyId: string, id: string): Promise<OffBoardingRecord | undefined> {
  const row = await db.offBoarding.findUnique({ where: { agencyId_id: { agencyId, id } } });
  return row === null ? undefined : toRecord(row);
}

/** In the order of the erasure. @param db of the agency */
export async function findOffBoardingTables(db: ScopedDb, agencyId: string, offBoardingId: string): Promise<OffBoardingTableRecord[]> {
  const rows = await db.offBoardingTable.findMany({ where: { agencyId, offBoardingId }, orderBy: [{ position: "asc" }, { tableName: "asc" }] });
  return rows.map((row) => ({
    name: row.tableName,
    note: row.note,
    rowsArchived: Number(row.rowsArchived),
    rowsBefore: row.rowsBefore === null ? null : Number(row.rowsBefore),
    rowsDeleted: Number(row.rowsDeleted),
    rowsLeft: row.rowsLeft === null ? null : Number(row.rowsLeft),
  }));
}

/**
 * Begins an off-boarding: from this transaction on nothing starts for the tenant.
 * @param db of the agency
 * @returns undefined when the agency has no such tenant, or it is being off-boarded already
 */
export async function beginOffBoarding(db: ScopedDb, { agencyId, id, tenantId, by }: { readonly agencyId: string; readonly id: string; readonly tenantId: string; readonly by: Doer }): Promise<OffBoardingRecord | undefined> {
  const changed = await db.tenant.updateMany({ where: { id: tenantId, agencyId, status: { not: "OFFBOARDING" } }, data: { status: "OFFBOARDING", suspensionReason: null } });
  if (changed.count === 0) return undefined;
  return toRecord(await db.offBoarding.create({ data: { agencyId, id, subjectId: tenantId, status: "STOPPING", requestedByKind: by.kind, requestedBy: by.id } }));
}

/** Notes that the archive was taken. @param db of the agency @returns false when it does not wait for that */
export async function acknowledgeArchive(db: ScopedDb, agencyId: string, id: string, by: Doer, now: Date): Promise<boolean> {
  const changed = await db.offBoarding.updateMany({ where: { agencyId, id, status: "READY" }, data: { status: "ACKNOWLEDGED", acknowledgedAt: now, acknowledgedByKind: by.kind, acknowledgedBy: by.id } });
  return changed.count === 1;
}

/** Begins the erasure, which nothing takes back. @param db of the agency @returns false when the archive was not acknowledged */
export async function beginErasure(db: ScopedDb, agencyId: string, id: string, by: Doer, now: Date): Promise<boolean> {
  const changed = await db.offBoarding.updateMany({ where: { agencyId, id, status: "ACKNOWLEDGED" }, data: { status: "ERASING", eraseRequestedAt: now, eraseRequestedByKind: by.kind, eraseRequestedBy: by.id } });
  return changed.count === 1;
}

/** Gives an off-boarding up before its erasure: the tenant is SUSPENDED then, and the archive is deleted. @param db of the agency @returns false when it is too late */
export async function abortOffBoarding(db: ScopedDb, agencyId: string, id: string, now: Date): Promise<boolean> {
  const where = { agencyId, id, status: { in: ["STOPPING", "EXPORTING", "READY", "ACKNOWLEDGED"] } };
  const data = { status: "ABORTED", completedAt: now, archiveReadyAt: null, archiveSha256: null, archiveBytes: null };
  const [aborted] = await db.offBoarding.updateManyAndReturn({ where, data, select: { subjectId: true } });
  if (aborted === undefined) return false;
  await db.archivePart.deleteMany({ where: { agencyId, offBoardingId: id } });
  await db.tenant.updateMany({ where: { id: aborted.subjectId, agencyId }, data: { status: "SUSPENDED" } });
  return true;
}

/** A complete archive, part by part. @param pool fluxo_app @throws Error when it is erased while it is read */
export async function* readArchive(pool: pg.Pool, agencyId: string, id: string, bytes: number): AsyncGenerator<Uint8Array> {
  let read = 0;
  for (let position = 0; read < bytes; position += 1) {
    const { rows } = await pool.query<{ content: Buffer }>({ name: "fluxo_archive_part", text: "SELECT content FROM fluxo_archive_part($1, $2, $3)", values: [agencyId, id, position] });
    if (rows[0] === undefined) throw new Error(`The archive of ${id} was deleted while it was read.`);
    read += rows[0].content.byteLength;
    yield rows[0].content;
  }
}
