import type { Routes } from "@fluxo/contracts/http/routes";
import { findManagedAgency, listManagedAgencies } from "@fluxo/prisma/repositories/managed-agencies";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { idOfPageToken, toIdPage } from "../pages.ts";
import { toManagedAgencyAnswer } from "./agency-answer.ts";

/** GET /v1/agencies */
export const listAgencies: Handler<Routes["listAgencies"]> = async ({ query }, { tenantDb }) => {
  const before = idOfPageToken(query.pageToken);
  const page = await tenantDb.withOperator((db) => listManagedAgencies(db, query.status, query.limit, before));
  return { status: 200, body: toIdPage(page, toManagedAgencyAnswer) };
};

/** GET /v1/agencies/{agencyId} */
export const getManagedAgency: Handler<Routes["getManagedAgency"]> = async ({ params }, { tenantDb }) => {
  const agency = await tenantDb.withOperator((db) => findManagedAgency(db, params.agencyId));
  if (agency === undefined) throw notFound("agency");
  return { status: 200, body: toManagedAgencyAnswer(agency) };
};
