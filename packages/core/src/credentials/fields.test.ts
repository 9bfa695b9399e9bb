import { expect, test } from "vitest";
import { isSameGrant, mergeFields, movesSecret, parseFields, splitFields } from "./fields.ts";
import { CREDENTIAL_KIND_NAMES, secretFieldsOf } from "./kinds.ts";

test("every kind has secrets, and no other field passes for one", () => {
  expect(Object.fromEntries(CREDENTIAL_KIND_NAMES.map((kind) => [kind, secretFieldsOf(kind)]))).toEqual({
    apiKey: ["value"],
    basic: ["password"],
    bearer: ["token"],
    oauth2: ["clientSecret", "refreshToken"],
    smtp: ["password"],
    imap: ["password"],
    database: ["password"],
    s3: ["secretAccessKey"],
    ai: ["apiKey"],
  });
});

test("fields are taken apart and put together again, defaults filled in", () => {
  const parsed = parseFields("smtp", { host: "mail.test", port: 465, username: "u", password: "p" });
  if (!parsed.ok) throw new Error("These fields are right.");
  const { shown, secrets } = splitFields("smtp", parsed.fields);
  expect([shown, secrets]).toEqual([{ host: "mail.test", port: 465, security: "tls", username: "u" }, { password: "p" }]);
  expect(mergeFields({ ...shown, ...secrets }, { port: 587, username: null, password: null })).toEqual({ host: "mail.test", port: 587, security: "tls" });
});

test("what is wrong is told by pointer, never by value", () => {
  const parsed = parseFields("bearer", { hosts: ["ftp://s3cret"], token: 7, "s/cret": 1 });
  expect(parsed).toMatchObject({ ok: false, issues: [{ path: "/hosts/0" }, { path: "/token" }, { path: "/s~1cret" }] });
  expect(JSON.stringify(parsed)).not.toContain("ftp://");
});

test("a field that is missing is called missing", () => {
  expect(parseFields("bearer", { hosts: ["api.example.com"] })).toEqual({ ok: false, issues: [{ path: "/token", code: "invalid_type", message: "is missing: expected string" }] });
});

test.each([
  [{ hosts: ["a.test", "b.test"] }, { hosts: ["b.test"] }, false],
  [{ hosts: ["a.test"] }, { hosts: ["a.test", "b.test"] }, true],
  [{ hosts: ["a.test"] }, { hosts: ["*.test"] }, true],
  [{ host: "a.test", port: 1 }, { host: "a.test", port: 2 }, true],
  [{ host: "a.test", username: "u" }, { host: "a.test", username: "v" }, false],
  [{ tokenUrl: "https://a.test" }, { tokenUrl: "https://b.test" }, true],
  [{ tls: "verify" }, { tls: "disable" }, true],
  [{ host: "a.test" }, { host: "a.test", ca: "own" }, true],
])("%j → %j sends the secret elsewhere: %s", (before, after, expected) => {
  expect(movesSecret(before, after)).toBe(expected);
});

test("bound hosts have no part in a grant; everything else has", () => {
  const before = { hosts: ["a.test"], clientId: "c", scopes: ["x"] };
  expect(isSameGrant(before, { ...before, hosts: ["b.test"] })).toBe(true);
  expect(isSameGrant(before, { ...before, scopes: ["x", "y"] })).toBe(false);
});
