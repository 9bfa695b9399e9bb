import type { Routes } from "@fluxo/contracts/http/routes";
import { findAgency } from "@fluxo/prisma/repositories/agencies";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { toAgencyAnswer } from "./agency-answer.ts";

/** GET /v1/agency */
export const getAgency: Handler<Routes["getAgency"]> = async ({ access }, { tenantDb }) => {
  const agency = await tenantDb.withAgency(access.agencyId, (db) => findAgency(db, access.agencyId));
  if (agency === undefined) throw notFound("agency");
  return { status: 200, body: toAgencyAnswer(agency) };
};
