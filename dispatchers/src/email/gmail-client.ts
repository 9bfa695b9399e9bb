import { NodeError } from "@fluxo/core/errors/node-error";
import type { HttpPort, HttpResponse } from "@fluxo/core/ports/http";
import { providerError } from "@fluxo/nodes/http/provider-error";
import { parseRetryAfter } from "@fluxo/nodes/http/retry-after";
import { MAIL_BYTES_MAX } from "@fluxo/nodes/trigger-email/definition";
import { z } from "zod";

export interface GmailClientOptions {
  readonly http: HttpPort;
  /** Origin of the API. */
  readonly url: string;
  readonly signal: AbortSignal;
  readonly accessToken: string;
  /** Another token, once, when Gmail refuses the first. */
  readonly renewToken: () => Promise<string>;
  readonly now: () => Date;
}

export interface GmailMessage {
  readonly id: string;
  readonly labels: readonly string[];
  readonly receivedAt: Date;
  /** The mail as received (RFC 5322). */
  readonly source: Buffer;
}

/** Changes of an account, the oldest first. */
export interface HistoryPage {
  readonly records: readonly { readonly id: string; readonly addedIds: readonly string[] }[];
  readonly hasMore: boolean;
  /** Where the account's history stands now. */
  readonly historyId: string;
}

const TIMEOUT_MS = 20_000;
const LIST_BYTES_MAX = 4_194_304;
/** A mail in base64, with its JSON. */
const MESSAGE_BYTES_MAX = Math.ceil(MAIL_BYTES_MAX * 1.4);
/** Limits of Gmail are per minute. */
const RATE_LIMIT_MS = 60_000;
const RATE_REASONS = /"(?:rateLimitExceeded|userRateLimitExceeded|quotaExceeded|dailyLimitExceeded)"/;

const profileSchema = z.object({ historyId: z.string() });
const idSchema = z.object({ id: z.string() });
const historySchema = z.object({
  history: z.array(z.object({ id: z.string(), messagesAdded: z.array(z.object({ message: idSchema })).default([]) })).default([]),
  nextPageToken: z.string().optional(),
  historyId: z.string(),
});
const listSchema = z.object({ messages: z.array(idSchema).default([]), nextPageToken: z.string().optional() });
const messageSchema = z.object({ id: z.string(), labelIds: z.array(z.string()).default([]), internalDate: z.string().regex(/^\d{1,15}$/), raw: z.string() });

/** Gmail's REST API, as far as a trigger needs it (developers.google.com/gmail/api/reference/rest). */
export class GmailClient {
  readonly #options: GmailClientOptions;
  #accessToken: string;
  #isRenewed = false;

  constructor(options: GmailClientOptions) {
    this.#options = options;
    this.#accessToken = options.accessToken;
  }

  /** Where the history stands, and Gmail's clock. */
  async profile(): Promise<{ readonly historyId: string; readonly at: Date }> {
    const response = await this.#get("profile", {}, LIST_BYTES_MAX);
    const atMs = Date.parse(response.headers["date"] ?? "");
    return { historyId: this.#read(response, profileSchema).historyId, at: Number.isNaN(atMs) ? this.#options.now() : new Date(atMs) };
  }

  /** What arrived with a label after a point of the history; undefined when Gmail has forgotten that point. */
  async history(startHistoryId: string, labelId: string, recordsMax: number): Promise<HistoryPage | undefined> {
    const response = await this.#get("history", { startHistoryId, labelId, historyTypes: "messageAdded", maxResults: String(recordsMax) }, LIST_BYTES_MAX, [404]);
    if (response.status === 404) return undefined;
    const { history, nextPageToken, historyId } = this.#read(response, historySchema);
    return { records: history.map(({ id, messagesAdded }) => ({ id, addedIds: messagesAdded.map(({ message }) => message.id) })), hasMore: nextPageToken !== undefined, historyId };
  }

  /** Ids of messages that match, the newest first, at most `idsMax`. */
  async list(query: string, labelIds: readonly string[], idsMax: number): Promise<{ readonly ids: readonly string[]; readonly hasMore: boolean }> {
    const ids: string[] = [];
    let pageToken: string | undefined;
    do {
      const page = { q: query, labelIds, maxResults: String(Math.min(500, idsMax - ids.length)), ...(pageToken === undefined ? {} : { pageToken }) };
      const { messages, nextPageToken } = this.#read(await this.#get("messages", page, LIST_BYTES_MAX), listSchema);
      ids.push(...messages.map(({ id }) => id));
      pageToken = nextPageToken;
    } while (pageToken !== undefined && ids.length < idsMax);
    return { ids, hasMore: pageToken !== undefined };
  }

  /** A message as received; undefined when it is gone. @throws NodeError RESPONSE_TOO_LARGE */
  async message(id: string): Promise<GmailMessage | undefined> {
    const response = await this.#get(`messages/${encodeURIComponent(id)}`, { format: "raw" }, MESSAGE_BYTES_MAX, [404]);
    if (response.status === 404) return undefined;
    const message = this.#read(response, messageSchema);
    return { id: message.id, labels: message.labelIds, receivedAt: new Date(Number(message.internalDate)), source: Buffer.from(message.raw, "base64url") };
  }

  async #get(path: string, query: Readonly<Record<string, string | readonly string[]>>, maxResponseBytes: number, taken: readonly number[] = []): Promise<HttpResponse> {
    const url = new URL(`/gmail/v1/users/me/${path}`, this.#options.url);
    for (const [name, values] of Object.entries(query)) for (const value of [values].flat()) url.searchParams.append(name, value);
    const response = await this.#send(url, maxResponseBytes);
    if (response.status === 401 && !this.#isRenewed) {
      this.#isRenewed = true;
      this.#accessToken = await this.#options.renewToken();
      return this.#get(path, query, maxResponseBytes, taken);
    }
    if (response.status < 400 || taken.includes(response.status)) return response;
    throw this.#refusal(response);
  }

  #send(url: URL, maxResponseBytes: number): Promise<HttpResponse> {
    const { http, signal } = this.#options;
    const headers = { authorization: `Bearer ${this.#accessToken}`, accept: "application/json" };
    return http.send({ method: "GET", url: url.href, headers, timeoutMs: TIMEOUT_MS, maxResponseBytes, maxRedirects: 0, signal });
  }

  /** Gmail says 403 for limits too; only its reason tells them from a missing scope. */
  #refusal(response: HttpResponse): NodeError {
    const { now } = this.#options;
    const clock = { now, sleep: () => Promise.reject(new Error("Nobody sleeps here.")) };
    const isLimited = response.status === 429 || (response.status === 403 && RATE_REASONS.test(Buffer.from(response.body).toString("utf8")));
    if (!isLimited) return providerError(response, clock);
    const retryAfterMs = parseRetryAfter(response.headers["retry-after"], clock) ?? RATE_LIMIT_MS;
    return new NodeError("Gmail asks to slow down.", { errorClass: "RATE_LIMIT", code: "PROVIDER_RATE_LIMITED", retryAfterMs });
  }

  #read<S extends z.ZodType>(response: HttpResponse, schema: S): z.output<S> {
    const parsed = schema.safeParse(jsonOf(response.body));
    if (!parsed.success) throw new NodeError("Gmail answered in a form that is not documented.", { errorClass: "SERVER", code: "PROVIDER_FAILED", cause: parsed.error });
    return parsed.data;
  }
}

function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    return undefined;
  }
}
