import { roleSchema, scopesOfRole } from "@fluxo/contracts/http/roles";
import { SCOPES } from "@fluxo/contracts/http/scopes";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { Clock } from "@fluxo/core/ports/clock";
import type { StoredApiKey } from "@fluxo/prisma/access/api-keys";
import type { StoredSession } from "@fluxo/prisma/access/sessions";
import { matchesSecret, parseApiKey } from "../../keys/api-key.ts";
import { sessionHash } from "../sign-in/sign-in.ts";
import type { Access } from "./access.ts";
import type { AccessChanges } from "./access-changes.ts";
import { BriefCache } from "./brief-cache.ts";
import type { FailureLimits } from "./failure-limits.ts";
import type { LastUses } from "./last-uses.ts";

export interface AuthenticatorOptions {
  /** Finds a key by its id. */
  readonly resolveKey: (id: string) => Promise<StoredApiKey | undefined>;
  /** Finds a session by the hash of its token. */
  readonly resolveSession: (tokenHash: Buffer) => Promise<StoredSession | undefined>;
  readonly changes: AccessChanges;
  readonly keyUses: LastUses;
  readonly sessionUses: LastUses;
  readonly limits: FailureLimits;
  /** A session that is not used for so long ends. */
  readonly sessionIdleMs: number;
  readonly clock: Clock;
}

/** What a request proves itself by: a key comes before a session. */
export interface Credentials {
  /** The `Authorization` header. */
  readonly authorization: string | undefined;
  /** The cookie of the session. */
  readonly sessionToken: string | undefined;
  /** The caller's address. */
  readonly ip: string | null;
}

/** Compared against when there is no key, or no second secret, so that every refusal takes the same time. */
const NO_HASH = new Uint8Array(32);
const SESSION_TOKEN = /^[A-Za-z0-9_-]{43}$/;

type Caller = Omit<Access, "context">;

/** Tells who calls. */
export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #keys: BriefCache<StoredApiKey>;
  readonly #sessions: BriefCache<StoredSession>;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    this.#keys = new BriefCache(options.resolveKey, options.clock);
    this.#sessions = new BriefCache((hash) => options.resolveSession(Buffer.from(hash, "hex")), options.clock);
    options.changes.onChange((change) => {
      if (change.kind === "apiKey") this.#keys.drop(change.id);
      if (change.kind === "everything") this.#keys.clear();
      if (change.kind === "everything" || change.kind === "sessions") this.#sessions.clear();
    });
  }

  /** @throws RequestError UNAUTHENTICATED, RATE_LIMITED, AGENCY_SUSPENDED */
  async authenticate({ authorization, sessionToken, ip }: Credentials): Promise<Caller> {
    if (authorization !== undefined) return this.#byKey(authorization, ip);
    if (sessionToken !== undefined) return this.#bySession(sessionToken, ip);
    throw new RequestError("UNAUTHENTICATED");
  }

  /** `Bearer flx_…`. Malformed, unknown, wrong, expired and revoked keys have the same answer. */
  async #byKey(authorization: string, ip: string | null): Promise<Caller> {
    const { limits, clock, keyUses } = this.#options;
    const [, token] = /^bearer +(\S+) *$/i.exec(authorization) ?? [];
    const presented = token === undefined ? undefined : parseApiKey(token);
    limits.assertOpen(ip, presented?.id ?? null);
    if (presented === undefined) return this.#refuse(ip, null);
    const key = await this.#keys.get(presented.id);
    const now = clock.now();
    if (!hasSecret(key, presented.secret, now) || key === undefined || !isLive(key, now)) return this.#refuse(ip, presented.id);
    limits.succeeded(ip, key.id);
    if (key.isSuspended) throw new RequestError("AGENCY_SUSPENDED");
    keyUses.note(key.id, now);
    return {
      // The key of a person acts as the person.
      actor: key.memberId === null ? { kind: "apiKey", id: key.id } : { kind: "member", id: key.memberId },
      agencyId: key.agencyId,
      tenantIds: key.tenantId === null ? null : new Set([key.tenantId]),
      tenantId: key.tenantId,
      scopes: new Set(SCOPES.filter((scope) => key.scopes.includes(scope))),
      expiresAt: key.expiresAt,
      sessionId: null,
    };
  }

  async #bySession(token: string, ip: string | null): Promise<Caller> {
    const { limits, clock, sessionUses, sessionIdleMs } = this.#options;
    limits.assertOpen(ip, null);
    if (!SESSION_TOKEN.test(token)) return this.#refuse(ip, null);
    const session = await this.#sessions.get(sessionHash(token).toString("hex"));
    const now = clock.now();
    if (session === undefined) return this.#refuse(ip, null);
    // A session that ended was right once: no guess, so it is not counted.
    if (session.expiresAt <= now || now.getTime() - session.lastSeenAt.getTime() > sessionIdleMs) throw new RequestError("UNAUTHENTICATED");
    if (session.isSuspended) throw new RequestError("AGENCY_SUSPENDED");
    sessionUses.note(session.id, now);
    const { tenantIds } = session;
    return {
      actor: { kind: "member", id: session.memberId },
      agencyId: session.agencyId,
      tenantIds: tenantIds === null ? null : new Set(tenantIds),
      tenantId: tenantIds?.length === 1 ? (tenantIds[0] ?? null) : null,
      scopes: scopesOfRole(roleSchema.parse(session.role), tenantIds !== null),
      expiresAt: session.expiresAt,
      sessionId: session.id,
    };
  }

  async #refuse(ip: string | null, keyId: string | null): Promise<never> {
    await this.#options.limits.failed(ip, keyId);
    throw new RequestError("UNAUTHENTICATED");
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
