import { randomUUID } from "node:crypto";
import { FAST_LANE_AGE_MAX_MS, FAST_LANE_LIST } from "@fluxo/contracts/channels/fast-lane";
import type { Clock } from "@fluxo/core/ports/clock";
import { systemClock } from "@fluxo/runtime/clock";
import { createLogger } from "@fluxo/runtime/logger";
import { createMetrics, createRegistry, type Metrics } from "@fluxo/runtime/metrics";
import { createRedis } from "@fluxo/runtime/redis";
import { PATIENCE_MS } from "@fluxo/test/support/eventually";
import { afterAll, afterEach, beforeEach, expect, test, vi } from "vitest";
import { EngineStoppingError } from "../execution/engine.ts";
import { FAST_LANE_SILENCE_MS, FastLaneTaker, type FastLaneTakerOptions } from "./fast-lane-taker.ts";

const url = process.env["FLUXO_TEST_REDIS_URL"] ?? "";
const logger = createLogger({ service: "test", level: "silent" });
/** Entries get no older while a busy machine takes its time. */
const now = new Date();
const clock: Clock = { ...systemClock, now: () => now };
let prefix: string;
let redis: ReturnType<typeof createRedis>;
let metrics: Metrics;
let taker: FastLaneTaker;

interface Call {
  readonly tenantId: string;
  readonly executionIds: readonly string[];
  readonly end: () => void;
  readonly fail: (error: Error) => void;
}
const calls: Call[] = [];

beforeEach(() => {
  prefix = `lane-${randomUUID()}`;
  redis = createRedis(url, { prefix, logger, role: "commands" });
  metrics = createMetrics(createRegistry());
  calls.length = 0;
});

afterEach(async () => {
  await taker.stop();
  await redis.del(FAST_LANE_LIST);
  redis.disconnect();
});

afterAll(() => vi.restoreAllMocks());

function startTaker(options: Partial<FastLaneTakerOptions> = {}): void {
  const claimAndRun = (tenantId: string, executionIds: readonly string[]): Promise<unknown> =>
    new Promise((resolve, reject) => calls.push({ tenantId, executionIds, end: () => resolve(undefined), fail: reject }));
  const blocking = createRedis(url, { prefix, logger, role: "blocking", silenceMs: FAST_LANE_SILENCE_MS });
  taker = new FastLaneTaker({ redis: blocking, claimAndRun, clock, logger, metrics, ...options });
  taker.start();
}

function entry(tenantId: string, executionId: string = randomUUID(), ageMs = 0): string {
  return JSON.stringify({ version: 1, tenantId, executionId, handedOverAt: clock.now().getTime() - ageMs });
}

async function dropped(reason: string): Promise<number> {
  const { values } = await metrics.fastLaneDropped.get();
  return values.find(({ labels }) => labels.reason === reason)?.value ?? 0;
}

test("entries go to the engine tenant by tenant, in their order", async () => {
  const [one, two] = [randomUUID(), randomUUID()];
  const ids = Array.from({ length: 3 }, () => randomUUID());
  await redis.rpush(FAST_LANE_LIST, entry(one, ids[0]), entry(two, ids[1]), entry(one, ids[2]));
  startTaker();
  await vi.waitFor(() => expect(calls).toHaveLength(2), PATIENCE_MS);
  expect(calls.map(({ tenantId, executionIds }) => [tenantId, executionIds])).toEqual([[one, [ids[0], ids[2]]], [two, [ids[1]]]]);
});

test("what is old or unreadable is dropped, and the rest goes on", async () => {
  const tenantId = randomUUID();
  const id = randomUUID();
  await redis.rpush(FAST_LANE_LIST, entry(tenantId, randomUUID(), FAST_LANE_AGE_MAX_MS + 1_000), "{", JSON.stringify({ version: 2 }), entry(tenantId, id));
  startTaker();
  await vi.waitFor(() => expect(calls.map(({ executionIds }) => executionIds)).toEqual([[id]]), PATIENCE_MS);
  expect([await dropped("old"), await dropped("unreadable")]).toEqual([1, 2]);
});

test("while it is full it takes nothing, so that the list grows; it goes on when something ends", async () => {
  startTaker({ inFlightMax: 2 });
  await redis.rpush(FAST_LANE_LIST, ...Array.from({ length: 5 }, () => entry(randomUUID())));
  await vi.waitFor(() => expect(calls).toHaveLength(2), PATIENCE_MS);
  await systemClock.sleep(50);
  expect([calls.length, await redis.llen(FAST_LANE_LIST)]).toEqual([2, 3]);
  calls[0]?.end();
  await vi.waitFor(() => expect(calls).toHaveLength(3), PATIENCE_MS);
  expect(await redis.llen(FAST_LANE_LIST)).toBe(2);
});

test("one tenant does not fill it: its further entries are left to the outbox", async () => {
  const [flood, quiet] = [randomUUID(), randomUUID()];
  startTaker({ tenantInFlightMax: 3 });
  await redis.rpush(FAST_LANE_LIST, ...Array.from({ length: 10 }, () => entry(flood)), entry(quiet));
  await vi.waitFor(() => expect(calls.map(({ tenantId }) => tenantId)).toContain(quiet), PATIENCE_MS);
  expect(calls.filter(({ tenantId }) => tenantId === flood).flatMap(({ executionIds }) => executionIds)).toHaveLength(3);
  expect(await dropped("backlog")).toBe(7);
  calls.find(({ tenantId }) => tenantId === flood)?.end();
  await vi.waitFor(async () => {
    await redis.rpush(FAST_LANE_LIST, entry(flood));
    expect(calls.filter(({ tenantId }) => tenantId === flood).length).toBeGreaterThan(1);
  }, PATIENCE_MS);
});

test("a claim that fails is counted and forgotten; a stopping engine is no failure", async () => {
  startTaker({ inFlightMax: 1 });
  await redis.rpush(FAST_LANE_LIST, entry(randomUUID()), entry(randomUUID()), entry(randomUUID()));
  await vi.waitFor(() => expect(calls).toHaveLength(1), PATIENCE_MS);
  calls[0]?.fail(new Error("no database"));
  await vi.waitFor(() => expect(calls).toHaveLength(2), PATIENCE_MS);
  calls[1]?.fail(new EngineStoppingError());
  await vi.waitFor(() => expect(calls).toHaveLength(3), PATIENCE_MS);
  expect(await dropped("failed")).toBe(1);
});

test("its stop ends it while it is full, and nothing is taken after it", async () => {
  startTaker({ inFlightMax: 1 });
  await redis.rpush(FAST_LANE_LIST, entry(randomUUID()));
  await vi.waitFor(() => expect(calls).toHaveLength(1), PATIENCE_MS);
  // Nothing that runs ends, so a stop that waited for it would not either.
  await taker.stop();
  calls[0]?.end();
  await redis.rpush(FAST_LANE_LIST, entry(randomUUID()));
  await systemClock.sleep(50);
  expect([calls.length, await redis.llen(FAST_LANE_LIST)]).toEqual([1, 1]);
});

test("a connection that is cut comes back, and entries are taken again", async () => {
  startTaker();
  const plain = createRedis(url, { prefix, logger, role: "queue" });
  await vi.waitFor(async () => expect(await plain.client("LIST")).toContain("cmd=blmpop"), PATIENCE_MS);
  await plain.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  await vi.waitFor(async () => {
    await redis.rpush(FAST_LANE_LIST, entry(randomUUID()));
    expect(calls.length).toBeGreaterThan(0);
  }, { timeout: PATIENCE_MS });
  plain.disconnect();
});
