import { z } from "zod";

/** Bytes of one file that a node makes or reads, at most. */
export const FILE_BYTES_MAX = 26_214_400;

/** Bytes of all files that the nodes of one execution make, together at most. */
export const EXECUTION_FILE_BYTES_MAX = 104_857_600;

/**
 * Binary data as nodes hand it on: a reference, never the content. It names a file of the same tenant; one of another tenant cannot be opened.
 */
export const fileRefSchema = z.strictObject({
  fileId: z.uuid().describe("The stored file."),
  name: z.string().min(1).max(255).describe("Its name, without folders."),
  mediaType: z.string().min(1).max(200).describe("Its media type, such as `application/pdf`."),
  bytes: z.int().min(0).describe("Its size in bytes."),
  sha256: z.string().regex(/^[0-9a-f]{64}$/).describe("The SHA-256 of its content, hex."),
});
export type FileRef = z.output<typeof fileRefSchema>;

export interface NewFile {
  /** As it is to be seen; folders and control characters are taken out. */
  readonly name: string;
  /** What is no media type is stored as `application/octet-stream`. */
  readonly mediaType: string;
  readonly content: Uint8Array;
}

/** The files of one execution's tenant. */
export interface FilePort {
  /**
   * Stores a file. The same content and name by the same node and item gives the same reference, so that an attempt may repeat it.
   * @throws NodeError FILE_TOO_LARGE, EXECUTION_TOO_LARGE (both DATA)
   */
  save(file: NewFile): Promise<FileRef>;
  /** The content of a file of the tenant. @throws NodeError FILE_NOT_FOUND, FILE_TOO_LARGE (both DATA): a file that a trigger copied may have more than FILE_BYTES_MAX */
  read(fileId: string): Promise<Uint8Array>;
}
