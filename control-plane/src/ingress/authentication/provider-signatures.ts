import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from "node:crypto";
import { RequestError } from "@fluxo/core/errors/request-error";
import { headerValue } from "../headers.ts";
import type { Authenticator, HookAuthentication } from "./contract.ts";
import { createHmacAuthenticator } from "./hmac.ts";
import { assertFresh } from "./timestamp.ts";

type ToleranceOf<M extends HookAuthentication["mode"]> = Extract<HookAuthentication, { mode: M }>;

/** More parts in one header than this are no rotation of secrets. */
const PARTS_MAX = 32;
const HEX_SHA256 = /^[0-9a-f]{64}$/i;

/** GitHub and Meta: `sha256=` and the HMAC of the body in hex. */
export function createHubAuthenticator(secret: Buffer): Authenticator {
  return createHmacAuthenticator({ mode: "hmac", header: "x-hub-signature-256", algorithm: "sha256", encoding: "hex", prefix: "sha256=", toleranceSeconds: 300 }, secret);
}

/** Shopify: the HMAC of the body in base64. */
export function createShopifyAuthenticator(secret: Buffer): Authenticator {
  return createHmacAuthenticator({ mode: "hmac", header: "x-shopify-hmac-sha256", algorithm: "sha256", encoding: "base64", toleranceSeconds: 300 }, secret);
}

/** Stripe: `t=<seconds>,v1=<hex>[,v1=…]` over `<t>.<body>`; one `v1` that fits is enough. Schemes other than v1 count for nothing. */
export function createStripeAuthenticator({ toleranceSeconds }: ToleranceOf<"stripe">, secret: Buffer): Authenticator {
  const key = createSecretKey(secret);
  return ({ headers, body, now }) => {
    const header = headerValue(headers, "stripe-signature");
    if (header === undefined || header.trim() === "") throw new RequestError("HOOK_UNAUTHENTICATED");
    const parts = header.split(",", PARTS_MAX).map((part) => part.trim());
    const times = parts.filter((part) => part.startsWith("t="));
    const timestamp = times.length === 1 ? times[0]?.slice(2) : undefined;
    assertFresh(timestamp, now, toleranceSeconds);
    const expected = hmacOf(key, `${timestamp}.`, body);
    if (!parts.some((part) => part.startsWith("v1=") && isSignature(part.slice(3), expected))) throw new RequestError("HOOK_SIGNATURE_INVALID");
  };
}

/** Slack and Zoom: `v0=<hex>` over `v0:<timestamp>:<body>`, with the timestamp in a header of its own. */
export function createV0Authenticator({ mode, toleranceSeconds }: ToleranceOf<"slack" | "zoom">, secret: Buffer): Authenticator {
  const key = createSecretKey(secret);
  const [signatureHeader, timestampHeader] = mode === "slack" ? ["x-slack-signature", "x-slack-request-timestamp"] : ["x-zm-signature", "x-zm-request-timestamp"];
  return ({ headers, body, now }) => {
    const signature = headerValue(headers, signatureHeader);
    if (signature === undefined || signature === "") throw new RequestError("HOOK_UNAUTHENTICATED");
    const timestamp = headerValue(headers, timestampHeader);
    assertFresh(timestamp, now, toleranceSeconds);
    const expected = hmacOf(key, `v0:${timestamp}:`, body);
    if (!signature.startsWith("v0=") || !isSignature(signature.slice(3), expected)) throw new RequestError("HOOK_SIGNATURE_INVALID");
  };
}

function hmacOf(key: KeyObject, prefix: string, body: Buffer): Buffer {
  return createHmac("sha256", key).update(prefix).update(body).digest();
}

function isSignature(text: string, expected: Buffer): boolean {
  return HEX_SHA256.test(text) && timingSafeEqual(Buffer.from(text, "hex"), expected);
}
