import { randomUUID } from "node:crypto";
import { signWebhook } from "../../scripts/environment/standard-webhook.ts";
import { parseBody } from "./api.ts";

/** One request to a hook. */
export interface HookRequest {
  readonly method?: string;
  /** Sent as it is. */
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: string;
}

export interface HookAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Of an accepted request. */
  readonly executionId: string;
  readonly duplicate: boolean | undefined;
  /** Of a refused one. */
  readonly code: string | undefined;
}

/** What is signed as Standard Webhooks asks. */
export interface SignedDelivery {
  /** The delivery's id; another one each time unless given. */
  readonly id?: string;
  /** Sent as JSON; a text is sent as it is. */
  readonly body?: unknown;
  readonly sentAt?: Date;
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: string;
}

const TIMEOUT_MS = 20_000;

/** Sends a request to a hook. */
export async function sendHook(hookUrl: string, { method = "POST", body, headers = {}, query = "" }: HookRequest = {}): Promise<HookAnswer> {
  const response = await fetch(`${hookUrl}${query}`, { method, headers, ...(body === undefined ? {} : { body }), signal: AbortSignal.timeout(TIMEOUT_MS) });
  const text = await response.text();
  const { executionId = "", duplicate, code } = (parseBody(text) ?? {}) as { executionId?: string; duplicate?: boolean; code?: string };
  return { status: response.status, headers: response.headers, text, executionId, duplicate, code };
}

/** Sends a signed request. */
export function deliver(hook: { readonly hookUrl: string; readonly secret: string }, delivery: SignedDelivery = {}): Promise<HookAnswer> {
  const { id = `msg_${randomUUID()}`, body = {}, sentAt = new Date(), headers = {}, query = "" } = delivery;
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return sendHook(hook.hookUrl, { body: text, headers: { ...signWebhook({ secret: hook.secret, id, sentAt, body: text }), ...headers }, query });
}
