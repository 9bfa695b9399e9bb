import { NodeError } from "@fluxo/core/errors/node-error";
import { EXECUTION_FILE_BYTES_MAX, FILE_BYTES_MAX, type FilePort } from "@fluxo/core/ports/files";
import type { NodeScope } from "@fluxo/core/ports/node-ports";
import { isTransient } from "@fluxo/prisma/database/errors";
import type { FileStore } from "@fluxo/prisma/files/file-store";
import { z } from "zod";

/** The files of the tenant whose node asks. */
export function filePort(store: FileStore, { tenantId, executionId, nodeId, item }: NodeScope): FilePort {
  return {
    save: async (file) => {
      if (file.content.byteLength > FILE_BYTES_MAX) {
        throw new NodeError(`The file has ${file.content.byteLength} bytes; a file may have ${FILE_BYTES_MAX}.`, { errorClass: "DATA", code: "FILE_TOO_LARGE" });
      }
      const saved = await orUnavailable(store.save({ tenantId, executionId, nodeId, item }, file));
      if (saved.kind === "saved") return saved.file;
      throw new NodeError(`The files of the execution are larger than ${EXECUTION_FILE_BYTES_MAX} bytes together.`, { errorClass: "DATA", code: "EXECUTION_TOO_LARGE" });
    },
    read: async (fileId) => {
      const file = z.uuid().safeParse(fileId).success ? await orUnavailable(store.find(tenantId, fileId)) : undefined;
      if (file === undefined) throw new NodeError("The tenant has no such file.", { errorClass: "DATA", code: "FILE_NOT_FOUND" });
      // What a dispatcher copied may be larger than what a node can hold.
      if (file.bytes > FILE_BYTES_MAX) throw new NodeError(`The file has ${file.bytes} bytes; a node can read ${FILE_BYTES_MAX}.`, { errorClass: "DATA", code: "FILE_TOO_LARGE" });
      const content = new Uint8Array(file.bytes);
      let bytes = 0;
      await orUnavailable(
        (async () => {
          for await (const chunk of store.content(tenantId, file)) {
            content.set(chunk, bytes);
            bytes += chunk.byteLength;
          }
        })(),
      );
      return content;
    },
  };
}

/** Storing is idempotent and reading changes nothing, so both may be tried again when the database was away. */
async function orUnavailable<R>(work: Promise<R>): Promise<R> {
  try {
    return await work;
  } catch (error) {
    if (isTransient(error)) throw new NodeError("The files cannot be reached right now.", { errorClass: "SERVER", code: "UNAVAILABLE", cause: error });
    throw error;
  }
}
