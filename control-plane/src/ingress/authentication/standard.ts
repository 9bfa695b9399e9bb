import { isUtf8 } from "node:buffer";
import { RequestError } from "@fluxo/core/errors/request-error";
import { Webhook } from "standardwebhooks";
import { headerValue } from "../headers.ts";
import type { Authenticator } from "./contract.ts";
import { assertFresh } from "./timestamp.ts";

/** The tolerance of the library; the specification leaves it to the receiver. */
const TOLERANCE_SECONDS = 300;

/**
 * Standard Webhooks 1.0.0 with a symmetric secret (`whsec_` and base64). The library decides; what is checked before it only tells its
 * reasons apart, and refuses bodies that are not UTF-8: the library signs their text, in which different bytes would look the same.
 * A secret that cannot be read refuses everybody.
 */
export function createStandardAuthenticator(secret: Buffer): Authenticator {
  const webhook = openWebhook(secret);
  return ({ headers, body, now }) => {
    const id = headerValue(headers, "webhook-id");
    const signature = headerValue(headers, "webhook-signature");
    const timestamp = headerValue(headers, "webhook-timestamp");
    if (webhook === undefined || id === undefined || id === "" || signature === undefined || signature === "") throw new RequestError("HOOK_UNAUTHENTICATED");
    assertFresh(timestamp, now, TOLERANCE_SECONDS);
    if (!isUtf8(body)) throw new RequestError("HOOK_SIGNATURE_INVALID");
    try {
      webhook.verify(body, { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature }, { jsonParse: false });
    } catch {
      throw new RequestError("HOOK_SIGNATURE_INVALID");
    }
  };
}

function openWebhook(secret: Buffer): Webhook | undefined {
  try {
    return new Webhook(secret.toString("utf8").trim());
  } catch {
    return undefined;
  }
}
