import type { Routes } from "@fluxo/contracts/http/routes";
import { listFailedNodes } from "@fluxo/prisma/repositories/failed-nodes";
import { z } from "zod";
import type { Handler } from "../../http/handler.ts";
import { decodePageToken } from "../../http/page-token.ts";
import { toDate, toInstant } from "../instants.ts";
import { toPage } from "../pages.ts";

const placeToken = z.tuple([z.iso.datetime(), z.uuid(), z.string().min(1).max(200), z.int().min(0).max(2_147_483_647)]).transform(([failedAt, executionId, nodeId, item]) => ({ failedAt: new Date(failedAt), executionId, nodeId, item }));

/** GET /v1/failures */
export const listFailures: Handler<Routes["listFailures"]> = async ({ access, query }, { tenantDb }) => {
  const { limit, pageToken, from, to, ...filter } = query;
  const before = decodePageToken(pageToken, placeToken);
  const page = await tenantDb.withTenant(access.tenantId, (db) => listFailedNodes(db, access.tenantId, { ...filter, from: toDate(from), to: toDate(to) }, limit, before));
  const body = toPage(
    page,
    ({ failedAt, attempt, ...row }) => ({ ...row, failedAt: toInstant(failedAt), attempts: attempt }),
    ({ failedAt, executionId, nodeId, item }) => [failedAt.toISOString(), executionId, nodeId, item],
  );
  return { status: 200, body };
};
