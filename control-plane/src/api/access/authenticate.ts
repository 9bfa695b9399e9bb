import { SCOPES } from "@fluxo/contracts/http/scopes";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { Clock } from "@fluxo/core/ports/clock";
import type { StoredApiKey } from "@fluxo/prisma/access/api-keys";
import { matchesSecret, parseApiKey } from "../../keys/api-key.ts";
import type { Access } from "./access.ts";
import type { AccessChanges } from "./access-changes.ts";
import { BriefCache } from "./brief-cache.ts";
import type { KeyUses } from "./key-uses.ts";

export interface AuthenticatorOptions {
  /** Finds a key by its id. */
  readonly resolveKey: (id: string) => Promise<StoredApiKey | undefined>;
  readonly changes: AccessChanges;
  readonly keyUses: KeyUses;
  readonly clock: Clock;
}

/** Compared against when there is no key, or no second secret, so that every refusal takes the same time. */
const NO_HASH = new Uint8Array(32);

/** Tells who calls. */
export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #keys: BriefCache<StoredApiKey>;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    this.#keys = new BriefCache(options.resolveKey, options.clock);
    options.changes.onChange((change) => {
      if (change.kind === "apiKey") this.#keys.drop(change.id);
      else this.#keys.clear();
    });
  }

  /**
   * The access of `Authorization: Bearer flx_…`. Missing, malformed, unknown, wrong, expired and revoked keys have the same answer.
   * @throws RequestError UNAUTHENTICATED, AGENCY_SUSPENDED
   */
  async byKey(authorization: string | undefined): Promise<Omit<Access, "context">> {
    const [, token] = /^bearer +(\S+) *$/i.exec(authorization ?? "") ?? [];
    const presented = token === undefined ? undefined : parseApiKey(token);
    if (presented === undefined) throw new RequestError("UNAUTHENTICATED");
    const key = await this.#keys.get(presented.id);
    const now = this.#options.clock.now();
    if (!hasSecret(key, presented.secret, now) || key === undefined || !isLive(key, now)) throw new RequestError("UNAUTHENTICATED");
    if (key.isSuspended) throw new RequestError("AGENCY_SUSPENDED");
    this.#options.keyUses.note(key.id, now);
    return {
      actor: { kind: "apiKey", id: key.id },
      agencyId: key.agencyId,
      tenantIds: key.tenantId === null ? null : new Set([key.tenantId]),
      tenantId: key.tenantId,
      scopes: new Set(SCOPES.filter((scope) => key.scopes.includes(scope))),
      expiresAt: key.expiresAt,
    };
  }
}

/** Both secrets are always compared. */
function hasSecret(key: StoredApiKey | undefined, secret: string, now: Date): boolean {
  const isCurrent = matchesSecret(secret, key?.secretHash ?? NO_HASH);
  const isPrevious = matchesSecret(secret, key?.previousSecretHash ?? NO_HASH);
  const previousUntil = key?.previousUntil ?? null;
  return isCurrent || (isPrevious && previousUntil !== null && previousUntil > now);
}

function isLive({ revokedAt, expiresAt }: StoredApiKey, now: Date): boolean {
  return revokedAt === null && (expiresAt === null || expiresAt > now);
}
