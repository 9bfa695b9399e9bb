import { expect, test } from "vitest";
import { readTokenAnswer, tokenRequest } from "./token-request.ts";
import { CREDENTIAL_KINDS } from "./kinds.ts";

const fields = CREDENTIAL_KINDS.oauth2.parse({
  hosts: ["api.test"], grant: "clientCredentials", tokenUrl: "https://id.test/token", clientId: "client:1", clientSecret: "s/ü", scopes: ["read", "write"],
});
const answerOf = (status: number, body: unknown, headers: Record<string, string> = {}) => readTokenAnswer({ status, headers, body: Buffer.from(typeof body === "string" ? body : JSON.stringify(body)), url: "https://id.test/token" });

test("asks as RFC 6749 says: the client in the header, each part encoded, or in the form", () => {
  const basic = tokenRequest(fields, 1_000);
  expect(basic).toMatchObject({ method: "POST", url: "https://id.test/token", maxRedirects: 0, body: "grant_type=client_credentials&scope=read+write" });
  expect(Buffer.from(basic.headers?.["authorization"]?.slice(6) ?? "", "base64").toString()).toBe("client%3A1:s%2F%C3%BC");
  const form = tokenRequest({ ...fields, clientAuthentication: "body" }, 1_000);
  expect(form.headers).not.toHaveProperty("authorization");
  expect(Object.fromEntries(new URLSearchParams(String(form.body)))).toEqual({ grant_type: "client_credentials", scope: "read write", client_id: "client:1", client_secret: "s/ü" });
});

test("refreshes with the refresh token and without scopes; a public client names itself in the form", () => {
  const { clientSecret: _, ...open } = fields;
  const request = tokenRequest({ ...open, grant: "refreshToken", refreshToken: "r1" }, 1_000);
  expect(Object.fromEntries(new URLSearchParams(String(request.body)))).toEqual({ grant_type: "refresh_token", refresh_token: "r1", client_id: "client:1" });
});

test.each([
  ["a token", 200, { access_token: "t", token_type: "Bearer", expires_in: 60 }, { kind: "token", accessToken: "t", expiresInMs: 60_000, refreshToken: undefined }],
  ["a rotated refresh token", 200, { access_token: "t", expires_in: "60", refresh_token: "r2" }, { kind: "token", accessToken: "t", expiresInMs: 60_000, refreshToken: "r2" }],
  ["no life", 200, { access_token: "t" }, { kind: "token", accessToken: "t", expiresInMs: 3_600_000, refreshToken: undefined }],
  ["an endless life", 200, { access_token: "t", expires_in: 1e12 }, { kind: "token", accessToken: "t", expiresInMs: 30 * 86_400_000, refreshToken: undefined }],
  ["another type", 200, { access_token: "t", token_type: "mac" }, { kind: "failed", reason: "a token that is no bearer token" }],
  ["a token that would break a header", 200, { access_token: "t\r\nx: y" }, { kind: "failed", reason: "an answer without an access token" }],
  ["a refusal with 200", 200, { error: "bad_refresh_token" }, { kind: "rejected", reason: "bad_refresh_token" }],
  ["a refusal", 400, { error: "invalid_grant", error_description: "secret words" }, { kind: "rejected", reason: "invalid_grant" }],
  ["a refusal in strange words", 400, { error: "bad\nwords" }, { kind: "failed", reason: "status 400" }],
  ["a refusal without words", 401, "", { kind: "rejected", reason: "status 401" }],
  ["a page", 404, "<html>", { kind: "failed", reason: "status 404" }],
  ["no room", 503, "", { kind: "limited", retryAfterMs: undefined }],
  ["no JSON", 200, "access_token=t", { kind: "failed", reason: "an answer without an access token" }],
  ["a list", 200, [1], { kind: "failed", reason: "an answer without an access token" }],
] as const)("reads %s", (_name, status, body, expected) => {
  expect(answerOf(status, body)).toEqual(expected);
});

test("heeds how long to wait", () => {
  expect(answerOf(429, "", { "retry-after": "7" })).toEqual({ kind: "limited", retryAfterMs: 7_000 });
});
