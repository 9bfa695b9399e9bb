import { uuidV7 } from "@fluxo/prisma/ids";
import { addSource, seedWorkflow } from "@fluxo/prisma/testing/seed";
import { NodeError } from "@fluxo/core/errors/node-error";
import type { ClaimedTrigger } from "@fluxo/prisma/dispatch/claim";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { systemClock } from "@fluxo/runtime/clock";
import { Lifecycle } from "@fluxo/runtime/lifecycle";
import { createLogger } from "@fluxo/runtime/logger";
import { createMetrics, createRegistry } from "@fluxo/runtime/metrics";
import { createRedis } from "@fluxo/runtime/redis";
import { ManualClock } from "@fluxo/runtime/testing/manual-clock";
import { afterEach, expect, test } from "vitest";
import { loadDispatcherConfig } from "../config.ts";
import type { Dispatcher } from "../dispatcher.ts";
import { composePolling } from "./compose-polling.ts";
import { Limits } from "./limits.ts";
import type { PolledSource, PollResult } from "./source.ts";

const GRAPH = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };
const logger = createLogger({ service: "test", level: "silent" });
const redisUrl = process.env["FLUXO_TEST_REDIS_URL"] ?? "";

const { database, owner, app, system } = await useTestDatabase();
const running: { dispatcher: Dispatcher; lifecycle: Lifecycle }[] = [];

afterEach(async () => {
  for (const { dispatcher, lifecycle } of running.splice(0)) {
    await dispatcher.stop();
    await lifecycle.stop("test");
  }
});

/** A source that counts its looks and its looks at one time. */
class CountingSource implements PolledSource {
  readonly kind = "rss";
  readonly looks: string[] = [];
  most = 0;
  #now = 0;
  readonly answer: (claimed: ClaimedTrigger, look: number) => PollResult | Promise<PollResult>;

  constructor(answer: CountingSource["answer"]) {
    this.answer = answer;
  }

  intervalMs(): number {
    return 1;
  }

  limits({ tenantId }: ClaimedTrigger): { key: string; max: number }[] {
    return [{ key: `tenant:${tenantId}`, max: 2 }];
  }

  async poll(claimed: ClaimedTrigger): Promise<PollResult> {
    this.#now += 1;
    this.most = Math.max(this.most, this.#now);
    this.looks.push(claimed.triggerId);
    try {
      return await this.answer(claimed, this.looks.filter((id) => id === claimed.triggerId).length);
    } finally {
      this.#now -= 1;
    }
  }
}

const found = (parts: Partial<PollResult> = {}): PollResult => ({ cursor: {}, items: [], marks: [], parked: [], hasMore: false, ...parts });

function start(source: PolledSource, name: string, prefix: string): void {
  const config = loadDispatcherConfig({
    ...{ PORT: "0", FLUXO_APP_DATABASE_URL: database.appUrl, FLUXO_SYSTEM_DATABASE_URL: database.systemUrl, REDIS_URL: redisUrl, FLUXO_REDIS_PREFIX: prefix },
    ...{ FLUXO_MASTER_KEY: Buffer.alloc(32).toString("base64"), DISPATCHER_LEASE_MS: "5000" },
  });
  const lifecycle = new Lifecycle({ logger });
  const metrics = createMetrics(createRegistry());
  const dispatcher = composePolling("rss", source, { config, owner: name, app, system, clock: systemClock, random: Math.random, ids: uuidV7, logger, metrics, lifecycle });
  dispatcher.start();
  running.push({ dispatcher, lifecycle });
}

async function sources(count: number): Promise<string[]> {
  const workflow = await seedWorkflow(owner, GRAPH);
  return Promise.all(Array.from({ length: count }, () => addSource(owner, workflow, "rss", {})));
}

async function rows(sql: string, ids: readonly string[]): Promise<Record<string, unknown>[]> {
  return (await owner.query(sql, [ids])).rows;
}

test("two processes look at each due source once, never at more than a tenant may, and commit what they find", async () => {
  const ids = await sources(8);
  const source = new CountingSource(async (claimed) => {
    await new Promise((resolve) => setTimeout(resolve, 30));
    return found({ items: [{ key: claimed.triggerId, occurredAt: new Date(), input: {} }] });
  });
  start(source, "one", "poll-a");
  start(source, "two", "poll-a");
  await expect.poll(() => rows("SELECT count(*)::int AS n FROM executions WHERE trigger_id = ANY ($1)", ids)).toEqual([{ n: 8 }]);
  expect(source.looks.toSorted()).toEqual(ids.toSorted());
  expect(source.most).toBeLessThanOrEqual(2);
  expect(await rows("SELECT DISTINCT seen, accepted FROM polls WHERE trigger_id = ANY ($1)", ids)).toEqual([{ seen: 1, accepted: 1 }]);
});

test("a source with more than one look takes is looked at again at once; one that fails is told and waits", async () => {
  const [more = "", broken = ""] = await sources(2);
  const source = new CountingSource((claimed, look) => {
    if (claimed.triggerId === broken) throw new NodeError("The feed is away.", { errorClass: "CONNECTION", code: "CONNECTION_FAILED" });
    return found({ cursor: look, items: [{ key: `item ${look}`, occurredAt: new Date(), input: {} }], hasMore: look < 3 });
  });
  start(source, "one", "poll-b");
  await expect.poll(() => rows("SELECT cursor FROM trigger_states WHERE trigger_id = ANY ($1)", [more])).toEqual([{ cursor: 3 }]);
  await expect.poll(() => rows("SELECT failures, error_code, error_message, next_due_at > failed_at + interval '20 seconds' AS waits FROM trigger_states WHERE trigger_id = ANY ($1)", [broken])).toEqual([
    { failures: 1, error_code: "CONNECTION_FAILED", error_message: "The feed is away.", waits: true },
  ]);
  expect(await rows("SELECT seen, error_code FROM polls WHERE trigger_id = ANY ($1)", [broken])).toEqual([{ seen: 0, error_code: "CONNECTION_FAILED" }]);
});

test("jobs that Redis lost are ordered again when their leases end", async () => {
  const [id = ""] = await sources(1);
  // As if the queue had taken it and was flushed since.
  await owner.query("UPDATE trigger_states SET lease_owner = 'queue:rss', lease_until = clock_timestamp() + interval '1 second', claimable_at = clock_timestamp() + interval '1 second', lease_epoch = 1 WHERE trigger_id = $1", [id]);
  const source = new CountingSource(() => found());
  start(source, "one", "poll-c");
  await expect.poll(() => source.looks).toEqual([id]);
});

test("limits give places back at once, or by themselves when their holder is gone", async () => {
  const redis = createRedis(redisUrl, { prefix: "poll-d", logger, role: "commands" });
  const clock = new ManualClock(new Date());
  const limits = new Limits(redis, clock, 60_000);
  const wanted = [{ key: "host:a", max: 1 }, { key: "tenant:b", max: 2 }];
  expect([await limits.take("x", wanted), await limits.take("x", wanted), await limits.take("y", wanted)]).toEqual([true, true, false]);
  await limits.release("x", wanted);
  expect(await limits.take("y", wanted)).toBe(true);
  await clock.advance(59_999);
  expect(await limits.take("z", wanted)).toBe(false);
  await clock.advance(1);
  expect(await limits.take("z", wanted)).toBe(true);
  redis.disconnect();
});
