import type { JsonObject } from "@fluxo/core/json";
import type { SecretPlace, TenantKey } from "@fluxo/runtime/secrets/vault";
import type pg from "pg";

/** A sealed thing and the key that opens it. */
export interface Sealed {
  readonly key: TenantKey;
  readonly sealed: Uint8Array;
  readonly version: number;
}

/** A credential as it is stored, with all that opening it takes. */
export interface StoredCredential {
  readonly tenantId: string;
  readonly id: string;
  readonly kind: string;
  /** The fields that are no secrets. */
  readonly fields: JsonObject;
  readonly secrets: Sealed;
  readonly grantVersion: number;
  readonly isBroken: boolean;
  readonly healthMessage: string | null;
  /** The access token that is valid now. */
  readonly token: Sealed | undefined;
}

interface Row {
  id: string;
  kind: string;
  fields: JsonObject;
  sealed_secrets: Buffer;
  secret_version: number;
  grant_version: number;
  health: string;
  health_message: string | null;
  key_version: number;
  root_key_id: string;
  wrapped: Buffer;
  sealed_token: Buffer | null;
  token_version: number | null;
  token_is_valid: boolean;
  token_key_version: number | null;
  token_root_key_id: string | null;
  token_wrapped: Buffer | null;
}

/** Where the secrets of a credential are sealed. */
export function secretsPlace(credentialId: string, version: number): SecretPlace {
  return { record: credentialId, part: "secrets", version };
}

/** Where the access token of a credential is sealed. */
export function tokenPlace(credentialId: string, version: number): SecretPlace {
  return { record: credentialId, part: "token", version };
}

/** Any credential of the tenant. @param db fluxo_app */
export async function readCredential(db: pg.Pool, tenantId: string, credentialId: string): Promise<StoredCredential | undefined> {
  const { rows } = await db.query<Row>({ name: "fluxo_credential_read", text: "SELECT * FROM fluxo_credential_read($1, $2)", values: [tenantId, credentialId] });
  return toStored(tenantId, rows[0]);
}

/** Who wants to open a credential: a node of an execution. */
export interface CredentialScope {
  readonly tenantId: string;
  readonly executionId: string;
  readonly nodeId: string;
}

/**
 * A credential for a node: only what the published version of its execution declares for this node.
 * @param db fluxo_app
 * @param credentialId a UUID
 */
export async function openForNode(db: pg.Pool, { tenantId, executionId, nodeId }: CredentialScope, credentialId: string): Promise<StoredCredential | undefined> {
  const { rows } = await db.query<Row>({ name: "fluxo_credential_open", text: "SELECT * FROM fluxo_credential_open($1, $2, $3, $4)", values: [tenantId, executionId, nodeId, credentialId] });
  return toStored(tenantId, rows[0]);
}

/**
 * A credential for the dispatcher of a trigger: only what the trigger's parameters name and the published version declares. `isUntried`: whether a login would
 * tell something new about its health.
 * @param db fluxo_app
 * @param credentialId a UUID
 */
export async function openForTrigger(db: pg.Pool, tenantId: string, triggerId: string, credentialId: string): Promise<{ readonly stored: StoredCredential; readonly isUntried: boolean } | undefined> {
  const { rows } = await db.query<Row>({ name: "fluxo_credential_for_trigger", text: "SELECT * FROM fluxo_credential_for_trigger($1, $2, $3)", values: [tenantId, triggerId, credentialId] });
  const stored = toStored(tenantId, rows[0]);
  return stored && { stored, isUntried: rows[0]?.health === "UNKNOWN" };
}

/**
 * Writes what a login with a credential showed, unless its fields changed since it was read. One credential is one alert, however many triggers use it.
 * @param db fluxo_app
 * @param refusal what the server said when it refused the login for good; null when it took it
 */
export async function noteLogin(db: pg.Pool, { tenantId, id, grantVersion }: Pick<StoredCredential, "tenantId" | "id" | "grantVersion">, refusal: string | null): Promise<void> {
  await db.query({ name: "fluxo_credential_tried", text: "SELECT fluxo_credential_tried($1, $2, $3, $4)", values: [tenantId, id, grantVersion, refusal] });
}

function toStored(tenantId: string, row: Row | undefined): StoredCredential | undefined {
  if (row === undefined) return undefined;
  return {
    tenantId,
    id: row.id,
    kind: row.kind,
    fields: row.fields,
    secrets: { key: { tenantId, version: row.key_version, rootKeyId: row.root_key_id, wrapped: row.wrapped }, sealed: row.sealed_secrets, version: row.secret_version },
    grantVersion: row.grant_version,
    isBroken: row.health === "BROKEN",
    healthMessage: row.health_message,
    token: row.token_is_valid ? tokenOf(tenantId, row) : undefined,
  };
}

function tokenOf(tenantId: string, row: Row): Sealed | undefined {
  const { sealed_token: sealed, token_version: version, token_key_version: keyVersion, token_root_key_id: rootKeyId, token_wrapped: wrapped } = row;
  if (sealed === null || version === null || keyVersion === null || rootKeyId === null || wrapped === null) return undefined;
  return { key: { tenantId, version: keyVersion, rootKeyId, wrapped }, sealed, version };
}
