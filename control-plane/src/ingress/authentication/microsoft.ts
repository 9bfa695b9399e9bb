import { createHash, timingSafeEqual } from "node:crypto";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { Json } from "@fluxo/core/json";
import { parseJson } from "../payload/json.ts";
import type { Authenticator } from "./contract.ts";

/**
 * Notifications of Microsoft Graph are not signed: each of `value` must hold the secret as `clientState`.
 * @throws RequestError MALFORMED_JSON besides those of an Authenticator
 */
export function createMicrosoftAuthenticator(secret: Buffer): Authenticator {
  const expected = hash(secret);
  return ({ body }) => {
    const states = notificationsOf(body.length === 0 ? null : parseJson(body.toString("utf8"))).map(clientStateOf);
    if (states.length === 0 || !states.every((state) => typeof state === "string" && timingSafeEqual(hash(Buffer.from(state)), expected))) {
      throw new RequestError("HOOK_UNAUTHENTICATED");
    }
  };
}

/** The body without the secret that it holds. */
export function withoutClientState(body: Json): Json {
  if (typeof body !== "object" || body === null || Array.isArray(body)) return body;
  const value = notificationsOf(body).map((notification) => {
    if (typeof notification !== "object" || notification === null || Array.isArray(notification)) return notification;
    const { clientState: _, ...rest } = notification;
    return rest;
  });
  return { ...body, value };
}

function notificationsOf(body: Json): readonly Json[] {
  const value = typeof body === "object" && body !== null && !Array.isArray(body) ? body["value"] : undefined;
  return Array.isArray(value) ? value : [];
}

function clientStateOf(notification: Json): Json | undefined {
  return typeof notification === "object" && notification !== null && !Array.isArray(notification) ? notification["clientState"] : undefined;
}

function hash(bytes: Buffer): Buffer {
  return createHash("sha256").update(bytes).digest();
}
