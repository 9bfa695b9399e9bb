import type { CredentialKind } from "@fluxo/core/credentials/kinds";
import { isBoundTo } from "@fluxo/core/credentials/hosts";
import { NodeError } from "@fluxo/core/errors/node-error";
import type { OpenCredential } from "@fluxo/core/ports/credentials";
import type { AccessTokens } from "@fluxo/prisma/credentials/access-tokens";
import { openCredential } from "@fluxo/prisma/credentials/open";
import { noteLogin, openForTrigger } from "@fluxo/prisma/credentials/stored-credential";
import type { ClaimedTrigger } from "@fluxo/prisma/dispatch/claim";
import type { Vault } from "@fluxo/runtime/secrets/vault";
import type pg from "pg";

/** A credential for one look at a source. */
export interface TriggerCredential<K extends CredentialKind> {
  readonly credential: Extract<OpenCredential, { readonly kind: K }>;
  /** The provider took the login: written down where it is news. */
  readonly accepted: () => Promise<void>;
  /** The provider refused the login for good: no trigger of the credential tries again soon. */
  readonly refused: (reason: string) => Promise<void>;
  /** Another access token, for a provider that refuses this one although it should be valid. @throws NodeError as the first */
  readonly renewToken: () => Promise<string>;
}

export interface TriggerCredentialsOptions {
  /** Connections of fluxo_app. */
  readonly db: pg.Pool;
  readonly vault: Vault;
  readonly tokens: Pick<AccessTokens, "get" | "renew">;
}

/** Opens the credentials that triggers name, for their dispatchers. */
export class TriggerCredentials {
  readonly #options: TriggerCredentialsOptions;

  constructor(options: TriggerCredentialsOptions) {
    this.#options = options;
  }

  /**
   * @param target where the secret is to be sent, of kinds that are bound to hosts
   * @throws NodeError CREDENTIAL_NOT_FOUND, CREDENTIAL_KIND_WRONG, CREDENTIAL_HOST_REFUSED, CREDENTIAL_REJECTED (it is known to be refused; nobody is asked), and what
   * access tokens throw
   */
  async open<K extends CredentialKind>({ tenantId, triggerId }: ClaimedTrigger, credentialId: string, kind: K, target?: string): Promise<TriggerCredential<K>> {
    const { db, vault, tokens } = this.#options;
    const found = await openForTrigger(db, tenantId, triggerId, credentialId);
    if (found === undefined) throw refusal("CREDENTIAL_NOT_FOUND", "The published version names no such credential for this trigger, or the credential is gone.");
    const { stored, isUntried } = found;
    if (stored.kind !== kind) throw refusal("CREDENTIAL_KIND_WRONG", `The credential is of the kind ${stored.kind}; this source takes ${kind}.`);
    if (stored.isBroken) {
      const said = stored.healthMessage === null ? "" : `: ${stored.healthMessage}`;
      throw new NodeError(`The credential is known to be refused${said}`, { errorClass: "CREDENTIAL", code: "CREDENTIAL_REJECTED" });
    }
    const { hosts } = stored.fields;
    const bound = Array.isArray(hosts) ? hosts.filter((host) => typeof host === "string") : undefined;
    if (bound !== undefined && (target === undefined || !isBoundTo(bound, target))) throw refusal("CREDENTIAL_HOST_REFUSED", `The credential is for ${bound.join(", ")}, not for ${target ?? "this source"}.`);
    const { credential } = await openCredential(stored, vault, tokens);
    return {
      // The kind was compared above.
      credential: credential as Extract<OpenCredential, { readonly kind: K }>,
      accepted: async () => {
        if (isUntried) await noteLogin(db, stored, null);
      },
      refused: (reason) => noteLogin(db, stored, reason),
      renewToken: () => tokens.renew(stored),
    };
  }
}

function refusal(code: "CREDENTIAL_NOT_FOUND" | "CREDENTIAL_KIND_WRONG" | "CREDENTIAL_HOST_REFUSED", message: string): NodeError {
  return new NodeError(message, { errorClass: "REFUSED", code });
}
