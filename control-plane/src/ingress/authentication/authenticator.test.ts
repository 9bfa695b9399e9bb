import { createHmac } from "node:crypto";
import { RequestError } from "@fluxo/core/errors/request-error";
import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createAuthenticator } from "./authenticator.ts";
import type { HookAuthentication } from "./contract.ts";
import type { HmacSettings } from "./hmac.ts";

const now = new Date("2026-01-01T00:00:00.000Z");
const nowSeconds = now.getTime() / 1_000;

/** The code with which a request is refused; undefined when it passes. */
function refusalOf(authentication: HookAuthentication, secret: string | undefined, headers: Record<string, string>, body: string | Buffer = ""): string | undefined {
  const authenticate = createAuthenticator(authentication, secret === undefined ? undefined : Buffer.from(secret));
  try {
    authenticate({ headers, body: Buffer.from(body), now });
    return undefined;
  } catch (error) {
    if (error instanceof RequestError) return error.code;
    throw error;
  }
}

describe("none and header", () => {
  test("none lets everybody pass", () => {
    expect(refusalOf({ mode: "none" }, undefined, {})).toBeUndefined();
  });

  test.each([
    ["the secret", "s3cret", undefined],
    ["another of its length", "s3creT", "HOOK_UNAUTHENTICATED"],
    ["a part of it", "s3cre", "HOOK_UNAUTHENTICATED"],
    ["nothing", "", "HOOK_UNAUTHENTICATED"],
  ])("header: %s", (_, value, code) => {
    expect(refusalOf({ mode: "header", header: "x-token" }, "s3cret", { "x-token": value })).toBe(code);
  });

  test("a header that every object has is not one", () => {
    expect(refusalOf({ mode: "header", header: "constructor" }, "s3cret", {})).toBe("HOOK_UNAUTHENTICATED");
  });

  test.each<HookAuthentication>([
    { mode: "header", header: "x-token" },
    { mode: "hmac", header: "x-signature", algorithm: "sha256", encoding: "hex", toleranceSeconds: 300 },
    { mode: "standard" },
  ])("$mode without a secret refuses everybody", (authentication) => {
    for (const secret of [undefined, ""]) {
      const signature = createHmac("sha256", "").update("").digest("hex");
      expect(refusalOf(authentication, secret, { "x-token": "", "x-signature": signature })).toBe("HOOK_UNAUTHENTICATED");
    }
  });
});

describe("hmac", () => {
  const body = Buffer.from([0xff, 0x00, 0x7b]);
  const base: HmacSettings = { mode: "hmac", header: "x-signature", algorithm: "sha256", encoding: "hex", toleranceSeconds: 300 };
  const hmac = (secret: string, algorithm = "sha256", content: string | Buffer = body): Buffer => createHmac(algorithm, secret).update(content).digest();
  const check = (settings: HmacSettings, signature: string, more: Record<string, string> = {}): string | undefined =>
    refusalOf(settings, "k", { "x-signature": signature, ...more }, body);

  test("hex in either case, base64 with and without padding, base64url", () => {
    expect(check(base, hmac("k").toString("hex"))).toBeUndefined();
    expect(check(base, hmac("k").toString("hex").toUpperCase())).toBeUndefined();
    const base64: HmacSettings = { ...base, encoding: "base64" };
    expect(check(base64, hmac("k").toString("base64"))).toBeUndefined();
    expect(check(base64, hmac("k").toString("base64").replace("=", ""))).toBeUndefined();
    expect(check(base64, hmac("k").toString("base64url"))).toBeUndefined();
  });

  test.each(["sha256", "sha384", "sha512", "sha1"] as const)("%s", (algorithm) => {
    expect(check({ ...base, algorithm }, hmac("k", algorithm).toString("hex"))).toBeUndefined();
  });

  test("GitHub's documented vector", () => {
    const settings: HmacSettings = { ...base, header: "x-hub-signature-256", prefix: "sha256=" };
    const signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    expect(refusalOf(settings, "It's a Secret to Everybody", { "x-hub-signature-256": signature }, "Hello, World!")).toBeUndefined();
  });

  test("one of several signatures is enough: rotation", () => {
    const [older, newer] = [hmac("old").toString("hex"), hmac("k").toString("hex")];
    expect(check(base, `${older}, ${newer}`)).toBeUndefined();
    expect(check({ ...base, prefix: "v1=" }, `t=1,v1=${older},v1=${newer}`)).toBeUndefined();
    expect(check(base, older)).toBe("HOOK_SIGNATURE_INVALID");
  });

  test("truncated, extended, unprefixed, of another encoding or absent", () => {
    const signature = hmac("k").toString("hex");
    expect(check(base, signature.slice(0, 62))).toBe("HOOK_SIGNATURE_INVALID");
    expect(check(base, signature.slice(0, 2))).toBe("HOOK_SIGNATURE_INVALID");
    expect(check(base, `${signature}zz`)).toBe("HOOK_SIGNATURE_INVALID");
    expect(check({ ...base, prefix: "sha256=" }, signature)).toBe("HOOK_SIGNATURE_INVALID");
    expect(check(base, hmac("k").toString("base64"))).toBe("HOOK_SIGNATURE_INVALID");
    expect(check(base, ",,,")).toBe("HOOK_SIGNATURE_INVALID");
    expect(check(base, " ")).toBe("HOOK_UNAUTHENTICATED");
    expect(refusalOf(base, "k", {}, body)).toBe("HOOK_UNAUTHENTICATED");
  });

  test("a timestamp is signed with the body and must be fresh, both ways", () => {
    const settings: HmacSettings = { ...base, timestampHeader: "x-time" };
    const sign = (timestamp: string): string => hmac("k", "sha256", Buffer.concat([Buffer.from(`${timestamp}.`), body])).toString("hex");
    const at = (timestamp: string, signature = sign(timestamp)): string | undefined => check(settings, signature, { "x-time": timestamp });
    expect(at(String(nowSeconds))).toBeUndefined();
    expect(at(String(nowSeconds - 300))).toBeUndefined();
    expect(at(String(nowSeconds - 301))).toBe("HOOK_TIMESTAMP_REJECTED");
    expect(at(String(nowSeconds + 301))).toBe("HOOK_TIMESTAMP_REJECTED");
    expect(at("")).toBe("HOOK_TIMESTAMP_REJECTED");
    expect(at("1e9")).toBe("HOOK_TIMESTAMP_REJECTED");
    expect(at(String(nowSeconds), sign(String(nowSeconds - 600)))).toBe("HOOK_SIGNATURE_INVALID");
    expect(check(settings, sign(""))).toBe("HOOK_TIMESTAMP_REJECTED");
  });
});

describe("standard", () => {
  const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  const id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
  const body = '{"test": 2432232314}';
  /** The specification's vector is of this instant. */
  const vector = { seconds: 1_614_265_330, signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" };
  const headersOf = (signature: string, seconds: number | string = nowSeconds): Record<string, string> => ({
    "webhook-id": id,
    "webhook-timestamp": String(seconds),
    "webhook-signature": signature,
  });
  const sign = (seconds = nowSeconds, key = secret, content = body): string => new Webhook(key).sign(id, new Date(seconds * 1_000), content);
  const check = (headers: Record<string, string>, content: string | Buffer = body, key = secret): string | undefined => refusalOf({ mode: "standard" }, key, headers, content);

  beforeEach(() => vi.useFakeTimers({ now, toFake: ["Date"] }));
  afterEach(() => vi.useRealTimers());

  test("the specification's vector", () => {
    vi.setSystemTime(vector.seconds * 1_000);
    const authenticate = createAuthenticator({ mode: "standard" }, Buffer.from(secret));
    const request = { headers: headersOf(vector.signature, vector.seconds), body: Buffer.from(body), now: new Date(vector.seconds * 1_000) };
    expect(() => authenticate(request)).not.toThrow();
  });

  test("a signature over the body, also without the secret's prefix", () => {
    expect(check(headersOf(sign()))).toBeUndefined();
    expect(check(headersOf(sign()), body, secret.slice("whsec_".length))).toBeUndefined();
    expect(check(headersOf(sign(nowSeconds, secret, "")), "")).toBeUndefined();
  });

  test("two signatures while the secret rotates, and versions that it does not know", () => {
    const older = sign(nowSeconds, "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
    expect(check(headersOf(`${older} ${sign()}`))).toBeUndefined();
    expect(check(headersOf(`v1a,abc ${older} ${sign()}`))).toBeUndefined();
    expect(check(headersOf(older))).toBe("HOOK_SIGNATURE_INVALID");
    expect(check(headersOf(sign().replace("v1,", "v2,")))).toBe("HOOK_SIGNATURE_INVALID");
  });

  test("a replay outside the tolerance, and one with a fresh timestamp", () => {
    for (const seconds of [nowSeconds - 301, nowSeconds + 301]) expect(check(headersOf(sign(seconds), seconds))).toBe("HOOK_TIMESTAMP_REJECTED");
    expect(check(headersOf(sign(nowSeconds - 299), nowSeconds - 299))).toBeUndefined();
    expect(check(headersOf(sign(nowSeconds - 600)))).toBe("HOOK_SIGNATURE_INVALID");
    expect(check(headersOf(sign(), `${nowSeconds}x`))).toBe("HOOK_TIMESTAMP_REJECTED");
  });

  test("truncated signatures, altered bodies, other ids, missing headers", () => {
    expect(check(headersOf(sign().slice(0, -4)))).toBe("HOOK_SIGNATURE_INVALID");
    expect(check(headersOf("v1,"))).toBe("HOOK_SIGNATURE_INVALID");
    expect(check(headersOf("v1"))).toBe("HOOK_SIGNATURE_INVALID");
    expect(check(headersOf(sign()), `${body} `)).toBe("HOOK_SIGNATURE_INVALID");
    expect(check({ ...headersOf(sign()), "webhook-id": "msg_other" })).toBe("HOOK_SIGNATURE_INVALID");
    expect(check({ "webhook-id": id, "webhook-timestamp": String(nowSeconds) })).toBe("HOOK_UNAUTHENTICATED");
    expect(check({ "webhook-id": id, "webhook-signature": sign() })).toBe("HOOK_TIMESTAMP_REJECTED");
    expect(check({ "webhook-timestamp": String(nowSeconds), "webhook-signature": sign() })).toBe("HOOK_UNAUTHENTICATED");
  });

  test("different bytes that look the same as text", () => {
    const signature = sign(nowSeconds, secret, "\uFFFD");
    expect(check(headersOf(signature), "\uFFFD")).toBeUndefined();
    expect(check(headersOf(signature), Buffer.from([0xff]))).toBe("HOOK_SIGNATURE_INVALID");
  });

  test("a secret that is no base64 refuses everybody", () => {
    expect(check(headersOf(sign()), body, "whsec_%%%")).toBe("HOOK_UNAUTHENTICATED");
  });
});
