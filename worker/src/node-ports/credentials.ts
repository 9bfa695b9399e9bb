import { isBoundTo } from "@fluxo/core/credentials/hosts";
import type { CredentialKind } from "@fluxo/core/credentials/kinds";
import type { Redactor } from "@fluxo/core/credentials/redactor";
import { NodeError } from "@fluxo/core/errors/node-error";
import type { CredentialPort, OpenCredential } from "@fluxo/core/ports/credentials";
import type { NodeScope } from "@fluxo/core/ports/node-ports";
import { openCredential, type TokenSource } from "@fluxo/prisma/credentials/open";
import { openForNode, type StoredCredential } from "@fluxo/prisma/credentials/stored-credential";
import { isTransient } from "@fluxo/prisma/database/errors";
import type { Vault } from "@fluxo/runtime/secrets/vault";
import type pg from "pg";

export interface CredentialParts {
  /** Connections of fluxo_app. */
  readonly db: pg.Pool;
  readonly vault: Vault;
  readonly tokens: TokenSource;
  /** Which credentials a node may open; what the published version of its execution declares for it when absent. */
  readonly find?: (scope: NodeScope, credentialId: string) => Promise<StoredCredential | undefined>;
}

const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Opens credentials for nodes: those that the published version of the execution declares for the node that asks, for the hosts that they are bound to.
 * Every value that was opened is told to the redactor before the node gets it.
 */
export function createCredentials(parts: CredentialParts): (scope: NodeScope, redactor: Redactor) => CredentialPort {
  return (scope, redactor) => ({
    open: async <K extends CredentialKind>(credentialId: string, kinds: readonly K[], target?: string) => {
      try {
        const stored = ID.test(credentialId) ? await (parts.find?.(scope, credentialId) ?? openForNode(parts.db, scope, credentialId)) : undefined;
        if (stored === undefined) throw refused("CREDENTIAL_NOT_FOUND", "The published version names no such credential for this node, or the credential is gone.");
        if (!kinds.some((kind) => kind === stored.kind)) throw refused("CREDENTIAL_KIND_WRONG", `The credential is of the kind ${stored.kind}; this node takes ${kinds.join(", ")}.`);
        assertBound(stored, target);
        const { credential, secretValues } = await openCredential(stored, parts.vault, parts.tokens);
        redactor.add(secretValues);
        // The kind was compared above.
        return credential as Extract<OpenCredential, { readonly kind: K }>;
      } catch (error) {
        throw withoutDoubt(error);
      }
    },
  });
}

/** Before the secret is opened: a secret for another host is not even decrypted. */
function assertBound({ fields }: StoredCredential, target: string | undefined): void {
  const { hosts } = fields;
  if (!Array.isArray(hosts)) return;
  const bound = hosts.filter((host) => typeof host === "string");
  if (target === undefined || !isBoundTo(bound, target)) {
    throw refused("CREDENTIAL_HOST_REFUSED", `The credential is for ${bound.join(", ")}${target === undefined ? "" : `, not for ${target}`}.`);
  }
}

function refused(code: "CREDENTIAL_NOT_FOUND" | "CREDENTIAL_KIND_WRONG" | "CREDENTIAL_HOST_REFUSED", message: string): NodeError {
  return new NodeError(message, { errorClass: "REFUSED", code });
}

/** Whatever keeps a credential closed, the node has done nothing yet. */
function withoutDoubt(error: unknown): unknown {
  if (error instanceof NodeError) {
    const { message, errorClass, code, retryAfterMs } = error;
    return new NodeError(message, { errorClass, code, nothingDone: true, cause: error, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
  }
  return isTransient(error) ? new NodeError("The store of the credentials does not answer right now.", { errorClass: "SERVER", code: "UNAVAILABLE", nothingDone: true, cause: error }) : error;
}
