import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto";
import { RequestError } from "@fluxo/core/errors/request-error";
import { headerValue } from "../headers.ts";
import type { Authenticator, HookAuthentication } from "./contract.ts";
import { assertFresh } from "./timestamp.ts";

export type HmacSettings = Extract<HookAuthentication, { mode: "hmac" }>;

/** A header that holds more candidates than this is no rotation of secrets. */
const SIGNATURES_MAX = 16;

/**
 * A header must hold the HMAC of the raw body, or of `<timestamp>.<body>` where a timestamp header is configured. The header may hold several
 * signatures, separated by commas or blanks; those without the configured prefix, or of another length, count for nothing.
 */
export function createHmacAuthenticator(settings: HmacSettings, secret: Buffer): Authenticator {
  const key = createSecretKey(secret);
  return ({ headers, body, now }) => {
    const header = headerValue(headers, settings.header);
    if (header === undefined || header.trim() === "") throw new RequestError("HOOK_UNAUTHENTICATED");
    const hmac = createHmac(settings.algorithm, key);
    if (settings.timestampHeader !== undefined) {
      const timestamp = headerValue(headers, settings.timestampHeader);
      assertFresh(timestamp, now, settings.toleranceSeconds);
      hmac.update(`${timestamp}.`);
    }
    const expected = hmac.update(body).digest();
    const candidates = header.split(/[,\s]+/, SIGNATURES_MAX);
    if (!candidates.some((candidate) => matches(candidate, expected, settings))) throw new RequestError("HOOK_SIGNATURE_INVALID");
  };
}

function matches(candidate: string, expected: Buffer, { prefix = "", encoding }: HmacSettings): boolean {
  if (!candidate.startsWith(prefix)) return false;
  const given = decode(candidate.slice(prefix.length), encoding);
  return given?.length === expected.length && timingSafeEqual(given, expected);
}

/** Node's decoders stop at the first character that they do not know: what is not wholly in the encoding is no signature. */
function decode(text: string, encoding: HmacSettings["encoding"]): Buffer | undefined {
  switch (encoding) {
    case "hex":
      return /^(?:[0-9a-f]{2})+$/i.test(text) ? Buffer.from(text, "hex") : undefined;
    case "base64":
      return /^[A-Za-z0-9+/_-]+={0,2}$/.test(text) ? Buffer.from(text, "base64") : undefined;
    default:
      return encoding satisfies never;
  }
}
