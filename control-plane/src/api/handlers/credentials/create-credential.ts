import type { Routes } from "@fluxo/contracts/http/routes";
import { splitFields } from "@fluxo/core/credentials/fields";
import { createCredential as insertCredential } from "@fluxo/prisma/credentials/credentials";
import { sealingKeyOf } from "@fluxo/prisma/credentials/keys";
import { secretsPlace } from "@fluxo/prisma/credentials/stored-credential";
import type { Handler } from "../../http/handler.ts";
import { refuseTakenNames } from "../name-taken.ts";
import { entityTag } from "../workflows/entity-tag.ts";
import { toCredentialAnswer } from "./credential-answer.ts";
import { fieldsOf } from "./credential-fields.ts";

/** POST /v1/credentials */
export const createCredential: Handler<Routes["createCredential"]> = async ({ access, body }, { tenantDb, vault, ids }) => {
  const { tenantId } = access;
  const { name, kind } = body;
  const { shown, secrets } = splitFields(kind, fieldsOf(kind, body.fields));
  const expiresAt = body.expiresAt === undefined ? null : new Date(body.expiresAt);
  const id = ids.next();
  const credential = await refuseTakenNames("credential", () =>
    tenantDb.withTenant(tenantId, async (db) => {
      const key = await sealingKeyOf(db, tenantId, vault);
      const sealed = await vault.seal(key, JSON.stringify(secrets), secretsPlace(id, 1));
      const content = { sealedSecrets: Uint8Array.from(sealed), secretVersion: 1, keyVersion: key.version };
      return insertCredential(db, tenantId, { id, name, kind, fields: shown, secretNames: Object.keys(secrets), expiresAt, ...content });
    }),
  );
  return { status: 201, headers: { Location: `/v1/credentials/${id}`, ETag: entityTag(credential.revision) }, body: toCredentialAnswer(credential) };
};
