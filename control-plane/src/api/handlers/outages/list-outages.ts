import type { Routes } from "@fluxo/contracts/http/routes";
import { listOutages as findOutages, listOutagesAcross } from "@fluxo/prisma/repositories/outages";
import { z } from "zod";
import type { Handler } from "../../http/handler.ts";
import { decodePageToken } from "../../http/page-token.ts";
import { toInstant } from "../instants.ts";
import { toPage } from "../pages.ts";
import { toOutageAnswer } from "./outage-answer.ts";

/** Where a page ended: when the outage was closed, '' while it is open; its id. */
const placeToken = z.tuple([z.union([z.literal(""), z.iso.datetime()]), z.uuid()]);

/** GET /v1/outages */
export const listOutages: Handler<Routes["listOutages"]> = async ({ access, query }, { tenantDb }) => {
  const { agencyId, tenantId, tenantIds } = access;
  const { limit, pageToken, status, ...rest } = query;
  const place = decodePageToken(pageToken, placeToken);
  const after = place && { closedAt: place[0] === "" ? null : new Date(place[0]), id: place[1] };
  const filter = { ...rest, isOpen: status === undefined ? undefined : status === "open" };
  const page =
    tenantId === null
      ? await tenantDb.acrossTenants(agencyId, (db) => listOutagesAcross(db, { agencyId, tenantIds }, filter, limit, after))
      : await tenantDb.withTenant(tenantId, (db) => findOutages(db, tenantId, filter, limit, after));
  return { status: 200, body: toPage(page, toOutageAnswer, ({ closedAt, id }) => [toInstant(closedAt) ?? "", id]) };
};
