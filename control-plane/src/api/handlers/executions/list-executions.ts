import type { Routes } from "@fluxo/contracts/http/routes";
import { listExecutions as findExecutions, listExecutionsAcross } from "@fluxo/prisma/repositories/executions";
import { z } from "zod";
import type { Handler } from "../../http/handler.ts";
import { decodePageToken } from "../../http/page-token.ts";
import { toPage } from "../pages.ts";
import { toSummaryAnswer } from "./execution-answer.ts";

const cursorToken = z.tuple([z.iso.datetime(), z.uuid()]).transform(([queuedAt, id]) => ({ queuedAt: new Date(queuedAt), id }));

/** GET /v1/executions */
export const listExecutions: Handler<Routes["listExecutions"]> = async ({ access, query }, { tenantDb }) => {
  const { limit, pageToken, status, from, to, workflowId, triggerId, reason, errorCode, rerunOf } = query;
  const before = decodePageToken(pageToken, cursorToken);
  const filter = { statuses: status, workflowId, triggerId, reason, errorCode, rerunOf, from: toDate(from), to: toDate(to) };
  const { agencyId, tenantId, tenantIds } = access;
  const page =
    tenantId === null
      ? await tenantDb.acrossTenants(agencyId, (db) => listExecutionsAcross(db, { agencyId, tenantIds }, filter, limit, before))
      : await tenantDb.withTenant(tenantId, (db) => findExecutions(db, tenantId, filter, limit, before));
  return { status: 200, body: toPage(page, toSummaryAnswer, ({ queuedAt, id }) => [queuedAt.toISOString(), id]) };
};

function toDate(instant: string | undefined): Date | undefined {
  return instant === undefined ? undefined : new Date(instant);
}
