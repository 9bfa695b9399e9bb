import { NODE_TEST_AGE_MAX_MS, NODE_TEST_LIST, NODE_TEST_WAIT_MS, nodeTestReplyKey, nodeTestRequestSchema, type NodeTestRequest, type NodeTestResult } from "@fluxo/contracts/channels/node-test";
import type { Clock } from "@fluxo/core/ports/clock";
import type { Logger } from "@fluxo/runtime/logger";
import type { RedisClient } from "@fluxo/runtime/redis";

export interface NodeTestTakerOptions {
  /** Role `blocking`, this taker's own. */
  readonly redis: RedisClient;
  /** Role `commands`. */
  readonly replies: RedisClient;
  readonly run: (request: NodeTestRequest, signal: AbortSignal) => Promise<NodeTestResult>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Tests that this worker has in work at the same time. */
  readonly parallelMax?: number;
}

const PARALLEL_MAX = 4;
const BLOCK_SECONDS = 2;
const RETRY_MS = 1_000;

/** How long the connection may be silent: every call hears something after `BLOCK_SECONDS`. Milliseconds. */
export const NODE_TEST_SILENCE_MS = 5 * BLOCK_SECONDS * 1_000;

/** Takes tests of single nodes and leaves their results where their askers look. What cannot be answered in time is dropped. */
export class NodeTestTaker {
  readonly #options: NodeTestTakerOptions;
  readonly #stopping = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(options: NodeTestTakerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#loop = this.#take();
  }

  /** Takes nothing more; what runs is aborted and says so. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error("The worker stops."));
    this.#options.redis.disconnect();
    await this.#loop;
  }

  async #take(): Promise<void> {
    const { redis, clock, logger, parallelMax = PARALLEL_MAX } = this.#options;
    const running = new Set<Promise<void>>();
    while (!this.#stopping.signal.aborted) {
      try {
        const taken = await redis.blpop(NODE_TEST_LIST, BLOCK_SECONDS);
        if (taken === null) continue;
        const work = this.#answer(taken[1]).finally(() => running.delete(work));
        running.add(work);
        if (running.size >= parallelMax) await Promise.race(running);
      } catch (error) {
        if (this.#stopping.signal.aborted) break;
        logger.warn({ err: error }, "tests of nodes cannot be taken");
        await clock.sleep(RETRY_MS, this.#stopping.signal).catch(() => undefined);
      }
    }
    await Promise.all(running);
  }

  /** Never throws. */
  async #answer(text: string): Promise<void> {
    const { replies, run, clock, logger } = this.#options;
    try {
      const request = nodeTestRequestSchema.parse(JSON.parse(text));
      if (clock.now().getTime() - request.askedAt > NODE_TEST_AGE_MAX_MS) return;
      const result = await run(request, this.#stopping.signal);
      await replies.set(nodeTestReplyKey(request.testId), JSON.stringify(result), "PX", NODE_TEST_WAIT_MS);
    } catch (error) {
      logger.warn({ err: error }, "a test of a node was not answered");
    }
  }
}
