import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { History } from "./history.ts";

/** One call of a side effect. */
export interface Call {
  readonly node: string;
  /** Its Idempotency-Key. */
  readonly key: string;
  readonly executionId: string;
  readonly at: number;
}

/** A call that waits for its answer until it is released. */
export interface CaughtCall extends Call {
  /** Answers the call. Resolves when the answer has left, or its caller is gone. */
  release(): Promise<void>;
}

interface Trap {
  readonly node: string;
  readonly resolve: (caught: CaughtCall) => void;
}

const CATCH_TIMEOUT_MS = 30_000;

/**
 * The outside world of the workflows: `POST /<node>/<ms>` is a side effect that answers after so long. Every call is kept with its key, and a fault
 * may catch the next call of a node, to act while it is under way.
 */
export class Provider {
  readonly calls: Call[] = [];
  readonly #history: History;
  readonly #traps: Trap[] = [];
  readonly #server: Server;

  private constructor(history: History) {
    this.#history = history;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  static async start(history: History): Promise<Provider> {
    const provider = new Provider(history);
    await new Promise<void>((resolve) => provider.#server.listen(0, "127.0.0.1", resolve));
    return provider;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The next call of a node, which gets no answer until it is released. @throws Error when none comes */
  async catchCall(node: string): Promise<CaughtCall> {
    const caught = Promise.withResolvers<CaughtCall>();
    const trap = { node, resolve: caught.resolve };
    this.#traps.push(trap);
    const timer = setTimeout(() => {
      this.#traps.splice(this.#traps.indexOf(trap), 1);
      caught.reject(new Error(`No call of ${node} came within ${CATCH_TIMEOUT_MS} ms: the fault had nothing to hit.`));
    }, CATCH_TIMEOUT_MS);
    return caught.promise.finally(() => clearTimeout(timer));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for await (const chunk of request) void chunk;
    const [, node = "", delay = "0"] = new URL(request.url ?? "/", "http://provider").pathname.split("/");
    const header = request.headers["idempotency-key"];
    const key = typeof header === "string" ? header : "";
    const call: Call = { node, key, executionId: key.split(":")[0] ?? "", at: Date.now() };
    this.calls.push(call);
    this.#history.add({ op: "called", node, key });
    const closed = new Promise<void>((resolve) => {
      response.once("close", resolve);
      response.once("finish", resolve);
    });
    await this.#waitForRelease(call, closed);
    await sleep(Number(delay));
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ node, key }));
  }

  /** Returns at once unless a fault wants this call. */
  async #waitForRelease(call: Call, closed: Promise<void>): Promise<void> {
    const index = this.#traps.findIndex(({ node }) => node === call.node);
    const [trap] = index < 0 ? [] : this.#traps.splice(index, 1);
    if (trap === undefined) return;
    const released = Promise.withResolvers<undefined>();
    trap.resolve({
      ...call,
      release: () => {
        released.resolve(undefined);
        return closed;
      },
    });
    await Promise.race([released.promise, closed]);
  }
}
