import { createHash } from "node:crypto";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { Clock, IdSource } from "@fluxo/core/ports/clock";
import { signIn, signOut } from "@fluxo/prisma/access/sessions";
import type { SecretBox } from "@fluxo/runtime/secrets/box";
import type pg from "pg";
import { z } from "zod";
import type { RequestContext } from "../access/access.ts";
import { type CookieJar, readCookie } from "./cookies.ts";
import type { IdentityProvider } from "./identity-provider.ts";

export interface SignInsOptions {
  /** undefined: no provider is configured, and people cannot sign in. */
  readonly provider: IdentityProvider | undefined;
  /** Connections of fluxo_app. */
  readonly pool: pg.Pool;
  readonly box: SecretBox;
  readonly cookies: CookieJar;
  /** Where people reach this API, without a trailing slash. */
  readonly pageUrl: string;
  /** How long a session lasts at most, however much it is used. */
  readonly sessionMs: number;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly randomBytes: (size: number) => Buffer;
}

interface Redirect {
  readonly location: string;
  readonly cookies: readonly string[];
}

/** How long a person may take at the provider. */
const SIGN_IN_MS = 600_000;
const TOKEN_BYTES = 32;
/** The box derives its key from the first part, which is a tenant's id elsewhere. */
const SEALED_AS = ["sign-in", "checks", "1"] as const;

const keptSchema = z.strictObject({ state: z.string(), nonce: z.string(), verifier: z.string(), returnTo: z.string(), expiresAtMs: z.int() });

/** The hash under which a session is stored. */
export function sessionHash(token: string): Buffer {
  return createHash("sha256").update(token, "utf8").digest();
}

/** Signs people in and out. What must be the same at the end of a sign-in as at its beginning is in a sealed cookie, so nothing is stored for strangers. */
export class SignIns {
  readonly #options: SignInsOptions;

  constructor(options: SignInsOptions) {
    this.#options = options;
  }

  get cookies(): CookieJar {
    return this.#options.cookies;
  }

  /** Where people sign in; null without a provider, when nobody can. */
  get url(): string | null {
    const { provider, pageUrl } = this.#options;
    return provider === undefined ? null : `${pageUrl}/auth/login`;
  }

  /** @param returnTo a path of this page @throws RequestError NOT_FOUND without a provider, UNAVAILABLE */
  async begin(returnTo: string): Promise<Redirect> {
    const { box, cookies, clock } = this.#options;
    const { url, checks } = await this.#provider().begin();
    const kept = { ...checks, returnTo, expiresAtMs: clock.now().getTime() + SIGN_IN_MS } satisfies z.input<typeof keptSchema>;
    const sealed = box.seal(JSON.stringify(kept), SEALED_AS).toString("base64url");
    return { location: url, cookies: [cookies.set(cookies.signInName, sealed, SIGN_IN_MS / 1_000)] };
  }

  /**
   * Opens a session with a new random token; the session that the browser had before ends.
   * @param answer what the provider sent along
   * @param cookieHeader the request's
   * @throws RequestError SIGN_IN_FAILED, NOT_A_MEMBER, INVITATION_EXPIRED, NOT_FOUND without a provider, UNAVAILABLE
   */
  async finish(answer: URLSearchParams, cookieHeader: string | undefined, context: RequestContext): Promise<Redirect> {
    const { pool, cookies, clock, ids, randomBytes, sessionMs } = this.#options;
    const provider = this.#provider();
    const kept = this.#kept(readCookie(cookieHeader, cookies.signInName));
    const person = await provider.finish(answer, kept);
    const token = randomBytes(TOKEN_BYTES).toString("base64url");
    const now = clock.now();
    const { ip, userAgent, requestId } = context;
    const opened = await signIn(pool, { ...person, sessionId: ids.next(), tokenHash: sessionHash(token), now, expiresAt: new Date(now.getTime() + sessionMs), ip, userAgent, requestId });
    if (opened.kind === "expired") throw new RequestError("INVITATION_EXPIRED");
    if (opened.kind === "stranger") throw new RequestError("NOT_A_MEMBER", { detail: person.email === null ? "The identity provider tells no verified address." : "Nobody invited the address that the identity provider tells." });
    await this.#end(cookieHeader, "finishSignIn", context);
    return { location: kept.returnTo, cookies: [cookies.set(cookies.sessionName, token, Math.floor(sessionMs / 1_000)), cookies.set(cookies.signInName, "", 0)] };
  }

  /** Ends the session of a browser, if it has one. @param cookieHeader the request's @returns the cookies to set */
  async end(cookieHeader: string | undefined, context: RequestContext): Promise<readonly string[]> {
    const { cookies } = this.#options;
    await this.#end(cookieHeader, "signOut", context);
    return [cookies.set(cookies.sessionName, "", 0)];
  }

  async #end(cookieHeader: string | undefined, action: string, { ip, userAgent, requestId }: RequestContext): Promise<void> {
    const { pool, cookies } = this.#options;
    const token = readCookie(cookieHeader, cookies.sessionName);
    if (token !== undefined) await signOut(pool, sessionHash(token), { action, ip, userAgent, requestId });
  }

  #provider(): IdentityProvider {
    if (this.#options.provider === undefined) throw new RequestError("NOT_FOUND", { detail: "No identity provider is configured, so people cannot sign in; API keys work." });
    return this.#options.provider;
  }

  #kept(cookie: string | undefined): z.output<typeof keptSchema> {
    const { box, clock } = this.#options;
    if (cookie === undefined) throw new RequestError("SIGN_IN_FAILED", { detail: "This browser has not begun a sign-in, or cookies are off." });
    let kept: z.output<typeof keptSchema>;
    try {
      kept = keptSchema.parse(JSON.parse(box.open(Buffer.from(cookie, "base64url"), SEALED_AS).toString("utf8")));
    } catch (error) {
      throw new RequestError("SIGN_IN_FAILED", { cause: error });
    }
    if (kept.expiresAtMs <= clock.now().getTime()) throw new RequestError("SIGN_IN_FAILED", { detail: "The sign-in took longer than ten minutes." });
    return kept;
  }
}
