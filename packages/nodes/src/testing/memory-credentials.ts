import type { CredentialKind } from "@fluxo/core/credentials/kinds";
import { NodeError } from "@fluxo/core/errors/node-error";
import type { CredentialPort, OpenCredential } from "@fluxo/core/ports/credentials";

/** The credentials of one tenant, in memory and already open, by the rules of the port: kind and bound hosts are checked. */
export class MemoryCredentials implements CredentialPort {
  readonly #credentials: ReadonlyMap<string, OpenCredential>;

  constructor(credentials: readonly OpenCredential[]) {
    this.#credentials = new Map(credentials.map((credential) => [credential.id, credential]));
  }

  async open<K extends CredentialKind>(credentialId: string, kinds: readonly K[], target?: string): Promise<Extract<OpenCredential, { readonly kind: K }>> {
    await Promise.resolve();
    const credential = this.#credentials.get(credentialId);
    if (credential === undefined) {
      throw new NodeError("There is no such credential.", { errorClass: "REFUSED", code: "CREDENTIAL_NOT_FOUND" });
    }
    if (!isOfKind(credential, kinds)) {
      throw new NodeError("The credential is of another kind.", { errorClass: "REFUSED", code: "CREDENTIAL_KIND_WRONG" });
    }
    if ("hosts" in credential.fields && !credential.fields.hosts.some((pattern) => isCovered(target ?? "", pattern))) {
      throw new NodeError("The credential is not for this host.", { errorClass: "REFUSED", code: "CREDENTIAL_HOST_REFUSED" });
    }
    return credential;
  }
}

function isOfKind<K extends CredentialKind>(credential: OpenCredential, kinds: readonly K[]): credential is Extract<OpenCredential, { readonly kind: K }> {
  return kinds.some((kind) => kind === credential.kind);
}

function isCovered(target: string, pattern: string): boolean {
  return pattern.startsWith("*.") ? target.endsWith(pattern.slice(1)) : target === pattern;
}
