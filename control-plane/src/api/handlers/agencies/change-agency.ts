import type { Routes } from "@fluxo/contracts/http/routes";
import { resumeAgency as resume, suspendAgency as suspend, updateManagedAgency as update } from "@fluxo/prisma/repositories/managed-agencies";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { toManagedAgencyAnswer } from "./agency-answer.ts";

/** PATCH /v1/agencies/{agencyId} */
export const updateManagedAgency: Handler<Routes["updateManagedAgency"]> = async ({ params, body }, { tenantDb }) => {
  const agency = await tenantDb.withOperator((db) => update(db, params.agencyId, body));
  if (agency === undefined) throw notFound("agency");
  return { status: 200, body: toManagedAgencyAnswer(agency) };
};

/** POST /v1/agencies/{agencyId}/suspend */
export const suspendAgency: Handler<Routes["suspendAgency"]> = async ({ params, body }, { tenantDb, clock, announceAccess }) => {
  const agency = await tenantDb.withOperator((db) => suspend(db, params.agencyId, clock.now(), body?.reason ?? null));
  if (agency === undefined) throw notFound("agency");
  await announceAccess({ version: 1, kind: "everything" });
  return { status: 200, body: toManagedAgencyAnswer(agency) };
};

/** POST /v1/agencies/{agencyId}/resume */
export const resumeAgency: Handler<Routes["resumeAgency"]> = async ({ params }, { tenantDb, announceAccess }) => {
  const agency = await tenantDb.withOperator((db) => resume(db, params.agencyId));
  if (agency === undefined) throw notFound("agency");
  await announceAccess({ version: 1, kind: "everything" });
  return { status: 200, body: toManagedAgencyAnswer(agency) };
};
