import type { Routes } from "@fluxo/contracts/http/routes";
import { findCredential } from "@fluxo/prisma/credentials/credentials";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { findUsages } from "./usages.ts";

/** GET /v1/credentials/{credentialId}/usages */
export const listCredentialUsages: Handler<Routes["listCredentialUsages"]> = async ({ access, params }, { tenantDb }) => {
  const { tenantId } = access;
  const data = await tenantDb.withTenant(tenantId, async (db) => {
    if ((await findCredential(db, tenantId, params.credentialId)) === undefined) throw notFound("credential");
    return findUsages(db, tenantId, params.credentialId);
  });
  return { status: 200, body: { data } };
};
