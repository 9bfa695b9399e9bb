import { SCOPES } from "@fluxo/contracts/http/scopes";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { Clock } from "@fluxo/core/ports/clock";
import { matchesSecret, parseApiKey } from "../../keys/api-key.ts";
import type { Access } from "./access.ts";
import type { KeyCache } from "./key-cache.ts";

/** Compared against when there is no key, so that unknown and wrong keys take the same time. */
const NO_HASH = new Uint8Array(32);

/**
 * The access of `Authorization: Bearer flx_…`. Missing, malformed, unknown, wrong, expired and revoked keys have the same answer.
 * @throws RequestError UNAUTHENTICATED
 */
export async function authenticate(authorization: string | undefined, keys: KeyCache, clock: Clock): Promise<Omit<Access, "context">> {
  const [, token] = /^bearer +(\S+) *$/i.exec(authorization ?? "") ?? [];
  const presented = token === undefined ? undefined : parseApiKey(token);
  if (presented === undefined) throw new RequestError("UNAUTHENTICATED");
  const key = await keys.get(presented.id);
  const isRight = matchesSecret(presented.secret, key?.secretHash ?? NO_HASH);
  const now = clock.now();
  if (key === undefined || !isRight || key.revokedAt !== null || (key.expiresAt !== null && key.expiresAt <= now)) throw new RequestError("UNAUTHENTICATED");
  return {
    actor: { kind: "apiKey", id: key.id },
    agencyId: key.agencyId,
    tenantIds: key.tenantId === null ? null : new Set([key.tenantId]),
    tenantId: key.tenantId,
    scopes: new Set(SCOPES.filter((scope) => key.scopes.includes(scope))),
    expiresAt: key.expiresAt,
  };
}
