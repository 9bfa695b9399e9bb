import type { Routes } from "@fluxo/contracts/http/routes";
import { listOccurrences as findPage } from "@fluxo/prisma/repositories/occurrences";
import { z } from "zod";
import type { Handler } from "../../http/handler.ts";
import { decodePageToken } from "../../http/page-token.ts";
import { toDate } from "../instants.ts";
import { toPage } from "../pages.ts";
import { requireTrigger } from "../../../triggers/find-watched.ts";

const cursorToken = z.tuple([z.iso.datetime(), z.string()]).transform(([occurredAt, key]) => ({ occurredAt: new Date(occurredAt), key }));

/** GET /v1/triggers/{triggerId}/occurrences */
export const listOccurrences: Handler<Routes["listOccurrences"]> = async ({ access, params, query }, { tenantDb }) => {
  const { tenantId } = access;
  const { limit, pageToken, from, to, reason } = query;
  const before = decodePageToken(pageToken, cursorToken);
  const page = await tenantDb.withTenant(tenantId, async (db) => {
    const { id } = await requireTrigger(db, tenantId, params.triggerId);
    return findPage(db, tenantId, id, { from: toDate(from), to: toDate(to), reason }, limit, before);
  });
  const toAnswer = ({ occurredAt, recordedAt, ...occurrence }: (typeof page.items)[number]) => ({ ...occurrence, occurredAt: occurredAt.toISOString(), recordedAt: recordedAt.toISOString() });
  return { status: 200, body: toPage(page, toAnswer, ({ occurredAt, key }) => [occurredAt.toISOString(), key]) };
};
