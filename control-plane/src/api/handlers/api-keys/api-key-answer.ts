import type { apiKeySchema } from "@fluxo/contracts/http/api-keys";
import { SCOPES } from "@fluxo/contracts/http/scopes";
import type { ApiKeyRecord } from "@fluxo/prisma/repositories/api-keys";
import type { z } from "zod";
import { toInstant } from "../instants.ts";

/** An API key as it is answered. */
export function toApiKeyAnswer(key: ApiKeyRecord): z.input<typeof apiKeySchema> {
  return {
    id: key.id,
    name: key.name,
    prefix: key.prefix,
    scopes: SCOPES.filter((scope) => key.scopes.includes(scope)),
    createdAt: toInstant(key.createdAt),
    expiresAt: toInstant(key.expiresAt),
    revokedAt: toInstant(key.revokedAt),
    rotatedAt: toInstant(key.rotatedAt),
    previousUntil: toInstant(key.previousUntil),
    lastUsedAt: toInstant(key.lastUsedAt),
    memberId: key.memberId,
  };
}
