import type pg from "pg";
import { toJsonb } from "../database/jsonb.ts";
import type { OperationTurn } from "../operations/turns.ts";

/** What an off-boarding works on. */
export interface OffBoardingTask {
  /** The tenant that is off-boarded. */
  readonly tenantId: string;
  readonly status: "STOPPING" | "EXPORTING" | "ERASING";
}

/** What the turn of an off-boarding is about. @param db fluxo_system @throws what `isTurnOver` tells, as everything below */
export async function readTask(db: pg.Pool, { kind, scopeId, id, epoch }: OperationTurn): Promise<OffBoardingTask> {
  const { rows } = await db.query<OffBoardingTask>(`SELECT subject_id AS "tenantId", status, fluxo_operation_hold($1, $2, $3, $4) FROM off_boardings WHERE agency_id = $2 AND id = $3`, [kind, scopeId, id, epoch]);
  const [task] = rows;
  if (task === undefined) throw new Error("An off-boarding that is leased does not exist.");
  return task;
}

/**
 * Ends what runs for a tenant, so many executions at a time. Safe to repeat.
 * @param db fluxo_app
 * @returns how many executions have not ended, 1,000 standing for all above it; and the running ones whose workers have to hear of their end
 */
export async function stopTenant(db: pg.Pool, { scopeId, id, epoch }: OperationTurn, tenantId: string, limit: number): Promise<{ readonly leftOver: number; readonly running: readonly string[] }> {
  const { rows } = await db.query<{ left_over: number; running: string[] }>("SELECT left_over, running FROM fluxo_off_boarding_stop($1, $2, $3, $4, $5)", [scopeId, id, epoch, tenantId, limit]);
  const [row] = rows;
  if (row === undefined) throw new Error("fluxo_off_boarding_stop answered nothing.");
  return { leftOver: row.left_over, running: row.running };
}

/** Begins the archive, when nothing has to be waited for any more; what is waited for is told by the off-boarding. @param db fluxo_system @returns whether it was begun @throws Error naming tables that the eraser does not cover */
export async function beginArchive(db: pg.Pool, { scopeId, id, epoch }: OperationTurn): Promise<boolean> {
  const { rows } = await db.query<{ begun: boolean }>("SELECT fluxo_archive_begin($1, $2, $3) AS begun", [scopeId, id, epoch]);
  return rows[0]?.begun === true;
}

/** Rows of one table for the archive; `tableName` undefined when every table is archived. */
export interface ArchiveRows {
  readonly tableName: string | undefined;
  /** How many parts there are before it. */
  readonly part: number;
  /** Each row as JSON. */
  readonly lines: readonly string[];
  readonly lastKey: unknown;
  readonly isLast: boolean;
}

/** About `bytes` of rows, one row at least. @param db fluxo_system */
export async function readForArchive(db: pg.Pool, { scopeId, id, epoch }: OperationTurn, bytes: number): Promise<ArchiveRows> {
  const { rows } = await db.query<{ table_name: string | null; part: number; lines: string[] | null; last_key: unknown; is_last: boolean }>("SELECT * FROM fluxo_archive_read($1, $2, $3, $4)", [scopeId, id, epoch, bytes]);
  const [row] = rows;
  if (row === undefined) throw new Error("fluxo_archive_read answered nothing.");
  return { tableName: row.table_name ?? undefined, part: row.part, lines: row.lines ?? [], lastKey: row.last_key, isLast: row.is_last };
}

/** A part of the archive: a file of the tar in a gzip member of its own. */
export interface ArchivePart {
  readonly position: number;
  readonly fileName: string;
  readonly rows: number;
  /** Of the file, before compression. */
  readonly bytes: number;
  /** Of the file, hex. */
  readonly sha256: string;
}

/** How far a table is archived after a part. */
export interface ArchiveProgress {
  readonly tableName: string;
  readonly lastKey: unknown;
  readonly isLast: boolean;
}

/** Stores a part together with how far its table is archived. @param content absent for a table without rows */
export async function writeArchivePart(db: pg.Pool, { scopeId, id, epoch }: OperationTurn, part: ArchivePart, progress: ArchiveProgress | undefined, content: Uint8Array | undefined): Promise<void> {
  const bytes = content === undefined ? null : Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  await db.query("SELECT fluxo_archive_write($1, $2, $3, $4, $5)", [scopeId, id, epoch, toJsonb({ ...part, ...progress }), bytes]);
}

/** The parts so far. @param db fluxo_system */
export async function listArchiveParts(db: pg.Pool, { scopeId, id, epoch }: OperationTurn): Promise<readonly ArchivePart[]> {
  const { rows } = await db.query<ArchivePart>('SELECT part AS position, file_name AS "fileName", rows, bytes, sha256 FROM fluxo_archive_list($1, $2, $3, NULL)', [scopeId, id, epoch]);
  return rows;
}

/** The content of one part. @param db fluxo_system */
export async function readArchivePart(db: pg.Pool, { scopeId, id, epoch }: OperationTurn, position: number): Promise<Buffer> {
  const { rows } = await db.query<{ content: Buffer }>("SELECT content FROM fluxo_archive_list($1, $2, $3, $4)", [scopeId, id, epoch, position]);
  if (rows[0] === undefined) throw new Error(`The archive of ${id} has no part ${position}.`);
  return rows[0].content;
}

/** The tenant itself as JSON. @param db fluxo_system */
export async function readSubject(db: pg.Pool, { scopeId, id, epoch }: OperationTurn): Promise<string> {
  const { rows } = await db.query<{ subject: string }>("SELECT fluxo_archive_subject($1, $2, $3)::text AS subject", [scopeId, id, epoch]);
  if (rows[0] === undefined) throw new Error("fluxo_archive_subject answered nothing.");
  return rows[0].subject;
}

/** The archive is complete. @param db fluxo_system */
export async function sealArchive(db: pg.Pool, { scopeId, id, epoch }: OperationTurn, sha256: string, bytes: number): Promise<void> {
  await db.query("SELECT fluxo_archive_seal($1, $2, $3, $4, $5)", [scopeId, id, epoch, sha256, bytes]);
}

/** One portion of an erasure: so many rows of a table are gone; `tableName` undefined when every table is empty. @param db fluxo_system */
export async function eraseSome(db: pg.Pool, { scopeId, id, epoch }: OperationTurn, limit: number): Promise<{ readonly tableName: string | undefined; readonly worked: number }> {
  const { rows } = await db.query<{ table_name: string | null; worked: number }>("SELECT table_name, worked FROM fluxo_erase_step($1, $2, $3, $4)", [scopeId, id, epoch, limit]);
  const [row] = rows;
  if (row === undefined) throw new Error("fluxo_erase_step answered nothing.");
  return { tableName: row.table_name ?? undefined, worked: row.worked };
}

/** Reduces the tenant's entries of the audit log to their hashes. Safe to repeat. @param db fluxo_system */
export async function eraseAudit(db: pg.Pool, tenantId: string): Promise<void> {
  await db.query("SELECT fluxo_audit_erase($1)", [tenantId]);
}

/** Deletes the tenant and writes the certificate. @param db fluxo_system @returns whether it is over; false when rows came meanwhile */
export async function finishErasure(db: pg.Pool, { scopeId, id, epoch }: OperationTurn, redisKeys: number): Promise<boolean> {
  const { rows } = await db.query<{ finished: boolean }>("SELECT fluxo_erase_finish($1, $2, $3, $4) AS finished", [scopeId, id, epoch, redisKeys]);
  return rows[0]?.finished === true;
}
