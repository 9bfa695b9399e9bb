import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

/** A provider that says everything back that it was told, in every form that it can think of. */
export interface EchoServer {
  readonly host: string;
  readonly url: string;
  /** What it was sent, oldest first: method, URL, headers and body as one text. */
  readonly received: string[];
  stop(): Promise<void>;
}

/** `/ok` answers 200, `/fail` 500, `/text` plain text; `/redirect?to=<url>` redirects with 307. */
export async function startEchoServer(): Promise<EchoServer> {
  const received: string[] = [];
  const server = createServer((request, response) => {
    void readAll(request).then((body) => {
      const said = JSON.stringify({ method: request.method, url: request.url, headers: request.headers, body });
      received.push(said);
      const url = new URL(request.url ?? "/", "http://echo.test");
      if (url.pathname === "/redirect") {
        response.writeHead(307, { location: url.searchParams.get("to") ?? "/" }).end();
        return;
      }
      const { authorization = "", "x-api-key": key = "" } = request.headers;
      const plain = `${authorization} ${String(key)}`;
      response.writeHead(url.pathname === "/fail" ? 500 : 200, { "content-type": url.pathname === "/text" ? "text/plain" : "application/json", "x-echo": plain, [`x-${Buffer.from(plain).toString("hex")}`]: "key" });
      const forms = { said: url.pathname === "/text" ? said : JSON.parse(said), again: said, base64: Buffer.from(said).toString("base64"), encoded: encodeURIComponent(said), decoded: decodeBasic(authorization) };
      response.end(JSON.stringify(forms));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    url: `http://${host}`,
    received,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function decodeBasic(authorization: string): string {
  return authorization.startsWith("Basic ") ? Buffer.from(authorization.slice(6), "base64").toString("utf8") : "";
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString("utf8");
}
