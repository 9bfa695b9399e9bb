import type { IncomingMessage, ServerResponse } from "node:http";
import { connect, createServer, type Server, Socket } from "node:net";
import { brotliCompressSync, constants, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { NodeError } from "@fluxo/core/errors/node-error";
import type { HttpPort, HttpRequest, HttpResponse } from "@fluxo/core/ports/http";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type CanaryServer, startCanary } from "../testing/canary-server.ts";
import { TEST_CERTIFICATE, TEST_CERTIFICATE_KEY } from "@fluxo/test/support/tls-fixture";
import { createGuardedClient, type GuardedClientOptions } from "./guarded-client.ts";
import type { Resolver } from "../dial/resolve-guarded.ts";

const PUBLIC = "93.184.216.34";
const resolver: Resolver = () => Promise.resolve([{ address: PUBLIC }]);

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
let handler: Handler;
let server: CanaryServer;
let tls: CanaryServer;
const raw: Server[] = [];

beforeAll(async () => {
  const answer: Handler = (request, response) => handler(request, response);
  server = await startCanary({ answer });
  tls = await startCanary({ answer, tls: { cert: TEST_CERTIFICATE, key: TEST_CERTIFICATE_KEY } });
});
beforeEach(() => {
  handler = (_request, response) => void response.end("ok");
  server.requests.length = 0;
});
afterEach(() => {
  for (const one of raw.splice(0)) one.close();
});
afterAll(() => Promise.all([server.close(), tls.close()]));

/** A client for which every name is public and every connection ends at the local servers: port 443 at the one with TLS. */
function clientOf(options: GuardedClientOptions = {}): HttpPort {
  return createGuardedClient({ resolver, openSocket: ({ port }) => connect(port === 443 ? tls.port : server.port, "127.0.0.1"), ca: TEST_CERTIFICATE, ...options });
}

function send(request: Partial<HttpRequest> & { url: string }, client = clientOf()): Promise<HttpResponse> {
  return client.send({ method: "GET", timeoutMs: 5_000, maxResponseBytes: 100_000, ...request });
}

async function failureOf(sending: Promise<unknown>): Promise<string> {
  try {
    await sending;
  } catch (error) {
    if (error instanceof NodeError) return `${error.errorClass}/${error.code}`;
    throw error;
  }
  return "none";
}

/** A server that says `bytes` to whoever connects, and then does `after`. */
async function startRaw(bytes: string, after: "end" | "destroy" | "wait"): Promise<GuardedClientOptions> {
  const one = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => {
      socket.write(bytes);
      if (after === "end") socket.end();
      if (after === "destroy") socket.resetAndDestroy();
    });
  });
  raw.push(one);
  await new Promise<void>((resolve) => one.listen(0, "127.0.0.1", resolve));
  const address = one.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { openSocket: () => connect(port, "127.0.0.1") };
}

const textOf = (response: HttpResponse): string => Buffer.from(response.body).toString("utf8");

describe("requests and answers", () => {
  test("sends method, path, headers and body, with the Host of the name and no connection to reuse", async () => {
    const response = await send({ method: "post", url: "http://api.test:8080/a%20b?c=d#frag", headers: { "X-Key": "v", "Content-Type": "text/plain" }, body: "hällo" });
    expect([response.status, textOf(response), response.url]).toEqual([200, "ok", "http://api.test:8080/a%20b?c=d#frag"]);
    const [seen] = server.requests;
    expect(seen).toMatchObject({ method: "POST", path: "/a%20b?c=d", body: "hällo" });
    expect(seen?.headers).toMatchObject({ host: "api.test:8080", "x-key": "v", "content-type": "text/plain", "user-agent": "Fluxo", connection: "close", "content-length": "6" });
  });

  test("sends bytes as they are, and nothing when there is no body", async () => {
    await send({ method: "PUT", url: "http://api.test/", body: new Uint8Array([0x68, 0x69]) });
    await send({ method: "DELETE", url: "http://api.test/" });
    expect(server.requests.map(({ method, body }) => [method, body])).toEqual([["PUT", "hi"], ["DELETE", ""]]);
  });

  test("any status is an answer; headers are lower case, repeated ones joined", async () => {
    handler = (_request, response) => void response.writeHead(503, { "X-Two": ["a", "b"], "Set-Cookie": ["a=1", "b=2"], "Retry-After": "3" }).end("busy");
    const response = await send({ url: "http://api.test/" });
    expect([response.status, textOf(response)]).toEqual([503, "busy"]);
    expect(response.headers).toMatchObject({ "x-two": "a, b", "set-cookie": "a=1, b=2", "retry-after": "3" });
  });

  test("each request has a connection of its own", async () => {
    const before = server.connections();
    const client = clientOf();
    await Promise.all([send({ url: "http://api.test/1" }, client), send({ url: "http://api.test/2" }, client)]);
    await send({ url: "http://api.test/3" }, client);
    expect(server.connections()).toBe(before + 3);
  });

  test("refuses bad URLs, methods, headers that steer the connection, and injection", async () => {
    const bad: (Partial<HttpRequest> & { url: string })[] = [
      { url: "not a url" },
      { url: "http://" },
      { url: "http://api.test/", method: "CONNECT" },
      { url: "http://api.test/", method: "GET / HTTP/1.1\r\nX: y" },
      { url: "http://api.test/", headers: { Host: "other.test" } },
      { url: "http://api.test/", headers: { "Transfer-Encoding": "chunked" } },
      { url: "http://api.test/", headers: { "content-length": "3" } },
      { url: "http://api.test/", headers: { "x-a": "b\r\nX-Injected: yes" } },
      { url: "http://api.test/", headers: { "x-a": "b\nc" } },
      { url: "http://api.test/", headers: { "x-a\r\nX-Injected": "yes" } },
      { url: "http://api.test/", headers: { "x-a": "\u0000" } },
    ];
    for (const request of bad) expect([request, await failureOf(send(request))]).toEqual([request, "DATA/PARAMS_INVALID"]);
    expect(server.requests).toEqual([]);
  });

  test("a header from the provider cannot touch prototypes", async () => {
    const options = await startRaw("HTTP/1.1 200 OK\r\n__proto__: polluted\r\nconstructor: c\r\ncontent-length: 2\r\n\r\nok", "end");
    const { headers } = await send({ url: "http://api.test/" }, clientOf(options));
    expect(Object.getPrototypeOf(headers)).toBe(Object.prototype);
    expect(headers).toEqual({ constructor: "c", "content-length": "2" });
  });
});

const SIZE_LIMIT = 10_000;

function get(encoding: string | undefined, body: Buffer, maxResponseBytes = SIZE_LIMIT): Promise<HttpResponse> {
  handler = (_request, response) => {
    if (encoding !== undefined) response.setHeader("content-encoding", encoding);
    response.end(body);
  };
  return send({ url: "http://api.test/", maxResponseBytes });
}

describe("size", () => {
  test("takes an answer of exactly the limit and refuses one byte more, with and without a declared length", async () => {
    expect((await get(undefined, Buffer.alloc(SIZE_LIMIT))).body).toHaveLength(SIZE_LIMIT);
    expect(await failureOf(get(undefined, Buffer.alloc(SIZE_LIMIT + 1)))).toBe("DATA/RESPONSE_TOO_LARGE");
    handler = (_request, response) => {
      response.write(Buffer.alloc(SIZE_LIMIT));
      response.end(Buffer.alloc(1));
    };
    expect(await failureOf(send({ url: "http://api.test/", maxResponseBytes: SIZE_LIMIT }))).toBe("DATA/RESPONSE_TOO_LARGE");
  });

  test("stops an endless answer", async () => {
    handler = (_request, response) => {
      const pump = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536))) {
          // until the socket is full
        }
      };
      response.on("drain", pump);
      pump();
    };
    expect(await failureOf(send({ url: "http://api.test/" }))).toBe("DATA/RESPONSE_TOO_LARGE");
  });
});

describe("encoding", () => {
  test("decodes what it asked for and a few more, also several on top of each other", async () => {
    const text = "grüße ".repeat(50);
    const cases: [string, Buffer][] = [
      ["gzip", gzipSync(text)],
      ["br", brotliCompressSync(text)],
      ["deflate", deflateSync(text)],
      ["zstd", zstdCompressSync(text)],
      ["gzip, br", brotliCompressSync(gzipSync(text))],
      ["identity", Buffer.from(text)],
    ];
    for (const [encoding, body] of cases) {
      const response = await get(encoding, body);
      expect([encoding, textOf(response)]).toEqual([encoding, text]);
      if (encoding !== "identity") expect(response.headers).not.toHaveProperty("content-encoding");
    }
  });

  test("a packed body may be as large as its content plus the cost of packing", async () => {
    expect(textOf(await get("gzip", gzipSync("x"), 1))).toBe("x");
  });

  test("an unknown encoding is left as it is, a broken one is a failed connection", async () => {
    const response = await get("x-own", Buffer.from("packed"));
    expect([textOf(response), response.headers["content-encoding"]]).toEqual(["packed", "x-own"]);
    expect(await failureOf(get("gzip", Buffer.from("no gzip at all")))).toBe("CONNECTION/CONNECTION_FAILED");
    expect(await failureOf(get("gzip", gzipSync("x".repeat(500)).subarray(0, 20)))).toBe("CONNECTION/CONNECTION_FAILED");
  });

  test("answers without a body stay so, whatever they say about encoding and length", async () => {
    handler = (_request, response) => void response.writeHead(200, { "content-encoding": "gzip", "content-length": "99999999" }).end();
    expect((await send({ method: "HEAD", url: "http://api.test/" })).body).toHaveLength(0);
    handler = (_request, response) => void response.writeHead(304, { "content-encoding": "gzip" }).end();
    expect((await send({ url: "http://api.test/" })).status).toBe(304);
  });

  test.each([
    ["gzip", gzipSync(Buffer.alloc(256 * 1_024 * 1_024))],
    ["br", brotliCompressSync(Buffer.alloc(256 * 1_024 * 1_024), { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } })],
    ["gzip, gzip", gzipSync(gzipSync(Buffer.alloc(256 * 1_024 * 1_024)))],
  ])("a %s bomb of 256 MiB is cut off with little memory", async (encoding, bomb) => {
    const before = process.memoryUsage();
    expect(await failureOf(get(encoding, bomb, 1_000_000))).toBe("DATA/RESPONSE_TOO_LARGE");
    const after = process.memoryUsage();
    expect(after.arrayBuffers + after.heapUsed - before.arrayBuffers - before.heapUsed).toBeLessThan(32 * 1_024 * 1_024);
  });

  test("a stream that unpacks to nothing is bounded too", async () => {
    const empty = gzipSync("");
    handler = (_request, response) => {
      response.setHeader("content-encoding", "gzip");
      response.end(Buffer.concat(Array.from({ length: 5_000 }, () => empty)));
    };
    expect(await failureOf(send({ url: "http://api.test/", maxResponseBytes: 1_000 }))).toBe("DATA/RESPONSE_TOO_LARGE");
  });

  test("headers without end are refused", async () => {
    const options = await startRaw(`HTTP/1.1 200 OK\r\n${"x-a: b\r\n".repeat(20_000)}\r\n`, "wait");
    expect(await failureOf(send({ url: "http://api.test/" }, clientOf(options)))).toBe("DATA/RESPONSE_TOO_LARGE");
  });
});

describe("time and failure", () => {
  test("a server that never answers, and one that stops in the middle, end at the time-out", async () => {
    handler = () => undefined;
    expect(await failureOf(send({ url: "http://api.test/", timeoutMs: 50 }))).toBe("TIMEOUT/NODE_TIMEOUT");
    handler = (_request, response) => void response.writeHead(200, { "content-length": "10" }).write("half");
    expect(await failureOf(send({ url: "http://api.test/", timeoutMs: 50 }))).toBe("TIMEOUT/NODE_TIMEOUT");
  });

  test("the time-out covers all hops, and a resolver that hangs", async () => {
    handler = (_request, response) => void setTimeout(() => response.writeHead(302, { location: "/again" }).end(), 40);
    expect(await failureOf(send({ url: "http://api.test/", timeoutMs: 100 }))).toBe("TIMEOUT/NODE_TIMEOUT");
    const client = clientOf({ resolver: () => new Promise(() => undefined) });
    expect(await failureOf(send({ url: "http://api.test/", timeoutMs: 30 }, client))).toBe("TIMEOUT/NODE_TIMEOUT");
  });

  test("a connection that does not come about ends at the connect time-out", async () => {
    const mute = await startRaw("", "wait");
    expect(await failureOf(send({ url: "https://api.test/" }, clientOf({ ...mute, connectTimeoutMs: 40 })))).toBe("TIMEOUT/NODE_TIMEOUT");
  });

  test("a connection that is still coming about when the request ends is closed", async () => {
    const { openSocket } = await startRaw("", "wait");
    const opened: Socket[] = [];
    const client = clientOf({
      openSocket: (target) => {
        const socket = openSocket?.(target) ?? new Socket();
        opened.push(socket);
        return socket;
      },
    });
    expect(await failureOf(send({ url: "https://api.test/", timeoutMs: 30 }, client))).toBe("TIMEOUT/NODE_TIMEOUT");
    expect(opened.map((socket) => socket.destroyed)).toEqual([true]);
  });

  test("the caller's signal ends the request with its own reason, before and while it runs", async () => {
    const reason = new Error("lease lost");
    await expect(send({ url: "http://api.test/", signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    handler = () => controller.abort(reason);
    await expect(send({ url: "http://api.test/", signal: controller.signal })).rejects.toBe(reason);
    const inBody = new AbortController();
    handler = (_request, response) => {
      response.writeHead(200, { "content-length": "10" }).write("half");
      setTimeout(() => inBody.abort(reason), 20);
    };
    await expect(send({ url: "http://api.test/", signal: inBody.signal })).rejects.toBe(reason);
  });

  test("refused, reset, cut off, nonsense and unknown names are failed connections", async () => {
    const closed = clientOf({ openSocket: () => connect(1, "127.0.0.1") });
    expect(await failureOf(send({ url: "http://api.test/" }, closed))).toBe("CONNECTION/CONNECTION_FAILED");
    expect(await failureOf(send({ url: "https://api.test/" }, closed))).toBe("CONNECTION/CONNECTION_FAILED");
    for (const [bytes, after] of [["", "destroy"], ["", "end"], ["HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", "end"], ["nonsense\r\n\r\n", "wait"]] as const) {
      expect([bytes, await failureOf(send({ url: "http://api.test/" }, clientOf(await startRaw(bytes, after))))]).toEqual([bytes, "CONNECTION/CONNECTION_FAILED"]);
    }
    const unknown = clientOf({ resolver: () => Promise.reject(Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" })) });
    expect(await failureOf(send({ url: "http://api.test/" }, unknown))).toBe("CONNECTION/CONNECTION_FAILED");
    expect(await failureOf(send({ url: "http://api.test/" }, clientOf({ resolver: () => Promise.resolve([]) })))).toBe("CONNECTION/CONNECTION_FAILED");
  });

  test("leaves no socket behind", async () => {
    const before = process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
    handler = () => undefined;
    await failureOf(send({ url: "http://api.test/", timeoutMs: 20 }));
    await failureOf(send({ url: "https://wrong.test/" }));
    await expect.poll(() => process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length).toBeLessThanOrEqual(before);
  });
});

describe("TLS", () => {
  test("keeps SNI and checks the certificate for the name, not for the address", async () => {
    expect(textOf(await send({ url: "https://secure.test/" }))).toBe("ok");
    expect(await failureOf(send({ url: "https://other.test/" }))).toBe("CONNECTION/CONNECTION_FAILED");
    expect(tls.requests.at(-1)).toMatchObject({ serverName: "secure.test", headers: { host: "secure.test" } });
  });

  test("checks a literal address against the certificate's addresses", async () => {
    const client = createGuardedClient({ allowedPrivateHosts: [`127.0.0.1:${tls.port}`], ca: TEST_CERTIFICATE });
    expect(textOf(await send({ url: `https://127.0.0.1:${tls.port}/` }, client))).toBe("ok");
  });

  test("trusts nobody but the authorities", async () => {
    const client = createGuardedClient({ resolver, openSocket: () => connect(tls.port, "127.0.0.1") });
    expect(await failureOf(send({ url: "https://secure.test/" }, client))).toBe("CONNECTION/CONNECTION_FAILED");
  });
});

describe("redirects", () => {
  /** Answers `/` with a redirect and everything else with "ok". */
  const redirectOnce = (status: number, location: string): void => {
    handler = (request, response) => {
      if (request.url === "/") response.writeHead(status, { location }).end("moved");
      else response.end("ok");
    };
  };

  test.each([
    [301, "POST", "GET", ""],
    [302, "POST", "GET", ""],
    [303, "POST", "GET", ""],
    [303, "PUT", "GET", ""],
    [303, "HEAD", "HEAD", ""],
    [301, "PUT", "PUT", "data"],
    [307, "POST", "POST", "data"],
    [308, "PATCH", "PATCH", "data"],
  ])("%i turns %s into %s", async (status, method, expected, body) => {
    redirectOnce(status, "/next?x=1");
    const response = await send({ method, url: "http://api.test/", headers: { "Content-Type": "text/plain", "X-Own": "1" }, ...(method === "HEAD" ? {} : { body: "data" }) });
    expect(response.url).toBe("http://api.test/next?x=1");
    expect(server.requests[1]).toMatchObject({ method: expected, path: "/next?x=1", body });
    expect(server.requests[1]?.headers["content-type"]).toBe(body === "" && method !== "HEAD" ? undefined : "text/plain");
    expect(server.requests[1]?.headers["x-own"]).toBe("1");
  });

  test.each(["http://other.test/next", "http://api.test:8080/next", "https://secure.test/next"])("to the other origin %s go no credentials, under whatever name", async (location) => {
    redirectOnce(307, location);
    const headers = { Authorization: "Bearer x", Cookie: "a=b", "Idempotency-Key": "k", "X-Api-Key": "s", "X-Whatever": "s", Accept: "text/plain", "Content-Type": "text/plain" };
    await send({ method: "POST", url: "http://api.test/", headers, body: "data" });
    const seen = location.startsWith("https") ? tls.requests.at(-1) : server.requests[1];
    expect(Object.keys(seen?.headers ?? {}).toSorted()).toEqual(["accept", "accept-encoding", "connection", "content-length", "content-type", "host", "user-agent"]);
  });

  test("to the same origin they do", async () => {
    redirectOnce(302, "http://api.test:80/next");
    await send({ url: "http://api.test/", headers: { Authorization: "Bearer x" } });
    expect(server.requests[1]?.headers.authorization).toBe("Bearer x");
  });

  test("credentials do not come back on the way back", async () => {
    handler = (request, response) => {
      const path = request.url ?? "";
      if (path === "/") response.writeHead(302, { location: "http://other.test/hop" }).end();
      else if (path === "/hop") response.writeHead(302, { location: "http://api.test/back" }).end();
      else response.end("ok");
    };
    await send({ url: "http://api.test/", headers: { Authorization: "Bearer x" } });
    expect(server.requests.map(({ path, headers }) => [path, headers.authorization])).toEqual([["/", "Bearer x"], ["/hop", undefined], ["/back", undefined]]);
  });

  test("follows five and no sixth", async () => {
    handler = (request, response) => {
      const left = Number(request.url?.slice(1));
      if (left === 0) response.end("ok");
      else response.writeHead(302, { location: `/${left - 1}` }).end();
    };
    expect(textOf(await send({ url: "http://api.test/5" }))).toBe("ok");
    expect(await failureOf(send({ url: "http://api.test/6" }))).toBe("DATA/PROVIDER_REJECTED");
  });

  test("refuses https to http, other schemes, userinfo and what cannot be read; without a location it is an answer", async () => {
    for (const [location, failure] of [["file:///etc/passwd", "REFUSED/ADDRESS_REFUSED"], ["http://u:p@other.test/", "REFUSED/ADDRESS_REFUSED"], ["http://[", "DATA/PROVIDER_REJECTED"]] as const) {
      redirectOnce(302, location);
      expect(await failureOf(send({ url: "http://api.test/" }))).toBe(failure);
    }
    redirectOnce(302, "http://secure.test/next");
    expect(await failureOf(send({ url: "https://secure.test/" }))).toBe("REFUSED/ADDRESS_REFUSED");
    handler = (_request, response) => void response.writeHead(302).end("where to?");
    expect(await send({ url: "http://api.test/" })).toMatchObject({ status: 302 });
  });
});

test("a request that is called off when its connection is there sends nothing", async () => {
  await expect(send({ url: "http://example.com/", mayBegin: () => false })).rejects.toThrow("called off");
  expect(server.requests).toEqual([]);
  expect((await send({ url: "http://example.com/", mayBegin: () => true })).status).toBe(200);
});
