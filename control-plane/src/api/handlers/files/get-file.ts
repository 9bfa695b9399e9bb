import type { Routes } from "@fluxo/contracts/http/routes";
import { createFileStore } from "@fluxo/prisma/files/file-store";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";

/** GET /v1/files/{fileId} */
export const getFile: Handler<Routes["getFile"]> = async ({ access, params }, { pool, ids }) => {
  const file = await createFileStore(pool, ids).find(access.tenantId, params.fileId);
  if (file === undefined) throw notFound("file");
  return { status: 200, body: { ...file, createdAt: file.createdAt.toISOString() } };
};
