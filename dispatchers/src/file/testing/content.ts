import { uuidV7 } from "@fluxo/prisma/ids";
import { createFileStore } from "@fluxo/prisma/files/file-store";
import type pg from "pg";

/** What a stored file holds. @throws Error when the tenant has none of this id */
export async function contentOf(app: pg.Pool, tenantId: string, fileId = ""): Promise<Buffer> {
  const store = createFileStore(app, uuidV7);
  const file = await store.find(tenantId, fileId);
  if (file === undefined) throw new Error("There is no such file.");
  const parts: Uint8Array[] = [];
  for await (const part of store.content(tenantId, file)) parts.push(part);
  return Buffer.concat(parts);
}
