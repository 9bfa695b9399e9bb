import type { HttpRequest, HttpResponse } from "../ports/http.ts";
import type { CredentialFields } from "./kinds.ts";

/** What a provider's token endpoint said. */
export type TokenAnswer =
  | { readonly kind: "token"; readonly accessToken: string; readonly expiresInMs: number; readonly refreshToken: string | undefined }
  /** It refuses these credentials for good (RFC 6749, 5.2). `reason` is the provider's error code, or the status. */
  | { readonly kind: "rejected"; readonly reason: string }
  | { readonly kind: "limited"; readonly retryAfterMs: number | undefined }
  | { readonly kind: "failed"; readonly reason: string };

/** What a token lives when the provider does not say. */
const LIFETIME_MS = 3_600_000;
const LIFETIME_MS_MAX = 30 * 86_400_000;
const RESPONSE_BYTES_MAX = 262_144;
/** No token and no error code may have this; both end up in headers and messages. */
const TOKEN = /^[\x20-\x7e]{1,16384}$/;
const ERROR_CODE = /^[\x20-\x21\x23-\x5b\x5d-\x7e]{1,100}$/;

/** The request for an access token (RFC 6749, 4.4.2 and 6). It follows no redirect: the body is a secret. */
export function tokenRequest(fields: CredentialFields["oauth2"], timeoutMs: number): HttpRequest {
  const form = new URLSearchParams(
    fields.grant === "clientCredentials" ? { grant_type: "client_credentials" } : { grant_type: "refresh_token", refresh_token: fields.refreshToken ?? "" },
  );
  // A refresh asks for the scopes of the grant; naming them again is refused by providers that compare them as text.
  if (fields.grant === "clientCredentials" && fields.scopes.length > 0) form.set("scope", fields.scopes.join(" "));
  const isBasic = fields.clientAuthentication === "basic" && fields.clientSecret !== undefined;
  if (!isBasic) {
    form.set("client_id", fields.clientId);
    if (fields.clientSecret !== undefined) form.set("client_secret", fields.clientSecret);
  }
  const basic = Buffer.from(`${encodeURIComponent(fields.clientId)}:${encodeURIComponent(fields.clientSecret ?? "")}`).toString("base64");
  return {
    method: "POST",
    url: fields.tokenUrl,
    headers: { "content-type": "application/x-www-form-urlencoded", accept: "application/json", ...(isBasic ? { authorization: `Basic ${basic}` } : {}) },
    body: form.toString(),
    timeoutMs,
    maxResponseBytes: RESPONSE_BYTES_MAX,
    maxRedirects: 0,
  };
}

/** Reads the answer of a token endpoint (RFC 6749, 5.1 and 5.2). Nothing of its words is taken over but the error code. */
export function readTokenAnswer({ status, headers, body }: HttpResponse): TokenAnswer {
  const content = objectOf(body);
  if (status === 429 || status === 503) return { kind: "limited", retryAfterMs: secondsOf(headers["retry-after"]) };
  if (status >= 200 && status < 300) return tokenOf(content);
  const { error } = content;
  if (status >= 400 && status < 500 && typeof error === "string" && ERROR_CODE.test(error)) return { kind: "rejected", reason: error };
  if (status === 401) return { kind: "rejected", reason: "status 401" };
  return { kind: "failed", reason: `status ${status}` };
}

function tokenOf(content: Readonly<Record<string, unknown>>): TokenAnswer {
  const { access_token: accessToken, token_type: type, expires_in: seconds, refresh_token: refreshToken, error } = content;
  // Some providers refuse with 200.
  if (accessToken === undefined && typeof error === "string" && ERROR_CODE.test(error)) return { kind: "rejected", reason: error };
  if (typeof accessToken !== "string" || !TOKEN.test(accessToken)) return { kind: "failed", reason: "an answer without an access token" };
  if (typeof type === "string" && type.toLowerCase() !== "bearer") return { kind: "failed", reason: "a token that is no bearer token" };
  const lifetimeMs = Number(seconds) * 1_000;
  return {
    kind: "token",
    accessToken,
    expiresInMs: lifetimeMs > 0 ? Math.min(lifetimeMs, LIFETIME_MS_MAX) : LIFETIME_MS,
    refreshToken: typeof refreshToken === "string" && refreshToken !== "" && refreshToken.length <= 16_384 ? refreshToken : undefined,
  };
}

function objectOf(body: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value)) : {};
  } catch {
    return {};
  }
}

function secondsOf(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) * 1_000 : undefined;
}
