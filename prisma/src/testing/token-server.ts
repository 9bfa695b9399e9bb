import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A token endpoint that checks requests as RFC 6749 says, rotates refresh tokens, and counts. */
export interface TokenServer {
  readonly url: string;
  readonly port: number;
  /** Requests so far, and the most of them that were in work at the same time. */
  readonly counts: { requests: number; parallelMax: number; refused: number };
  /** What it does from now on; a used refresh token is refused in any case. Until `gate` it answers nobody. */
  settings: { expiresIn: number; status: number; delayMs: number; rotates: boolean; redirectTo?: string; gate?: Promise<unknown> };
  /** The refresh token that it takes now. */
  refreshToken: string;
  stop(): Promise<void>;
}

export const CLIENT = { clientId: "client:1", clientSecret: "client-s3cret/ü" } as const;

export async function startTokenServer(): Promise<TokenServer> {
  const counts = { requests: 0, parallelMax: 0, refused: 0 };
  let parallel = 0;
  const server = createServer((request, response) => {
    counts.requests += 1;
    parallel += 1;
    counts.parallelMax = Math.max(counts.parallelMax, parallel);
    const serial = counts.requests;
    void readAll(request).then(async (body) => {
      await self.settings.gate;
      setTimeout(() => {
        parallel -= 1;
        answer(request, new URLSearchParams(body), response, serial, self);
      }, self.settings.delayMs);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  const self: TokenServer = {
    url: `http://127.0.0.1:${port}/token`,
    port,
    counts,
    settings: { expiresIn: 3_600, status: 200, delayMs: 0, rotates: true },
    refreshToken: "refresh-token-0",
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return self;
}

function answer(request: IncomingMessage, form: URLSearchParams, response: ServerResponse, serial: number, server: TokenServer): void {
  const send = (status: number, body: object): void => {
    if (status >= 400) server.counts.refused += 1;
    response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" }).end(JSON.stringify(body));
  };
  const { settings } = server;
  if (settings.redirectTo !== undefined) {
    response.writeHead(307, { location: settings.redirectTo }).end();
    return;
  }
  if (settings.status !== 200) {
    send(settings.status, { message: "not now" });
    return;
  }
  if (request.method !== "POST" || request.headers["content-type"] !== "application/x-www-form-urlencoded") {
    send(400, { error: "invalid_request" });
    return;
  }
  if (!isClient(request, form)) {
    send(401, { error: "invalid_client" });
    return;
  }
  if (form.get("grant_type") === "client_credentials") {
    send(200, { access_token: `access-token-${serial}`, token_type: "Bearer", expires_in: settings.expiresIn });
    return;
  }
  if (form.get("grant_type") !== "refresh_token" || form.get("refresh_token") !== server.refreshToken) {
    send(400, { error: "invalid_grant", error_description: "The refresh token was used already." });
    return;
  }
  if (settings.rotates) server.refreshToken = `refresh-token-${serial}`;
  send(200, { access_token: `access-token-${serial}`, token_type: "bearer", expires_in: settings.expiresIn, ...(settings.rotates ? { refresh_token: server.refreshToken } : {}) });
}

function isClient(request: IncomingMessage, form: URLSearchParams): boolean {
  const [id, secret] = Buffer.from(request.headers.authorization?.replace(/^Basic /, "") ?? "", "base64").toString().split(":").map((part) => decodeURIComponent(part));
  const isBasic = id === CLIENT.clientId && secret === CLIENT.clientSecret;
  return isBasic || (form.get("client_id") === CLIENT.clientId && form.get("client_secret") === CLIENT.clientSecret);
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString("utf8");
}
