import { createHmac } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { Json } from "@fluxo/core/json";
import type { HookAuthentication } from "../authentication/contract.ts";
import { withoutClientState } from "../authentication/microsoft.ts";
import { headerValue } from "../headers.ts";

/** What a provider is answered that asks whether an address is ours: 200 with this, and no execution. */
export interface Challenge {
  readonly contentType: "text/plain; charset=utf-8" | "application/json; charset=utf-8";
  readonly body: string;
}

/** The line of a request: what is known before its body. */
interface RequestLine {
  readonly method: string;
  /** Path and query, as sent. */
  readonly url: string;
  /** The hook's token, by which it was found. */
  readonly token: string;
}

/** What the sender of a hook's requests does by its own rules. */
export interface Provider {
  /** Headers with signatures or secrets of this sender; they are never recorded. */
  readonly secretHeaders: ReadonlySet<string>;
  /** The header that every delivery has its id in. */
  readonly deliveryIdHeader?: string;
  /** The delivery's id in an authenticated request that has one. */
  readonly deliveryId?: (headers: IncomingHttpHeaders, body: Json) => string | undefined;
  /** Answers a question that comes without a signature. @throws RequestError HOOK_UNAUTHENTICATED */
  readonly greet?: (line: RequestLine) => Challenge | undefined;
  /** Answers a question in an authenticated body. */
  readonly challenge?: (body: Json) => Challenge | undefined;
  /** The body as it may be recorded. */
  readonly withoutSecrets?: (body: Json) => Json;
}

/** Longest text of a stranger that is sent back. */
const ECHO_CHARACTERS_MAX = 1_024;

/** @param secret as stored, for answers that are signed */
export function createProvider(authentication: HookAuthentication, secret: Buffer | undefined): Provider {
  switch (authentication.mode) {
    case "none":
      return { secretHeaders: new Set() };
    case "header":
    case "hmac":
      return { secretHeaders: new Set([authentication.header]) };
    case "standard":
      return { secretHeaders: new Set(["webhook-signature"]), deliveryIdHeader: "webhook-id" };
    case "github":
      return { secretHeaders: new Set(["x-hub-signature", "x-hub-signature-256"]), deliveryIdHeader: "x-github-delivery" };
    case "stripe":
      return { secretHeaders: new Set(["stripe-signature"]), deliveryId: (_headers, body) => textIn(body, "id") };
    case "slack":
      return { secretHeaders: new Set(["x-slack-signature"]), deliveryId: (_headers, body) => textIn(body, "event_id"), challenge: answerSlack, withoutSecrets: withoutToken };
    case "shopify":
      return { secretHeaders: new Set(["x-shopify-hmac-sha256"]), deliveryId: shopifyDelivery };
    case "meta":
      return { secretHeaders: new Set(["x-hub-signature", "x-hub-signature-256"]), greet: answerMeta };
    case "zoom":
      return { secretHeaders: new Set(["x-zm-signature"]), challenge: (body) => answerZoom(body, secret) };
    case "microsoft":
      return { secretHeaders: new Set(), greet: answerMicrosoft, withoutSecrets: withoutClientState };
    default:
      return authentication satisfies never;
  }
}

/** One event reaches one address once per topic that it concerns, with the same event id. */
function shopifyDelivery(headers: IncomingHttpHeaders): string | undefined {
  const eventId = headerValue(headers, "x-shopify-event-id");
  return eventId === undefined || eventId === "" ? undefined : `${headerValue(headers, "x-shopify-topic") ?? ""}:${eventId}`;
}

function answerSlack(body: Json): Challenge | undefined {
  const challenge = textIn(body, "challenge");
  return textIn(body, "type") === "url_verification" && challenge !== undefined ? echo(challenge) : undefined;
}

/** Slack's verification token, of the time before signatures. */
function withoutToken(body: Json): Json {
  if (typeof body !== "object" || body === null || Array.isArray(body) || !Object.hasOwn(body, "token")) return body;
  const { token: _, ...rest } = body;
  return rest;
}

/** The verify token is the hook's own, which only who has the address knows. */
function answerMeta({ method, url, token }: RequestLine): Challenge | undefined {
  const query = queryOf(url);
  if (method !== "GET" || query.get("hub.mode") !== "subscribe") return undefined;
  const challenge = query.get("hub.challenge");
  if (query.get("hub.verify_token") !== token || challenge === null) throw new RequestError("HOOK_UNAUTHENTICATED");
  return echo(challenge);
}

function answerMicrosoft({ method, url }: RequestLine): Challenge | undefined {
  const validationToken = method === "POST" ? queryOf(url).get("validationToken") : null;
  return validationToken === null ? undefined : echo(validationToken);
}

function answerZoom(body: Json, secret: Buffer | undefined): Challenge | undefined {
  if (secret === undefined || textIn(body, "event") !== "endpoint.url_validation") return undefined;
  const plainToken = textIn(memberOf(body, "payload") ?? null, "plainToken");
  if (plainToken === undefined) return undefined;
  const encryptedToken = createHmac("sha256", secret).update(plainToken).digest("hex");
  return { contentType: "application/json; charset=utf-8", body: JSON.stringify({ plainToken, encryptedToken }) };
}

function echo(text: string): Challenge {
  if (text.length > ECHO_CHARACTERS_MAX) throw new RequestError("HOOK_UNAUTHENTICATED");
  return { contentType: "text/plain; charset=utf-8", body: text };
}

function queryOf(url: string): URLSearchParams {
  const start = url.indexOf("?");
  return new URLSearchParams(start === -1 ? "" : url.slice(start + 1));
}

function textIn(body: Json, name: string): string | undefined {
  const value = memberOf(body, name);
  return typeof value === "string" && value !== "" ? value : undefined;
}

function memberOf(body: Json, name: string): Json | undefined {
  return typeof body === "object" && body !== null && !Array.isArray(body) && Object.hasOwn(body, name) ? body[name] : undefined;
}
