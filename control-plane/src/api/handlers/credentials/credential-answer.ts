import type { credentialSchema } from "@fluxo/contracts/http/credentials";
import { isCredentialKind, type CredentialKind } from "@fluxo/core/credentials/kinds";
import type { CredentialHealth, CredentialRecord } from "@fluxo/prisma/credentials/credentials";
import type { z } from "zod";
import { toInstant } from "../instants.ts";

/** A credential as it is answered: never a secret. */
export function toCredentialAnswer({ kind, secretNames, health, healthMessage, healthAt, ...credential }: CredentialRecord): z.input<typeof credentialSchema> {
  return {
    ...credential,
    kind: kindOf(kind),
    secrets: [...secretNames],
    health: { state: stateOf(health), message: healthMessage, checkedAt: toInstant(healthAt) },
    expiresAt: toInstant(credential.expiresAt),
    lastUsedAt: toInstant(credential.lastUsedAt),
    createdAt: toInstant(credential.createdAt),
    updatedAt: toInstant(credential.updatedAt),
  };
}

/** The kind of a stored credential. @throws Error for one that this release does not know */
export function kindOf(kind: string): CredentialKind {
  if (!isCredentialKind(kind)) throw new Error(`This release does not know the kind "${kind}" of credentials.`);
  return kind;
}

function stateOf(health: string): CredentialHealth {
  return health === "HEALTHY" || health === "BROKEN" ? health : "UNKNOWN";
}
