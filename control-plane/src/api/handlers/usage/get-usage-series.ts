import type { Routes } from "@fluxo/contracts/http/routes";
import { listUsagePoints } from "@fluxo/prisma/usage/series";
import { z } from "zod";
import type { Handler } from "../../http/handler.ts";
import { decodePageToken } from "../../http/page-token.ts";
import { invalid } from "../../http/validate.ts";
import { toPage } from "../pages.ts";
import { spanOf } from "./span.ts";

const pointToken = z.tuple([z.string(), z.string()]);

/** GET /v1/tenants/{tenantId}/usage/series */
export const getUsageSeries: Handler<Routes["getUsageSeries"]> = async ({ access, query }, { tenantDb }) => {
  const { metric, groupBy, limit, pageToken } = query;
  if (metric === "storageBytes" && groupBy !== undefined) throw invalid([{ path: "/query/groupBy", code: "not_allowed", message: "storage belongs to no workflow, node type, integration or model" }]);
  const span = spanOf(query);
  const [start, group] = decodePageToken(pageToken, pointToken) ?? [];
  const after = start === undefined || group === undefined ? undefined : { start, group };
  const page = await tenantDb.withTenant(access.tenantId, (db) => listUsagePoints(db, access.tenantId, { ...span, metric, groupBy }, limit, after));
  return {
    status: 200,
    body: toPage(
      page,
      (point) => ({ start: point.start, group: point.group === "" ? null : point.group, quantity: Number(point.quantity) }),
      (point) => [point.start, point.group],
    ),
  };
};
