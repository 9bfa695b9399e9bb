import { connect, type Socket } from "node:net";
import type { Target } from "./job.ts";

const HEAD_END = "\r\n\r\n";
const LAST_CHUNK = "\r\n0\r\n\r\n";

/** A request as it goes over the wire. */
export function serialize({ port, path, headers, body }: Target): Buffer {
  const lines = Object.entries({ host: `127.0.0.1:${port}`, "content-length": String(Buffer.byteLength(body)), ...headers }).map(([name, value]) => `${name}: ${value}`);
  return Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join("\r\n")}${HEAD_END}${body}`);
}

/**
 * A keep-alive HTTP/1.1 connection that sends prepared bytes and reads no more of an answer than its status and its length: a generator that takes
 * little of the machine that it shares with what it measures.
 */
export class Connection {
  readonly #socket: Socket;
  #received = "";
  #onAnswer: ((status: string) => void) | undefined;

  private constructor(socket: Socket, onBroken: (error: Error) => void) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => this.#read(text));
    socket.on("error", onBroken);
    socket.on("close", () => {
      if (this.#onAnswer !== undefined) onBroken(new Error("The server closed the connection before it answered."));
    });
  }

  static open(port: number, onBroken: (error: Error) => void): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port });
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new Connection(socket, onBroken));
      });
    });
  }

  /** Sends one request; the connection is free again when `onAnswer` is called with the status. */
  send(request: Buffer, onAnswer: (status: string) => void): void {
    this.#onAnswer = onAnswer;
    this.#socket.write(request);
  }

  close(): void {
    this.#onAnswer = undefined;
    this.#socket.destroy();
  }

  #read(text: string): void {
    this.#received = this.#received === "" ? text : this.#received + text;
    const headEnd = this.#received.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const head = this.#received.slice(0, headEnd);
    const length = /^content-length: *(\d+)/im.exec(head)?.[1];
    const isWhole = length === undefined ? this.#received.endsWith(LAST_CHUNK) : this.#received.length >= headEnd + HEAD_END.length + Number(length);
    if (!isWhole) return;
    this.#received = "";
    const onAnswer = this.#onAnswer;
    this.#onAnswer = undefined;
    onAnswer?.(head.slice(9, 12));
  }
}
