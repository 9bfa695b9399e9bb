import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { packTar } from "modern-tar";

const compress = promisify(gzip);

/** Two empty blocks, with which a tar ends. */
const TAR_END_BYTES = 1_024;

/** One file of the archive, ready to be stored. */
export interface ArchiveFile {
  readonly fileName: string;
  readonly bytes: number;
  /** Of the file, hex. */
  readonly sha256: string;
  /** A gzip member of its own; all of them one after the other are the archive as `.tar.gz`. */
  readonly content: Buffer;
}

/** Packs one file. The same name and text always give the same bytes. @param isLast whether the end of the tar follows it */
export async function packFile(fileName: string, text: string, isLast: boolean): Promise<ArchiveFile> {
  const body = Buffer.from(text, "utf8");
  const tar = await packTar([{ header: { name: fileName, size: body.byteLength, type: "file", mode: 0o600, mtime: new Date(0) }, body }]);
  return {
    fileName,
    bytes: body.byteLength,
    sha256: createHash("sha256").update(body).digest("hex"),
    content: await compress(isLast ? tar : tar.subarray(0, tar.byteLength - TAR_END_BYTES)),
  };
}
