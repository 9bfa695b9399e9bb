import type { Routes } from "@fluxo/contracts/http/routes";
import { isSameGrant, mergeFields, movesSecret, splitFields } from "@fluxo/core/credentials/fields";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { Json } from "@fluxo/core/json";
import { changeCredential, lockCredential, type CredentialChange, type CredentialRecord, type SealedSecrets } from "@fluxo/prisma/credentials/credentials";
import { findKey, sealingKeyOf } from "@fluxo/prisma/credentials/keys";
import { openSecrets } from "@fluxo/prisma/credentials/open";
import { secretsPlace } from "@fluxo/prisma/credentials/stored-credential";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import type { Vault } from "@fluxo/runtime/secrets/vault";
import type { Handler } from "../../http/handler.ts";
import { invalid } from "../../http/validate.ts";
import { refuseTakenNames } from "../name-taken.ts";
import { notFound } from "../not-found.ts";
import { closeCredentialBreaker } from "../outages/close-credential-breaker.ts";
import { entityTag, revisionsOf } from "../workflows/entity-tag.ts";
import { kindOf, toCredentialAnswer } from "./credential-answer.ts";
import { fieldsOf } from "./credential-fields.ts";

/** PATCH /v1/credentials/{credentialId} */
export const updateCredential: Handler<Routes["updateCredential"]> = async ({ access, params, headers, body }, services) => {
  const { tenantDb, vault } = services;
  const { tenantId } = access;
  const { credentialId } = params;
  const { name, fields, expiresAt } = body;
  const credential = await refuseTakenNames("credential", () =>
    tenantDb.withTenant(tenantId, async (db) => {
      const found = await lockCredential(db, tenantId, credentialId);
      if (found === undefined) throw notFound("credential");
      if (revisionsOf(headers["If-Match"])?.includes(found.revision) === false) {
        throw new RequestError("PRECONDITION_FAILED", { detail: "The credential has another revision by now. Read it again and apply the change to that." });
      }
      const content = fields === undefined ? undefined : await changedContent(db, tenantId, found, fields, vault);
      return changeCredential(db, tenantId, credentialId, {
        ...(name === undefined ? {} : { name }),
        ...(expiresAt === undefined ? {} : { expiresAt: expiresAt === null ? null : new Date(expiresAt) }),
        ...(content === undefined ? {} : { content }),
      });
    }),
  );
  if (fields !== undefined) await closeCredentialBreaker(services, tenantId, credentialId);
  return { status: 200, headers: { ETag: entityTag(credential.revision) }, body: toCredentialAnswer(credential) };
};

/** The fields after the change, sealed anew. The lock keeps a rotation of the refresh token from coming in between. */
async function changedContent(
  db: ScopedDb,
  tenantId: string,
  found: CredentialRecord & SealedSecrets,
  change: Readonly<Record<string, Json>>,
  vault: Vault,
): Promise<NonNullable<CredentialChange["content"]>> {
  const kind = kindOf(found.kind);
  const stored = { key: await findKey(db, tenantId, found.keyVersion), sealed: found.sealedSecrets, version: found.secretVersion };
  const known = await openSecrets({ id: found.id, secrets: stored }, vault);
  const before = { ...found.fields, ...known };
  const after = fieldsOf(kind, mergeFields(before, change));
  const { shown, secrets } = splitFields(kind, after);
  const kept = Object.keys(secrets).filter((name) => !Object.hasOwn(change, name));
  if (movesSecret(found.fields, shown) && kept.length > 0) {
    throw invalid(kept.map((name) => ({ path: `/body/fields/${name}`, code: "secret_required", message: "must be entered again, because the change sends it elsewhere" })));
  }
  const key = await sealingKeyOf(db, tenantId, vault);
  const secretVersion = found.secretVersion + 1;
  const sealed = await vault.seal(key, JSON.stringify(secrets), secretsPlace(found.id, secretVersion));
  return { fields: shown, secretNames: Object.keys(secrets), sealedSecrets: Uint8Array.from(sealed), secretVersion, keyVersion: key.version, isNewGrant: !isSameGrant(before, after) };
}
