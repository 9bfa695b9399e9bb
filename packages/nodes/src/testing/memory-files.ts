import { NodeError } from "@fluxo/core/errors/node-error";
import { FILE_BYTES_MAX, type FilePort, type FileRef, type NewFile } from "@fluxo/core/ports/files";
import { createHash } from "node:crypto";

/** The files of one tenant, in memory, by the rules of the port: the same name and content give the same reference. */
export class MemoryFiles implements FilePort {
  readonly #contents = new Map<string, Uint8Array>();

  async save({ name, mediaType, content }: NewFile): Promise<FileRef> {
    await Promise.resolve();
    if (content.byteLength > FILE_BYTES_MAX) {
      throw new NodeError("The file is too large.", { errorClass: "DATA", code: "FILE_TOO_LARGE" });
    }
    const sha256 = createHash("sha256").update(content).digest("hex");
    const fileId = idFrom(`${name}\n${sha256}`);
    this.#contents.set(fileId, Uint8Array.from(content));
    return { fileId, name, mediaType, bytes: content.byteLength, sha256 };
  }

  async read(fileId: string): Promise<Uint8Array> {
    await Promise.resolve();
    const content = this.#contents.get(fileId);
    if (content === undefined) {
      throw new NodeError("There is no such file.", { errorClass: "DATA", code: "FILE_NOT_FOUND" });
    }
    return content;
  }
}

/** A UUID version 8 (RFC 9562) made of a text. */
function idFrom(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
