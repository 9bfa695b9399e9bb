import { createConnection, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

type Reply = string | number | null | readonly Reply[];

/** Asks a Redis with one connection; as much of the protocol as setting up and clearing needs. */
class RedisConnection {
  readonly #socket: Socket;
  readonly #waiting: { resolve: (reply: Reply) => void; reject: (error: Error) => void }[] = [];
  #buffer = "";

  constructor(url: URL) {
    const target = { host: url.hostname, port: Number(url.port || 6379) };
    this.#socket = url.protocol === "rediss:" ? connectTls({ ...target, servername: url.hostname }) : createConnection(target);
    this.#socket.setEncoding("latin1").setTimeout(3000, () => this.#socket.destroy(new Error("no answer within 3 s")));
    this.#socket.on("data", (chunk: string) => this.#receive(chunk));
    this.#socket.on("error", (error) => this.#failAll(error));
    this.#socket.on("close", () => this.#failAll(new Error("the connection was closed")));
  }

  send(...parts: readonly string[]): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#socket.write(`*${parts.length}\r\n${parts.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join("")}`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #failAll(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  #receive(chunk: string): void {
    this.#buffer += chunk;
    for (let parsed = parseReply(this.#buffer, 0); parsed !== undefined; parsed = parseReply(this.#buffer, 0)) {
      this.#buffer = this.#buffer.slice(parsed.end);
      const next = this.#waiting.shift();
      if (parsed.reply instanceof Error) next?.reject(parsed.reply);
      else next?.resolve(parsed.reply);
    }
  }
}

function parseReply(text: string, start: number): { readonly reply: Reply | Error; readonly end: number } | undefined {
  const lineEnd = text.indexOf("\r\n", start);
  if (lineEnd < 0) return undefined;
  const rest = text.slice(start + 1, lineEnd);
  const end = lineEnd + 2;
  switch (text[start]) {
    case "-":
      return { reply: new Error(rest), end };
    case ":":
      return { reply: Number(rest), end };
    case "$": {
      const length = Number(rest);
      if (length < 0) return { reply: null, end };
      return text.length < end + length + 2 ? undefined : { reply: text.slice(end, end + length), end: end + length + 2 };
    }
    case "*": {
      const items: Reply[] = [];
      let position = end;
      for (let index = 0; index < Number(rest); index += 1) {
        const item = parseReply(text, position);
        if (item === undefined) return undefined;
        if (!(item.reply instanceof Error)) items.push(item.reply);
        position = item.end;
      }
      return { reply: items, end: position };
    }
    default:
      return { reply: rest, end };
  }
}

async function withRedis<T>(url: string, work: (connection: RedisConnection) => Promise<T>): Promise<T> {
  const parsed = new URL(url);
  const connection = new RedisConnection(parsed);
  try {
    if (parsed.password !== "") {
      const user = parsed.username === "" ? [] : [decodeURIComponent(parsed.username)];
      await connection.send("AUTH", ...user, decodeURIComponent(parsed.password));
    }
    if (parsed.pathname.length > 1) await connection.send("SELECT", parsed.pathname.slice(1));
    return await work(connection);
  } finally {
    connection.close();
  }
}

/** Throws unless the Redis at `url` answers PING with PONG. */
export async function pingRedis(url: string): Promise<boolean> {
  return withRedis(url, async (connection) => {
    const reply = await connection.send("PING");
    if (reply !== "PONG") throw new Error(`it answers ${JSON.stringify(reply)} to PING`);
    return true;
  });
}

/** Deletes every key that starts with `prefix`; returns how many there were. */
export async function deleteKeys(url: string, prefix: string): Promise<number> {
  return withRedis(url, async (connection) => {
    let count = 0;
    let cursor = "0";
    do {
      const reply = await connection.send("SCAN", cursor, "MATCH", `${prefix.replaceAll(/[\\*?[\]]/g, "\\$&")}*`, "COUNT", "1000");
      const [next, keys] = reply as [string, readonly string[]];
      if (keys.length > 0) count += Number(await connection.send("UNLINK", ...keys));
      cursor = next;
    } while (cursor !== "0");
    return count;
  });
}
