import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface GmailMessageInput {
  readonly raw: string | Buffer;
  /** `INBOX` and `UNREAD` unless told. */
  readonly labels?: readonly string[];
  readonly receivedAt?: Date;
}

/**
 * One Gmail account behind the documented REST API (developers.google.com/gmail/api/reference/rest), as far as a trigger uses it, with a token endpoint:
 * bearer tokens are checked and end, history has pages, gaps between its ids and an end of its memory, lists are newest first, and limits answer 429.
 */
export interface GmailServer {
  readonly url: string;
  readonly host: string;
  /** Of the OAuth2 client and its grant. */
  readonly grant: { readonly tokenUrl: string; readonly clientId: string; readonly clientSecret: string; readonly refreshToken: string };
  /** Paths that were asked for, with the query. */
  readonly requests: string[];
  add(message: GmailMessageInput): string;
  remove(id: string): void;
  /** History up to now is out of date: asking for it is answered with 404. */
  forgetHistory(): void;
  /** Tokens that were given out are refused from now on. */
  expireTokens(): void;
  /** Tokens are refused as soon as they are given out: the grant was revoked. */
  revokeGrant(): void;
  /** The next requests are answered with 429, or with 403, which Gmail says for limits too. */
  limit(requests: number, status?: 403 | 429): void;
  stop(): Promise<void>;
}

interface Stored {
  readonly id: string;
  readonly historyId: number;
  readonly labels: readonly string[];
  readonly receivedAt: Date;
  readonly raw: Buffer;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** History ids grow with gaps. */
const HISTORY_STEP = 7;
const NOT_FOUND = failure(404, "Requested entity was not found.", "notFound");
const GRANT = { clientId: "client-1", clientSecret: "client-secret", refreshToken: "refresh-1" } as const;

class Account {
  readonly #messages: Stored[] = [];
  #historyId = 1_000;
  #oldestHistoryId = 0;
  #serial = 0;

  add({ raw, labels = ["INBOX", "UNREAD"], receivedAt = new Date() }: GmailMessageInput): string {
    this.#serial += 1;
    this.#historyId += HISTORY_STEP;
    const id = (0x18f0_0000_0000_0000n + BigInt(this.#serial)).toString(16);
    this.#messages.push({ id, historyId: this.#historyId, labels, receivedAt, raw: Buffer.from(raw) });
    return id;
  }

  remove(id: string): void {
    const index = this.#messages.findIndex((message) => message.id === id);
    if (index !== -1) this.#messages.splice(index, 1);
  }

  forgetHistory(): void {
    this.#historyId += HISTORY_STEP;
    this.#oldestHistoryId = this.#historyId;
  }

  profile(): Answer {
    return ok({ emailAddress: "team@example.com", messagesTotal: this.#messages.length, threadsTotal: this.#messages.length, historyId: String(this.#historyId) });
  }

  history(query: URLSearchParams): Answer {
    const start = Number(query.get("startHistoryId"));
    if (!Number.isInteger(start) || start === 0) return failure(400, "Missing or invalid startHistoryId.", "invalidArgument");
    if (start < this.#oldestHistoryId) return NOT_FOUND;
    const label = query.get("labelId");
    const records = this.#messages.filter(({ historyId, labels }) => historyId > start && (label === null || labels.includes(label)));
    const { page, nextPageToken } = pageOf(records, query, 100);
    const history = page.map(({ id, historyId, labels }) => ({ id: String(historyId), messages: [{ id, threadId: id }], messagesAdded: [{ message: { id, threadId: id, labelIds: labels } }] }));
    return ok({ ...(history.length === 0 ? {} : { history }), ...nextPageToken, historyId: String(this.#historyId) });
  }

  list(query: URLSearchParams): Answer {
    const labels = query.getAll("labelIds");
    const terms = (query.get("q") ?? "").replaceAll(/[()]/g, " ").split(/\s+/).filter((term) => term !== "");
    const found = this.#messages
      .filter((message) => labels.every((label) => message.labels.includes(label)) && terms.every((term) => matches(message, term)))
      .toSorted((a, b) => b.receivedAt.getTime() - a.receivedAt.getTime() || b.historyId - a.historyId);
    const { page, nextPageToken } = pageOf(found, query, 100);
    return ok({ ...(page.length === 0 ? {} : { messages: page.map(({ id }) => ({ id, threadId: id })) }), ...nextPageToken, resultSizeEstimate: found.length });
  }

  message(id: string, query: URLSearchParams): Answer {
    const message = this.#messages.find((known) => known.id === id);
    if (message === undefined) return NOT_FOUND;
    const { historyId, labels, receivedAt, raw } = message;
    const content = query.get("format") === "raw" ? { raw: raw.toString("base64url") } : {};
    return ok({ id, threadId: id, labelIds: labels, snippet: "", historyId: String(historyId), internalDate: String(receivedAt.getTime()), sizeEstimate: raw.byteLength, ...content });
  }
}

/** Gmail's search, as far as tests use it. */
function matches({ raw, receivedAt }: Stored, term: string): boolean {
  const [operator = "", operand = ""] = term.includes(":") ? term.split(/:(.*)/s) : ["", term];
  const head = raw.toString("latin1").split("\r\n\r\n")[0] ?? "";
  const field = (name: string): string => new RegExp(`^${name}:(.*)$`, "im").exec(head)?.[1] ?? "";
  switch (operator) {
    case "after":
      return receivedAt.getTime() >= Number(operand) * 1_000;
    case "rfc822msgid":
      return field("message-id").trim() === `<${operand}>`;
    case "subject":
    case "from":
      return field(operator).toLowerCase().includes(operand.toLowerCase());
    default:
      return raw.includes(term);
  }
}

function pageOf(all: readonly Stored[], query: URLSearchParams, defaultMax: number): { page: readonly Stored[]; nextPageToken: { nextPageToken?: string } } {
  const from = Number(query.get("pageToken") ?? 0);
  const max = Math.min(500, Number(query.get("maxResults") ?? defaultMax));
  return { page: all.slice(from, from + max), nextPageToken: from + max < all.length ? { nextPageToken: String(from + max) } : {} };
}

function ok(body: unknown): Answer {
  return { status: 200, body };
}

function failure(code: number, message: string, reason: string): Answer {
  return { status: code, body: { error: { code, message, errors: [{ message, domain: "global", reason }], status: reason } } };
}

class Tokens {
  readonly #valid = new Set<string>();
  #serial = 0;
  isRevoked = false;

  give(form: URLSearchParams): Answer {
    const isKnown = form.get("grant_type") === "refresh_token" && form.get("refresh_token") === GRANT.refreshToken && form.get("client_id") === GRANT.clientId && form.get("client_secret") === GRANT.clientSecret;
    if (!isKnown) return { status: 400, body: { error: "invalid_grant" } };
    this.#serial += 1;
    const token = `ya29.token-${this.#serial}`;
    if (!this.isRevoked) this.#valid.add(token);
    return ok({ access_token: token, token_type: "Bearer", expires_in: 3_599, scope: "https://www.googleapis.com/auth/gmail.readonly" });
  }

  expire(): void {
    this.#valid.clear();
  }

  accepts(header: string | undefined): boolean {
    const [scheme, token = ""] = (header ?? "").split(" ");
    return scheme === "Bearer" && this.#valid.has(token);
  }
}

export async function startGmailServer(): Promise<GmailServer> {
  const account = new Account();
  const tokens = new Tokens();
  const requests: string[] = [];
  let limited = 0;
  let limitStatus = 429;
  const route = (request: IncomingMessage): Answer => {
    const url = new URL(request.url ?? "/", "http://gmail");
    requests.push(`${url.pathname}${url.search}`);
    if (!tokens.accepts(request.headers.authorization)) return { ...failure(401, "Request had invalid authentication credentials.", "authError"), headers: { "www-authenticate": 'Bearer error="invalid_token"' } };
    if (limited > 0) {
      limited -= 1;
      return failure(limitStatus, "Too many concurrent requests for user.", "rateLimitExceeded");
    }
    const [path, id] = /^\/gmail\/v1\/users\/me\/(profile|history|messages)(?:\/([^/]+))?$/.exec(url.pathname)?.slice(1) ?? [];
    if (request.method !== "GET" || path === undefined) return NOT_FOUND;
    if (path === "profile") return account.profile();
    if (path === "history") return account.history(url.searchParams);
    return id === undefined ? account.list(url.searchParams) : account.message(id, url.searchParams);
  };
  const server = createServer((request, response) => {
    if (request.url === "/token") void readAll(request).then((body) => send(response, tokens.give(new URLSearchParams(body))));
    else send(response, route(request));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    host: `127.0.0.1:${port}`,
    grant: { tokenUrl: `${url}/token`, ...GRANT },
    requests,
    add: (message) => account.add(message),
    remove: (id) => account.remove(id),
    forgetHistory: () => account.forgetHistory(),
    expireTokens: () => tokens.expire(),
    revokeGrant: () => {
      tokens.isRevoked = true;
      tokens.expire();
    },
    limit: (count, status = 429) => {
      limited = count;
      limitStatus = status;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function send(response: ServerResponse, { status, body, headers }: Answer): void {
  response.writeHead(status, { "content-type": "application/json; charset=UTF-8", ...headers });
  response.end(JSON.stringify(body));
}

async function readAll(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(Buffer.from(part));
  return Buffer.concat(parts).toString("utf8");
}
