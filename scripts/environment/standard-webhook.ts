import { createHmac } from "node:crypto";

/** The raw key of a Standard Webhooks secret (`whsec_` and base64). */
export function webhookKey(secret: string): Buffer {
  return Buffer.from(secret.replace(/^whsec_/, ""), "base64");
}

/** The headers of a message signed as https://www.standardwebhooks.com asks: HMAC-SHA256 over `id.timestamp.body`. */
export function signWebhook(message: { readonly secret: string; readonly id: string; readonly sentAt: Date; readonly body: string }): Record<string, string> {
  const timestamp = String(Math.floor(message.sentAt.getTime() / 1000));
  const signature = createHmac("sha256", webhookKey(message.secret)).update(`${message.id}.${timestamp}.${message.body}`).digest("base64");
  return { "content-type": "application/json", "webhook-id": message.id, "webhook-timestamp": timestamp, "webhook-signature": `v1,${signature}` };
}
