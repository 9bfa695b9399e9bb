import { createHash, timingSafeEqual } from "node:crypto";
import { RequestError } from "@fluxo/core/errors/request-error";
import { headerValue } from "../headers.ts";
import type { Authenticator } from "./contract.ts";

/** A header must hold the secret. Hashes are compared, so that neither content nor length shows in the time it takes. */
export function createHeaderAuthenticator(header: string, secret: Buffer): Authenticator {
  const expected = hash(secret);
  return ({ headers }) => {
    const given = headerValue(headers, header);
    if (given === undefined || !timingSafeEqual(hash(Buffer.from(given, "latin1")), expected)) throw new RequestError("HOOK_UNAUTHENTICATED");
  };
}

function hash(bytes: Buffer): Buffer {
  return createHash("sha256").update(bytes).digest();
}
