import { createHash } from "node:crypto";
import type { IdSource } from "@fluxo/core/ports/clock";
import { cleanFileName, cleanMediaType } from "@fluxo/core/files/name";
import { EXECUTION_FILE_BYTES_MAX, type FileRef, type NewFile } from "@fluxo/core/ports/files";
import type pg from "pg";

/** Who stores a file. */
export interface FileScope {
  readonly tenantId: string;
  readonly executionId: string;
  readonly nodeId: string;
  /** 0 outside of loops. */
  readonly item: number;
}

/** A file as it is shown, without its content. */
export interface StoredFile extends FileRef {
  readonly executionId: string;
  readonly nodeId: string;
  readonly item: number;
  readonly createdAt: Date;
}

export type FileSaved = { readonly kind: "saved"; readonly file: FileRef } | { readonly kind: "executionFull" };

/** Where the content of files is. Another store has the same promises: saves are idempotent and whole or not at all, reads stay within the tenant. */
export interface FileStore {
  /** Stores a file of at most FILE_BYTES_MAX bytes, or finds it stored by the same node and item under the same name with the same content. */
  save(scope: FileScope, file: NewFile): Promise<FileSaved>;
  /** The file without its content; undefined when the tenant has none of this id. */
  find(tenantId: string, fileId: string): Promise<StoredFile | undefined>;
  /** The content of a found file, part by part. @throws Error when a part is gone meanwhile */
  content(tenantId: string, file: StoredFile): AsyncGenerator<Uint8Array>;
}

/** Bytes of one part, as the table allows. */
export const CHUNK_BYTES = 1_048_576;

interface FileRow {
  id: string;
  execution_id: string;
  node_id: string;
  item: number;
  name: string;
  media_type: string;
  bytes: number;
  sha256: string;
  created_at: Date;
}

/** Files whose content is in PostgreSQL. @param pool fluxo_app */
export function createFileStore(pool: pg.Pool, ids: IdSource): FileStore {
  return {
    save: (scope, file) => inTransaction(pool, (db) => save(db, ids, scope, file)),
    find: async (tenantId, fileId) => {
      const { rows } = await pool.query<FileRow>({ name: "fluxo_file", text: "SELECT * FROM fluxo_file($1, $2)", values: [tenantId, fileId] });
      return rows[0] === undefined ? undefined : toStoredFile(rows[0]);
    },
    content: (tenantId, file) => readChunks(pool, tenantId, file),
  };
}

async function inTransaction<R>(pool: pg.Pool, work: (db: pg.PoolClient) => Promise<R>): Promise<R> {
  const db = await pool.connect();
  let failure: Error | undefined;
  try {
    await db.query("BEGIN");
    const result = await work(db);
    await db.query("COMMIT");
    return result;
  } catch (error) {
    await db.query("ROLLBACK").catch((cause: unknown) => {
      failure = cause instanceof Error ? cause : new Error("The transaction could not be undone.", { cause });
    });
    throw error;
  } finally {
    db.release(failure);
  }
}

async function save(db: pg.PoolClient, ids: IdSource, scope: FileScope, { name: givenName, mediaType: givenType, content }: NewFile): Promise<FileSaved> {
  const name = cleanFileName(givenName);
  const sha256 = createHash("sha256").update(content).digest("hex");
  const { rows } = await db.query<{ id: string; media_type: string; is_new: boolean; is_too_large: boolean }>({
    name: "fluxo_file_begin",
    text: "SELECT * FROM fluxo_file_begin($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    values: [scope.tenantId, ids.next(), scope.executionId, scope.nodeId, scope.item, name, cleanMediaType(givenType), content.byteLength, sha256, EXECUTION_FILE_BYTES_MAX],
  });
  const [row] = rows;
  if (row === undefined || row.is_too_large) return { kind: "executionFull" };
  if (row.is_new) await writeChunks(db, scope.tenantId, row.id, content);
  return { kind: "saved", file: { fileId: row.id, name, mediaType: row.media_type, bytes: content.byteLength, sha256 } };
}

async function writeChunks(db: pg.PoolClient, tenantId: string, fileId: string, content: Uint8Array): Promise<void> {
  for (let position = 0; position * CHUNK_BYTES < content.byteLength; position += 1) {
    const chunk = content.subarray(position * CHUNK_BYTES, (position + 1) * CHUNK_BYTES);
    await db.query({ name: "file_chunk", text: "INSERT INTO file_chunks (tenant_id, file_id, position, content) VALUES ($1, $2, $3, $4)", values: [tenantId, fileId, position, Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)] });
  }
}

async function* readChunks(pool: pg.Pool, tenantId: string, { fileId, bytes }: StoredFile): AsyncGenerator<Uint8Array> {
  for (let position = 0; position * CHUNK_BYTES < bytes; position += 1) {
    const { rows } = await pool.query<{ content: Buffer }>({ name: "fluxo_file_chunk", text: "SELECT content FROM fluxo_file_chunk($1, $2, $3)", values: [tenantId, fileId, position] });
    if (rows[0] === undefined) throw new Error(`The file ${fileId} was deleted while it was read.`);
    yield rows[0].content;
  }
}

function toStoredFile(row: FileRow): StoredFile {
  return {
    fileId: row.id, name: row.name, mediaType: row.media_type, bytes: row.bytes, sha256: row.sha256,
    executionId: row.execution_id, nodeId: row.node_id, item: row.item, createdAt: row.created_at,
  };
}
