import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import { findOffBoarding, findOffBoardingTables, listOffBoardings as list, readArchive } from "@fluxo/prisma/off-boarding/off-boardings";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { idOfPageToken, toIdPage } from "../pages.ts";
import { toOffBoardingAnswer, toOffBoardingSummary } from "./off-boarding-answer.ts";

/** GET /v1/off-boardings */
export const listOffBoardings: Handler<Routes["listOffBoardings"]> = async ({ access, query }, { tenantDb }) => {
  const before = idOfPageToken(query.pageToken);
  const page = await tenantDb.withAgency(access.agencyId, (db) => list(db, access.agencyId, query.tenantId, query.limit, before));
  return { status: 200, body: toIdPage(page, toOffBoardingSummary) };
};

/** GET /v1/off-boardings/{offBoardingId} */
export const getOffBoarding: Handler<Routes["getOffBoarding"]> = async ({ access, params }, { tenantDb }) => {
  const { agencyId } = access;
  const body = await tenantDb.withAgency(agencyId, async (db) => {
    const record = await findOffBoarding(db, agencyId, params.offBoardingId);
    if (record === undefined) throw notFound("off-boarding");
    return toOffBoardingAnswer(record, await findOffBoardingTables(db, agencyId, record.id));
  });
  return { status: 200, body };
};

/** GET /v1/off-boardings/{offBoardingId}/archive */
export const getOffBoardingArchive: Handler<Routes["getOffBoardingArchive"]> = async ({ access, params }, { tenantDb, pool }) => {
  const { agencyId } = access;
  const record = await tenantDb.withAgency(agencyId, (db) => findOffBoarding(db, agencyId, params.offBoardingId));
  if (record === undefined) throw notFound("off-boarding");
  const { id, tenantId, archive, status } = record;
  if (archive === null || (status !== "READY" && status !== "ACKNOWLEDGED")) throw new RequestError("STATE_CONFLICT", { detail: `The off-boarding is ${status}: there is no archive.` });
  const headers = {
    "Content-Type": "application/gzip",
    "Content-Length": String(archive.bytes),
    "Content-Disposition": `attachment; filename="tenant-${tenantId}.tar.gz"`,
    "Repr-Digest": `sha-256=:${Buffer.from(archive.sha256, "hex").toString("base64")}:`,
    ETag: `"${archive.sha256}"`,
  };
  return { status: 200, headers, content: readArchive(pool, agencyId, id, archive.bytes) };
};
