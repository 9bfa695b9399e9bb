import type { Routes } from "@fluxo/contracts/http/routes";
import { listAudit } from "@fluxo/prisma/audit/audit-log";
import { z } from "zod";
import type { Handler } from "../../http/handler.ts";
import { decodePageToken } from "../../http/page-token.ts";
import { toDate } from "../instants.ts";
import { toPage } from "../pages.ts";
import { chainOf, toAuditAnswer } from "./audit-answer.ts";

const seqToken = z.tuple([z.int().min(1)]);

/** GET /v1/audit-entries */
export const listAuditEntries: Handler<Routes["listAuditEntries"]> = async ({ access, query }, { tenantDb }) => {
  const { limit, pageToken, from, to, ...filter } = query;
  const before = decodePageToken(pageToken, seqToken)?.[0];
  const chain = chainOf(access, tenantDb);
  const page = await chain.read((db) => listAudit(db, chain.id, { ...filter, from: toDate(from), to: toDate(to) }, limit, before));
  return { status: 200, body: toPage(page, toAuditAnswer, ({ seq }) => [seq]) };
};
