import { createHash, type Hash } from "node:crypto";
import { cleanFileName, cleanMediaType } from "@fluxo/core/files/name";
import type { IdSource } from "@fluxo/core/ports/clock";
import type { FileRef } from "@fluxo/core/ports/files";
import type pg from "pg";
import { CHUNK_BYTES } from "./file-store.ts";

/** What a trigger's dispatcher copies, before there is an execution. */
export interface CopyRequest {
  readonly tenantId: string;
  readonly triggerId: string;
  readonly name: string;
  readonly mediaType: string;
  /** Of the whole content; at most COPY_BYTES_MAX. */
  readonly bytes: number;
}

/** Bytes that the table allows for a copied file. */
export const COPY_BYTES_MAX = 1_073_741_824;

/**
 * A file that is copied part by part, each in its own commit. It is nobody's file until `commitDispatch` names it with an item that becomes an execution; what is never named is
 * discarded, or swept.
 */
export class FileCopy {
  readonly #pool: pg.Pool;
  readonly #tenantId: string;
  readonly #file: Omit<FileRef, "sha256">;
  readonly #hash: Hash = createHash("sha256");
  #written = 0;

  private constructor(pool: pg.Pool, tenantId: string, file: Omit<FileRef, "sha256">) {
    this.#pool = pool;
    this.#tenantId = tenantId;
    this.#file = file;
  }

  /** @param pool fluxo_app. @throws Error when the tenant has no such trigger, or what the database threw */
  static async begin(pool: pg.Pool, ids: IdSource, request: CopyRequest): Promise<FileCopy> {
    const { tenantId, triggerId, bytes } = request;
    const file = { fileId: ids.next(), name: cleanFileName(request.name), mediaType: cleanMediaType(request.mediaType), bytes };
    const { rows } = await pool.query<{ is_begun: boolean }>({
      name: "fluxo_file_copy_begin",
      text: "SELECT fluxo_file_copy_begin($1, $2, $3, $4, $5, $6) AS is_begun",
      values: [tenantId, file.fileId, triggerId, file.name, file.mediaType, bytes],
    });
    if (rows[0]?.is_begun !== true) throw new Error("The trigger of a copy is gone.");
    return new FileCopy(pool, tenantId, file);
  }

  /** Stores the next part, CHUNK_BYTES long unless it is the last. The bytes are free to be used again afterwards. @throws Error when the copy was swept, or more comes than was said */
  async write(part: Uint8Array): Promise<void> {
    if (this.#written % CHUNK_BYTES !== 0 || part.byteLength > CHUNK_BYTES || this.#written + part.byteLength > this.#file.bytes) throw new Error("A part of a copy does not fit.");
    const { rows } = await this.#pool.query<{ is_there: boolean }>({
      name: "fluxo_file_copy_part",
      text: "SELECT fluxo_file_copy_part($1, $2, $3, $4) AS is_there",
      values: [this.#tenantId, this.#file.fileId, this.#written / CHUNK_BYTES, Buffer.from(part.buffer, part.byteOffset, part.byteLength)],
    });
    if (rows[0]?.is_there !== true) throw new Error("A copy was swept while it was made.");
    this.#hash.update(part);
    this.#written += part.byteLength;
  }

  /** The file as it will be; undefined when less came than was said. Nothing is written afterwards. */
  finish(): FileRef | undefined {
    return this.#written === this.#file.bytes ? { ...this.#file, sha256: this.#hash.digest("hex") } : undefined;
  }

  /** Throws it away, unless it became a file. */
  async discard(): Promise<void> {
    await this.#pool.query({ name: "fluxo_file_copy_discard", text: "SELECT fluxo_file_copy_discard($1, $2)", values: [this.#tenantId, this.#file.fileId] });
  }
}

/** Throws away copies that began longer ago than `ageMs` and became no file. @param db fluxo_system. @returns how many */
export async function sweepFileCopies(db: pg.Pool, ageMs: number, limit: number): Promise<number> {
  const { rows } = await db.query<{ gone: number }>({ name: "fluxo_file_copies_sweep", text: "SELECT fluxo_file_copies_sweep($1, $2) AS gone", values: [ageMs, limit] });
  return rows[0]?.gone ?? 0;
}
