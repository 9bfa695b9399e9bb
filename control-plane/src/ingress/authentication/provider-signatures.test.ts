import { createHmac } from "node:crypto";
import { RequestError } from "@fluxo/core/errors/request-error";
import { describe, expect, test } from "vitest";
import { createAuthenticator } from "./authenticator.ts";
import type { HookAuthentication } from "./contract.ts";
import { withoutClientState } from "./microsoft.ts";

const now = new Date("2026-01-01T00:00:00.000Z");
const seconds = now.getTime() / 1_000;
const SECRET = "the secret of this tenant";
const BODY = '{"id":"evt_1", "a" : 1}';

function refusalOf(authentication: HookAuthentication, headers: Record<string, string>, body: string | Buffer = BODY, secret: string | undefined = SECRET): string | undefined {
  try {
    createAuthenticator(authentication, secret === undefined ? undefined : Buffer.from(secret))({ headers, body: Buffer.from(body), now });
    return undefined;
  } catch (error) {
    if (error instanceof RequestError) return error.code;
    throw error;
  }
}

const hmac = (content: string, encoding: "hex" | "base64", secret = SECRET): string => createHmac("sha256", secret).update(content).digest(encoding);

interface Signing {
  readonly body?: string;
  readonly secret?: string;
  readonly at?: number;
  /** The time that is sent, where it is not the one that was signed. */
  readonly sentAt?: number;
}

/** The headers that each provider sends. */
const SENDERS: { readonly authentication: HookAuthentication; readonly isTimed: boolean; readonly signatureHeader: string; readonly sign: (signing?: Signing) => Record<string, string> }[] = [
  { authentication: { mode: "github" }, isTimed: false, signatureHeader: "x-hub-signature-256", sign: ({ body = BODY, secret = SECRET } = {}) => ({ "x-hub-signature-256": `sha256=${hmac(body, "hex", secret)}` }) },
  { authentication: { mode: "meta" }, isTimed: false, signatureHeader: "x-hub-signature-256", sign: ({ body = BODY, secret = SECRET } = {}) => ({ "x-hub-signature-256": `sha256=${hmac(body, "hex", secret)}` }) },
  { authentication: { mode: "shopify" }, isTimed: false, signatureHeader: "x-shopify-hmac-sha256", sign: ({ body = BODY, secret = SECRET } = {}) => ({ "x-shopify-hmac-sha256": hmac(body, "base64", secret) }) },
  {
    authentication: { mode: "stripe", toleranceSeconds: 300 },
    isTimed: true,
    signatureHeader: "stripe-signature",
    sign: ({ body = BODY, secret = SECRET, at = seconds, sentAt = at } = {}) => ({ "stripe-signature": `t=${sentAt},v1=${hmac(`${at}.${body}`, "hex", secret)},v0=${"0".repeat(64)}` }),
  },
  {
    authentication: { mode: "slack", toleranceSeconds: 300 },
    isTimed: true,
    signatureHeader: "x-slack-signature",
    sign: ({ body = BODY, secret = SECRET, at = seconds, sentAt = at } = {}) => ({ "x-slack-request-timestamp": String(sentAt), "x-slack-signature": `v0=${hmac(`v0:${at}:${body}`, "hex", secret)}` }),
  },
  {
    authentication: { mode: "zoom", toleranceSeconds: 300 },
    isTimed: true,
    signatureHeader: "x-zm-signature",
    sign: ({ body = BODY, secret = SECRET, at = seconds, sentAt = at } = {}) => ({ "x-zm-request-timestamp": String(sentAt), "x-zm-signature": `v0=${hmac(`v0:${at}:${body}`, "hex", secret)}` }),
  },
];

describe.each(SENDERS)("$authentication.mode", ({ authentication, signatureHeader, sign }) => {
  test("what its sender signs passes", () => {
    expect(refusalOf(authentication, sign())).toBeUndefined();
    expect(refusalOf(authentication, sign({ body: "" }), "")).toBeUndefined();
  });

  test("forged: another body, also one that is the same JSON, another tenant's secret, no secret at all", () => {
    expect(refusalOf(authentication, sign(), BODY.replace("1}", "2}"))).toBe("HOOK_SIGNATURE_INVALID");
    expect(refusalOf(authentication, sign(), JSON.stringify(JSON.parse(BODY)))).toBe("HOOK_SIGNATURE_INVALID");
    expect(refusalOf(authentication, sign({ secret: "the secret of another" }))).toBe("HOOK_SIGNATURE_INVALID");
    expect(refusalOf(authentication, sign({ secret: "" }), BODY, "")).toBe("HOOK_UNAUTHENTICATED");
    expect(refusalOf(authentication, {})).toBe("HOOK_UNAUTHENTICATED");
    expect(refusalOf(authentication, { ...sign(), [signatureHeader]: "" })).toBe("HOOK_UNAUTHENTICATED");
  });

  test("truncated and extended signatures", () => {
    const headers = sign();
    const signature = headers[signatureHeader] ?? "";
    const cut = authentication.mode === "stripe" ? signature.replace(/,v0=.*/, "").slice(0, -2) : signature.slice(0, -2);
    expect(refusalOf(authentication, { ...headers, [signatureHeader]: cut })).toBe("HOOK_SIGNATURE_INVALID");
    expect(refusalOf(authentication, { ...headers, [signatureHeader]: authentication.mode === "stripe" ? signature.replace(",v0", "00,v0") : `${signature}00` })).toBe("HOOK_SIGNATURE_INVALID");
  });
});

test.each(SENDERS.filter(({ isTimed }) => isTimed))("$authentication.mode refuses a replay, and another time than the signed one", ({ authentication, sign }) => {
  for (const at of [seconds - 301, seconds + 301]) expect(refusalOf(authentication, sign({ at }))).toBe("HOOK_TIMESTAMP_REJECTED");
  for (const at of [seconds - 300, seconds + 300]) expect(refusalOf(authentication, sign({ at }))).toBeUndefined();
  expect(refusalOf(authentication, sign({ at: seconds - 3_600, sentAt: seconds }))).toBe("HOOK_SIGNATURE_INVALID");
  expect(refusalOf(authentication, sign({ at: Number.NaN }))).toBe("HOOK_TIMESTAMP_REJECTED");
});

test.each(SENDERS.filter(({ authentication: { mode } }) => mode === "slack" || mode === "zoom"))("$authentication.mode: signatures of another version count for nothing", ({ authentication, signatureHeader, sign }) => {
  const headers = sign();
  expect(refusalOf(authentication, { ...headers, [signatureHeader]: headers[signatureHeader]?.replace("v0=", "v1=") ?? "" })).toBe("HOOK_SIGNATURE_INVALID");
});

describe("Stripe's header", () => {
  const stripe: HookAuthentication = { mode: "stripe", toleranceSeconds: 300 };
  const good = hmac(`${seconds}.${BODY}`, "hex");
  const bad = hmac(`${seconds}.${BODY}`, "hex", "older");

  test("one of several v1 is enough while the secret rolls; other schemes count for nothing", () => {
    expect(refusalOf(stripe, { "stripe-signature": `t=${seconds},v1=${bad},v1=${good}` })).toBeUndefined();
    expect(refusalOf(stripe, { "stripe-signature": `t=${seconds}, v1=${good}` })).toBeUndefined();
    expect(refusalOf(stripe, { "stripe-signature": `t=${seconds},v1=${bad}` })).toBe("HOOK_SIGNATURE_INVALID");
    expect(refusalOf(stripe, { "stripe-signature": `t=${seconds},v0=${good}` })).toBe("HOOK_SIGNATURE_INVALID");
  });

  test("two times, and none, are refused", () => {
    expect(refusalOf(stripe, { "stripe-signature": `t=${seconds},t=${seconds},v1=${good}` })).toBe("HOOK_TIMESTAMP_REJECTED");
    expect(refusalOf(stripe, { "stripe-signature": `v1=${good}` })).toBe("HOOK_TIMESTAMP_REJECTED");
  });
});

test("Slack's documented vector", () => {
  const body =
    "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
  const headers = { "x-slack-request-timestamp": "1531420618", "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503" };
  const authenticate = createAuthenticator({ mode: "slack", toleranceSeconds: 300 }, Buffer.from("8f742231b10e8888abcd99yyyzzz85a5"));
  expect(() => authenticate({ headers, body: Buffer.from(body), now: new Date(1_531_420_618_000) })).not.toThrow();
});

describe("microsoft", () => {
  const body = (...states: unknown[]): string => JSON.stringify({ value: states.map((clientState) => ({ clientState, resource: "me" })) });

  test("each notification must hold the secret", () => {
    expect(refusalOf({ mode: "microsoft" }, {}, body(SECRET, SECRET))).toBeUndefined();
    for (const forged of [body(SECRET, "x"), body(), body(null), body(SECRET.slice(0, -1)), "{}", "[]", "", '{"value":{}}']) expect(refusalOf({ mode: "microsoft" }, {}, forged)).toBe("HOOK_UNAUTHENTICATED");
    expect(refusalOf({ mode: "microsoft" }, {}, "{")).toBe("MALFORMED_JSON");
  });

  test("what is recorded does not hold it", () => {
    expect(withoutClientState(JSON.parse(body(SECRET)))).toEqual({ value: [{ resource: "me" }] });
  });
});
