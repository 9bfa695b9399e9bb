import type { CredentialFields, CredentialKind } from "../credentials/kinds.ts";

/** An opened credential, by kind. The access token of an OAuth2 credential is valid now. */
export type OpenCredential = {
  readonly [K in CredentialKind]: { readonly id: string; readonly kind: K; readonly fields: CredentialFields[K]; readonly accessToken: K extends "oauth2" ? string : undefined };
}[CredentialKind];

/**
 * The credentials of the execution's tenant. Nobody else opens secrets. What was opened is redacted from this execution's outputs, errors and logs.
 */
export interface CredentialPort {
  /**
   * Opens a credential of one of these kinds, to be sent to `target` (`host` or `host:port`) and nowhere else. Kinds that name their server themselves
   * (smtp, imap, database, s3, ai) are opened without a target.
   * @throws NodeError CREDENTIAL_NOT_FOUND, CREDENTIAL_KIND_WRONG, CREDENTIAL_HOST_REFUSED (all REFUSED), CREDENTIAL_REJECTED (the provider gives no token)
   */
  open<K extends CredentialKind>(credentialId: string, kinds: readonly K[], target?: string): Promise<Extract<OpenCredential, { readonly kind: K }>>;
}
