import { randomUUID } from "node:crypto";
import { parseFields, splitFields } from "@fluxo/core/credentials/fields";
import type { CredentialKind } from "@fluxo/core/credentials/kinds";
import type { JsonObject } from "@fluxo/core/json";
import type { Vault } from "@fluxo/runtime/secrets/vault";
import { createCredential } from "../credentials/credentials.ts";
import { sealingKeyOf } from "../credentials/keys.ts";
import { secretsPlace } from "../credentials/stored-credential.ts";
import { declareCredentials } from "../credentials/usages.ts";
import type { TenantDb } from "../database/tenant-db.ts";
import type { SeededWorkflow } from "./seed.ts";

/** Stores a credential as the API does. Returns its id. */
export async function addCredential(tenantDb: TenantDb, vault: Vault, tenantId: string, kind: CredentialKind, fields: JsonObject): Promise<string> {
  const parsed = parseFields(kind, fields);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  const { shown, secrets } = splitFields(kind, parsed.fields);
  const id = randomUUID();
  await tenantDb.withTenant(tenantId, async (db) => {
    const key = await sealingKeyOf(db, tenantId, vault);
    const sealed = await vault.seal(key, JSON.stringify(secrets), secretsPlace(id, 1));
    await createCredential(db, tenantId, {
      id, name: id, kind, fields: shown, secretNames: Object.keys(secrets), expiresAt: null,
      sealedSecrets: Uint8Array.from(sealed), secretVersion: 1, keyVersion: key.version,
    });
  });
  return id;
}

/** Declares what publishing would: that a node of the workflow's version uses a credential. */
export async function useCredential(tenantDb: TenantDb, workflow: SeededWorkflow, nodeId: string, credentialId: string): Promise<void> {
  await tenantDb.withTenant(workflow.tenantId, (db) => declareCredentials(db, workflow.tenantId, workflow.versionId, [{ nodeId, param: "credential", credentialId }]));
}
