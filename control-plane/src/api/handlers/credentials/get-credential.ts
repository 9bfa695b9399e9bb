import type { Routes } from "@fluxo/contracts/http/routes";
import { findCredential } from "@fluxo/prisma/credentials/credentials";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { entityTag } from "../workflows/entity-tag.ts";
import { toCredentialAnswer } from "./credential-answer.ts";

/** GET /v1/credentials/{credentialId} */
export const getCredential: Handler<Routes["getCredential"]> = async ({ access, params }, { tenantDb }) => {
  const credential = await tenantDb.withTenant(access.tenantId, (db) => findCredential(db, access.tenantId, params.credentialId));
  if (credential === undefined) throw notFound("credential");
  return { status: 200, headers: { ETag: entityTag(credential.revision) }, body: toCredentialAnswer(credential) };
};
