import type { Routes } from "@fluxo/contracts/http/routes";
import { createFileStore } from "@fluxo/prisma/files/file-store";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";

/** GET /v1/files/{fileId}/content */
export const getFileContent: Handler<Routes["getFileContent"]> = async ({ access, params }, { pool, ids }) => {
  const store = createFileStore(pool, ids);
  const file = await store.find(access.tenantId, params.fileId);
  if (file === undefined) throw notFound("file");
  const headers = {
    "Content-Type": file.mediaType,
    "Content-Length": String(file.bytes),
    "Content-Disposition": attachmentNamed(file.name),
    "Content-Security-Policy": "default-src 'none'; sandbox",
    ETag: `"${file.sha256}"`,
  };
  return { status: 200, headers, content: store.content(access.tenantId, file) };
};

/** The name in both forms of RFC 6266: ASCII for old clients, and UTF-8 as RFC 8187 encodes it. */
function attachmentNamed(name: string): string {
  const ascii = name.replaceAll(/[^\x20-\x7E]|["%\\]/g, "_");
  const encoded = encodeURIComponent(name).replaceAll(/['()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
