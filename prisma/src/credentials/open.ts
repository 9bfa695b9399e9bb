import { parseFields } from "@fluxo/core/credentials/fields";
import type { CredentialFields } from "@fluxo/core/credentials/kinds";
import { isCredentialKind } from "@fluxo/core/credentials/kinds";
import { NodeError } from "@fluxo/core/errors/node-error";
import type { OpenCredential } from "@fluxo/core/ports/credentials";
import { SecretBoxError } from "@fluxo/runtime/secrets/box";
import type { Vault } from "@fluxo/runtime/secrets/vault";
import { secretsPlace, type StoredCredential } from "./stored-credential.ts";

/** An opened credential and every value of it that nobody may see. */
export interface Opened {
  readonly credential: OpenCredential;
  readonly secretValues: readonly string[];
}

/** Who has access tokens for credentials of the kind oauth2. */
export interface TokenSource {
  get(stored: StoredCredential): Promise<string>;
}

/**
 * Opens a stored credential; one of the kind oauth2 with an access token that is valid now.
 * @throws NodeError CREDENTIAL_UNREADABLE, and what `tokens` throws
 */
export async function openCredential(stored: StoredCredential, vault: Vault, tokens: TokenSource): Promise<Opened> {
  const { id, kind } = stored;
  const secrets = await openSecrets(stored, vault);
  const parsed = isCredentialKind(kind) ? parseFields(kind, { ...stored.fields, ...secrets }) : undefined;
  if (parsed?.ok !== true) throw unreadable(undefined);
  const accessToken = kind === "oauth2" ? await tokens.get(stored) : undefined;
  // The schema of the kind made the fields.
  const credential = { id, kind, fields: parsed.fields, accessToken } as unknown as OpenCredential;
  return { credential, secretValues: [...Object.values(secrets), ...(accessToken === undefined ? [] : [accessToken])] };
}

/** The secret fields by name. @throws NodeError CREDENTIAL_UNREADABLE */
export async function openSecrets({ id, secrets }: Pick<StoredCredential, "id" | "secrets">, vault: Vault): Promise<Readonly<Record<string, string>>> {
  try {
    const content: unknown = JSON.parse(await vault.open(secrets.key, secrets.sealed, secretsPlace(id, secrets.version)));
    return Object.fromEntries(Object.entries(content ?? {}).map(([name, value]) => [name, String(value)]));
  } catch (error) {
    throw error instanceof SecretBoxError ? unreadable(error) : error;
  }
}

/** The fields of an OAuth2 credential. @throws NodeError CREDENTIAL_UNREADABLE */
export async function openOAuth2(stored: StoredCredential, vault: Vault): Promise<CredentialFields["oauth2"]> {
  const parsed = parseFields("oauth2", { ...stored.fields, ...(await openSecrets(stored, vault)) });
  if (stored.kind !== "oauth2" || !parsed.ok) throw unreadable(undefined);
  return parsed.fields as unknown as CredentialFields["oauth2"];
}

/** For the operator: the keys do not fit, or the row was altered. */
export function unreadable(cause: unknown): NodeError {
  return new NodeError("The stored secret cannot be opened with the keys of this installation.", { errorClass: "INTERNAL", code: "CREDENTIAL_UNREADABLE", ...(cause === undefined ? {} : { cause }) });
}
