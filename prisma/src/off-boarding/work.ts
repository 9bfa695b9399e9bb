import type pg from "pg";
import { toJsonb } from "../database/jsonb.ts";

/** An off-boarding that this process may work on until its lease ends. */
export interface LeasedOffBoarding {
  readonly agencyId: string;
  readonly id: string;
  /** The tenant that is off-boarded. */
  readonly tenantId: string;
  readonly status: "STOPPING" | "EXPORTING" | "ERASING";
  readonly epoch: number;
}

/** Leases off-boardings with work to do, those first that had no turn for the longest time. @param db fluxo_system */
export async function claimOffBoardings(db: pg.Pool, owner: string, leaseMs: number, limit: number): Promise<readonly LeasedOffBoarding[]> {
  const { rows } = await db.query<{ agency_id: string; id: string; subject_id: string; status: LeasedOffBoarding["status"]; epoch: number }>("SELECT * FROM fluxo_off_boarding_claim($1, $2, $3)", [owner, leaseMs, limit]);
  return rows.map((row) => ({ agencyId: row.agency_id, id: row.id, tenantId: row.subject_id, status: row.status, epoch: row.epoch }));
}

/** Ends a turn. @param db fluxo_system @param restMs the next turn is so much later at the earliest */
export async function releaseOffBoarding(db: pg.Pool, { agencyId, id, epoch }: LeasedOffBoarding, restMs: number): Promise<void> {
  await db.query("SELECT fluxo_off_boarding_release($1, $2, $3, $4)", [agencyId, id, epoch, restMs]);
}

/**
 * Ends what runs for a tenant, so many executions at a time. Safe to repeat.
 * @param db fluxo_app
 * @returns how many executions have not ended, 1,000 standing for all above it; and the running ones whose workers have to hear of their end
 */
export async function stopTenant(db: pg.Pool, tenantId: string, limit: number): Promise<{ readonly leftOver: number; readonly running: readonly string[] }> {
  const { rows } = await db.query<{ left_over: number; running: string[] }>("SELECT left_over, running FROM fluxo_off_boarding_stop($1, $2)", [tenantId, limit]);
  const [row] = rows;
  if (row === undefined) throw new Error("fluxo_off_boarding_stop answered nothing.");
  return { leftOver: row.left_over, running: row.running };
}

/** Lists the tables and begins the archive. @param db fluxo_system @param graceMs since the off-boarding was asked for @returns false before that, and when another process leases it @throws Error naming tables that the eraser does not cover */
export async function beginArchive(db: pg.Pool, { agencyId, id, epoch }: LeasedOffBoarding, graceMs: number): Promise<boolean> {
  const { rows } = await db.query<{ begun: boolean }>("SELECT fluxo_archive_begin($1, $2, $3, $4) AS begun", [agencyId, id, epoch, graceMs]);
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

/** About `bytes` of rows, one row at least. @param db fluxo_system @returns undefined when another process leases it */
export async function readForArchive(db: pg.Pool, { agencyId, id, epoch }: LeasedOffBoarding, bytes: number): Promise<ArchiveRows | undefined> {
  const { rows } = await db.query<{ table_name: string | null; part: number; lines: string[] | null; last_key: unknown; is_last: boolean }>("SELECT * FROM fluxo_archive_read($1, $2, $3, $4)", [agencyId, id, epoch, bytes]);
  const [row] = rows;
  return row === undefined ? undefined : { tableName: row.table_name ?? undefined, part: row.part, lines: row.lines ?? [], lastKey: row.last_key, isLast: row.is_last };
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

/** Stores a part together with how far its table is archived. @param content absent for a table without rows @returns false when another process leases it */
export async function writeArchivePart(db: pg.Pool, { agencyId, id, epoch }: LeasedOffBoarding, part: ArchivePart, progress: ArchiveProgress | undefined, content: Uint8Array | undefined): Promise<boolean> {
  const bytes = content === undefined ? null : Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  const { rows } = await db.query<{ written: boolean }>("SELECT fluxo_archive_write($1, $2, $3, $4, $5) AS written", [agencyId, id, epoch, toJsonb({ ...part, ...progress }), bytes]);
  return rows[0]?.written === true;
}

/** The parts so far. @param db fluxo_system */
export async function listArchiveParts(db: pg.Pool, { agencyId, id, epoch }: LeasedOffBoarding): Promise<readonly ArchivePart[]> {
  const { rows } = await db.query<ArchivePart>('SELECT part AS position, file_name AS "fileName", rows, bytes, sha256 FROM fluxo_archive_list($1, $2, $3, NULL)', [agencyId, id, epoch]);
  return rows;
}

/** The content of one part. @param db fluxo_system @throws Error when another process leases the off-boarding */
export async function readArchivePart(db: pg.Pool, { agencyId, id, epoch }: LeasedOffBoarding, position: number): Promise<Buffer> {
  const { rows } = await db.query<{ content: Buffer }>("SELECT content FROM fluxo_archive_list($1, $2, $3, $4)", [agencyId, id, epoch, position]);
  if (rows[0] === undefined) throw new Error(`The archive of ${id} has no part ${position} for this process.`);
  return rows[0].content;
}

/** The tenant itself as JSON; undefined when another process leases the off-boarding. @param db fluxo_system */
export async function readSubject(db: pg.Pool, { agencyId, id, epoch }: LeasedOffBoarding): Promise<string | undefined> {
  const { rows } = await db.query<{ subject: string | null }>("SELECT fluxo_archive_subject($1, $2, $3)::text AS subject", [agencyId, id, epoch]);
  return rows[0]?.subject ?? undefined;
}

/** The archive is complete. @param db fluxo_system */
export async function sealArchive(db: pg.Pool, { agencyId, id, epoch }: LeasedOffBoarding, sha256: string, bytes: number): Promise<void> {
  await db.query("SELECT fluxo_archive_seal($1, $2, $3, $4, $5)", [agencyId, id, epoch, sha256, bytes]);
}

/** One portion of an erasure: so many rows of a table are gone; `tableName` undefined when every table is empty. @param db fluxo_system @returns undefined when another process leases it */
export async function eraseSome(db: pg.Pool, { agencyId, id, epoch }: LeasedOffBoarding, limit: number): Promise<{ readonly tableName: string | undefined; readonly worked: number } | undefined> {
  const { rows } = await db.query<{ table_name: string | null; worked: number }>("SELECT table_name, worked FROM fluxo_erase_step($1, $2, $3, $4)", [agencyId, id, epoch, limit]);
  const [row] = rows;
  return row === undefined ? undefined : { tableName: row.table_name ?? undefined, worked: row.worked };
}

/** Reduces the tenant's entries of the audit log to their hashes. Safe to repeat. @param db fluxo_system */
export async function eraseAudit(db: pg.Pool, tenantId: string): Promise<void> {
  await db.query("SELECT fluxo_audit_erase($1)", [tenantId]);
}

/** Deletes the tenant and writes the certificate. @param db fluxo_system @returns whether it is over; false when rows came meanwhile */
export async function finishErasure(db: pg.Pool, { agencyId, id, epoch }: LeasedOffBoarding, redisKeys: number): Promise<boolean> {
  const { rows } = await db.query<{ finished: boolean }>("SELECT fluxo_erase_finish($1, $2, $3, $4) AS finished", [agencyId, id, epoch, redisKeys]);
  return rows[0]?.finished === true;
}
