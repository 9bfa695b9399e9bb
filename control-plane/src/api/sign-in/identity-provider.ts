import { NodeError } from "@fluxo/core/errors/node-error";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { Clock } from "@fluxo/core/ports/clock";
import type { HttpPort } from "@fluxo/core/ports/http";
import * as oidc from "openid-client";

export interface IdentityProviderOptions {
  /** As the provider names itself; its metadata are at `/.well-known/openid-configuration` below. */
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Where the provider sends the browser back to. */
  readonly redirectUri: string;
  /** The guarded client; a private issuer must be one of its allowed hosts. */
  readonly http: HttpPort;
  readonly clock: Clock;
}

/** What the browser keeps between the two halves of a sign-in, sealed. */
export interface SignInChecks {
  readonly state: string;
  readonly nonce: string;
  /** Of PKCE. */
  readonly verifier: string;
}

/** A person as the provider names it. */
export interface Person {
  readonly issuer: string;
  readonly subject: string;
  /** Only an address that the provider has verified. */
  readonly email: string | null;
  readonly name: string | null;
}

const TIMEOUT_MS = 10_000;
const RESPONSE_BYTES_MAX = 1_048_576;
/** The provider's metadata are read again after this time. */
const METADATA_MS = 3_600_000;
const RETRY_AFTER_SECONDS = 5;

/** Signs people in by OpenID Connect: authorization code with PKCE (S256), state, nonce, issuer and the signature of the ID token, all checked. */
export class IdentityProvider {
  readonly #options: IdentityProviderOptions;
  #known: { readonly configuration: Promise<oidc.Configuration>; readonly untilMs: number } | undefined;

  constructor(options: IdentityProviderOptions) {
    this.#options = options;
  }

  /** Where the browser goes, and what it must bring back. @throws RequestError UNAVAILABLE when the provider does not answer */
  async begin(): Promise<{ readonly url: string; readonly checks: SignInChecks }> {
    const configuration = await this.#configuration();
    const checks = { state: oidc.randomState(), nonce: oidc.randomNonce(), verifier: oidc.randomPKCECodeVerifier() };
    const url = oidc.buildAuthorizationUrl(configuration, {
      redirect_uri: this.#options.redirectUri,
      scope: "openid email profile",
      state: checks.state,
      nonce: checks.nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(checks.verifier),
      code_challenge_method: "S256",
    });
    return { url: url.href, checks };
  }

  /**
   * The person that the provider answers with.
   * @param answer the query that the browser came back with
   * @throws RequestError SIGN_IN_FAILED, UNAVAILABLE
   */
  async finish(answer: URLSearchParams, { state, nonce, verifier }: SignInChecks): Promise<Person> {
    const configuration = await this.#configuration();
    const url = new URL(this.#options.redirectUri);
    url.search = answer.toString();
    try {
      const tokens = await oidc.authorizationCodeGrant(configuration, url, { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true });
      const claims = tokens.claims();
      if (claims === undefined) throw new RequestError("SIGN_IN_FAILED");
      const hasEmail = typeof claims["email"] === "string" && claims["email_verified"] === true;
      const told = hasEmail || configuration.serverMetadata().userinfo_endpoint === undefined ? {} : await oidc.fetchUserInfo(configuration, tokens.access_token, claims.sub);
      return { issuer: claims.iss, subject: claims.sub, ...describe({ ...claims, ...told }) };
    } catch (error) {
      throw toRefusal(error);
    }
  }

  async #configuration(): Promise<oidc.Configuration> {
    const { issuer, clientId, clientSecret, clock } = this.#options;
    const nowMs = clock.now().getTime();
    if (this.#known !== undefined && this.#known.untilMs > nowMs) return this.#known.configuration;
    const configuration = oidc.discovery(new URL(issuer), clientId, clientSecret, undefined, {
      [oidc.customFetch]: (url, init) => this.#fetch(url, init),
      // Plain HTTP only where the operator has configured such an issuer: in development and tests.
      execute: [oidc.enableNonRepudiationChecks, ...(issuer.startsWith("http://") ? [oidc.allowInsecureRequests] : [])],
      timeout: TIMEOUT_MS / 1_000,
    });
    this.#known = { configuration, untilMs: nowMs + METADATA_MS };
    try {
      return await configuration;
    } catch (error) {
      this.#known = undefined;
      throw new RequestError("UNAVAILABLE", { detail: "The identity provider does not answer as it should.", retryAfterSeconds: RETRY_AFTER_SECONDS, cause: error });
    }
  }

  async #fetch(url: string, init: oidc.CustomFetchOptions): Promise<Response> {
    const { status, headers, body } = await this.#options.http.send({
      method: init.method,
      url,
      headers: init.headers,
      ...(init.body === undefined || init.body === null ? {} : { body: textOf(init.body) }),
      timeoutMs: TIMEOUT_MS,
      maxResponseBytes: RESPONSE_BYTES_MAX,
      maxRedirects: 0,
      ...(init.signal === undefined ? {} : { signal: init.signal }),
    });
    // The body is decoded already.
    const { "content-encoding": _encoding, "content-length": _length, ...told } = headers;
    return new Response(Buffer.from(body), { status, headers: told });
  }
}

function textOf(body: NonNullable<oidc.FetchBody>): string {
  if (typeof body === "string" || body instanceof URLSearchParams) return body.toString();
  throw new Error("The client of the identity provider sends text only.");
}

/** An address counts only when the provider says that it has verified it: whoever could choose it freely would take over invitations. */
function describe(claims: Readonly<Record<string, unknown>>): Pick<Person, "email" | "name"> {
  const { email, email_verified: isVerified, name } = claims;
  return {
    email: isVerified === true && typeof email === "string" && email.length <= 254 ? email.toLowerCase() : null,
    name: typeof name === "string" && name.trim() !== "" ? name.trim().slice(0, 200) : null,
  };
}

function toRefusal(error: unknown): RequestError {
  if (error instanceof RequestError) return error;
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof NodeError) return new RequestError("UNAVAILABLE", { detail: "The identity provider does not answer.", retryAfterSeconds: RETRY_AFTER_SECONDS, cause: error });
  }
  return new RequestError("SIGN_IN_FAILED", { cause: error });
}
