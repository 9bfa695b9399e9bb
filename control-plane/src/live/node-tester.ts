import { NODE_TEST_AGE_MAX_MS, NODE_TEST_ENTRIES_MAX, NODE_TEST_LIST, NODE_TEST_WAIT_MS, nodeTestReplyKey, nodeTestResultSchema, type NodeTestRequest, type NodeTestResult } from "@fluxo/contracts/channels/node-test";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { Clock, IdSource } from "@fluxo/core/ports/clock";
import type { RedisClient } from "@fluxo/runtime/redis";

export interface NodeTesterOptions {
  /** Role `commands`. */
  readonly redis: RedisClient;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly waitMs?: number;
}

/** Tests of one tenant in one minute, in all processes together. */
const PER_MINUTE_MAX = 30;
const MINUTE_MS = 60_000;
const FIRST_LOOK_MS = 20;
const LAST_LOOK_MS = 250;

/** Asks a worker to run one node, and waits for what it did. */
export class NodeTester {
  readonly #options: NodeTesterOptions;

  constructor(options: NodeTesterOptions) {
    this.#options = options;
  }

  /** @throws RequestError RATE_LIMITED; UNAVAILABLE when Redis or every worker is away, or none answers in time */
  async test(asked: Omit<NodeTestRequest, "version" | "testId" | "askedAt">): Promise<NodeTestResult> {
    const { redis, clock, ids, waitMs = NODE_TEST_WAIT_MS } = this.#options;
    const askedAt = clock.now().getTime();
    const request: NodeTestRequest = { version: 1, testId: ids.next(), askedAt, ...asked };
    try {
      await this.#admit(asked.tenantId, askedAt);
      if ((await redis.rpush(NODE_TEST_LIST, JSON.stringify(request))) > NODE_TEST_ENTRIES_MAX) {
        await redis.lrem(NODE_TEST_LIST, 1, JSON.stringify(request));
        throw new RequestError("RATE_LIMITED", { detail: "Too many tests wait for a worker.", retryAfterSeconds: 5 });
      }
      await redis.pexpire(NODE_TEST_LIST, NODE_TEST_AGE_MAX_MS);
      return await this.#reply(request.testId, askedAt + waitMs);
    } catch (error) {
      if (error instanceof RequestError) throw error;
      throw new RequestError("UNAVAILABLE", { detail: "The workers cannot be reached.", retryAfterSeconds: 5, cause: error });
    }
  }

  async #admit(tenantId: string, nowMs: number): Promise<void> {
    const { redis } = this.#options;
    const minute = Math.floor(nowMs / MINUTE_MS);
    const key = `node-tests:rate:${tenantId}:${minute}`;
    const count = await redis.incr(key);
    if (count === 1) await redis.pexpire(key, 2 * MINUTE_MS);
    if (count <= PER_MINUTE_MAX) return;
    throw new RequestError("RATE_LIMITED", { detail: `A tenant may test ${PER_MINUTE_MAX} nodes in a minute.`, retryAfterSeconds: Math.ceil(((minute + 1) * MINUTE_MS - nowMs) / 1_000) });
  }

  async #reply(testId: string, untilMs: number): Promise<NodeTestResult> {
    const { redis, clock } = this.#options;
    for (let lookMs = FIRST_LOOK_MS; clock.now().getTime() < untilMs; lookMs = Math.min(LAST_LOOK_MS, lookMs * 1.5)) {
      const text = await redis.getdel(nodeTestReplyKey(testId));
      if (text !== null) return nodeTestResultSchema.parse(JSON.parse(text));
      await clock.sleep(lookMs);
    }
    throw new RequestError("UNAVAILABLE", { detail: "No worker answered in time. Whether the node acted is unknown.", retryAfterSeconds: 5 });
  }
}
