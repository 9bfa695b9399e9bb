import type { Routes } from "@fluxo/contracts/http/routes";
import { findExecutionSummary } from "@fluxo/prisma/repositories/executions";
import { findOutageWait, listJournal } from "@fluxo/prisma/repositories/journal";
import { z } from "zod";
import type { Handler } from "../../http/handler.ts";
import { decodePageToken } from "../../http/page-token.ts";
import { notFound } from "../not-found.ts";
import { toTimeline } from "./timeline.ts";

/** Where a page ended: position, item, node. */
const placeToken = z.tuple([z.int32(), z.int32(), z.string()]);

/** GET /v1/executions/{executionId}/timeline */
export const getTimeline: Handler<Routes["getTimeline"]> = async ({ access, params, query }, { tenantDb }) => {
  const { tenantId } = access;
  const { executionId } = params;
  const { includeOutputs: hasOutputs, limit, pageToken, ...filter } = query;
  const place = decodePageToken(pageToken, placeToken);
  const after = place && { position: place[0], item: place[1], nodeId: place[2] };
  const body = await tenantDb.withTenant(tenantId, async (db) => {
    const execution = await findExecutionSummary(db, tenantId, executionId);
    if (execution === undefined) throw notFound("execution");
    const journal = await listJournal(db, { tenantId, executionId }, filter, { hasOutputs, limit, after });
    return toTimeline(execution, journal, execution.status === "WAITING" ? await findOutageWait(db, tenantId, executionId) : undefined);
  });
  return { status: 200, body };
};
