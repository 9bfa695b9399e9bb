import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { NODE_TEST_LIST, nodeTestReplyKey, nodeTestRequestSchema, type NodeTestResult } from "@fluxo/contracts/channels/node-test";
import type { RedisClient } from "@fluxo/runtime/redis";

const LOOK_MS = 5;

/** A server on this machine that answers each request in another way: well, badly, with what is no JSON, and not at all. */
export class FickleServer {
  readonly #server: Server;
  #asked = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      request.resume();
      const place = this.#asked % 4;
      this.#asked += 1;
      if (place === 3) response.destroy();
      else response.writeHead([200, 500, 401][place] ?? 200, { "content-type": "application/json" }).end(place === 1 ? "<html>" : '{"access_token":"t","token_type":"bearer","expires_in":60}');
    });
  }

  static async start(): Promise<FickleServer> {
    const fickle = new FickleServer();
    await new Promise<void>((resolve) => fickle.#server.listen(0, "127.0.0.1", resolve));
    return fickle;
  }

  /** Requests that came. */
  get asked(): number {
    return this.#asked;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const RESULT: NodeTestResult = { status: "SUCCESS", output: {}, ports: ["main"], failure: null, attempt: 1, durationMs: 3, resumeAt: null, hasActed: false };

/** Takes tests of nodes as a worker does, and answers each by the contract, without running anything. @returns what ends it */
export function answerNodeTests(redis: RedisClient): () => Promise<void> {
  const over = new AbortController();
  const work = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const text = await redis.lpop(NODE_TEST_LIST);
      if (text === null) {
        await sleep(LOOK_MS);
        continue;
      }
      const { testId } = nodeTestRequestSchema.parse(JSON.parse(text));
      await redis.set(nodeTestReplyKey(testId), JSON.stringify(RESULT), "PX", 10_000);
    }
  };
  const working = work();
  return () => {
    over.abort();
    return working;
  };
}
