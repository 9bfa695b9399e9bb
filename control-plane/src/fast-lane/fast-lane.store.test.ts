import { randomUUID } from "node:crypto";
import { FAST_LANE_AGE_MAX_MS, FAST_LANE_ENTRIES_MAX, FAST_LANE_LIST, FAST_LANE_TENANT_ENTRIES_MAX, FAST_LANE_TENANT_PER_SECOND_MAX } from "@fluxo/contracts/channels/fast-lane";
import { systemClock } from "@fluxo/runtime/clock";
import { createLogger } from "@fluxo/runtime/logger";
import { createMetrics, createRegistry, type Metrics } from "@fluxo/runtime/metrics";
import { createRedis, type RedisClient } from "@fluxo/runtime/redis";
import { PATIENCE_MS } from "@fluxo/test/support/eventually";
import { afterAll, beforeEach, expect, test, vi } from "vitest";
import { FastLane } from "./fast-lane.ts";

const url = process.env["FLUXO_TEST_REDIS_URL"] ?? "";
const prefix = `lane-${randomUUID()}`;
const logger = createLogger({ service: "test", level: "silent" });
const redis = createRedis(url, { prefix, logger, role: "commands" });
let metrics: Metrics;
let lane: FastLane;

function openLane(on: RedisClient): FastLane {
  const opened = new FastLane({ redis: on, clock: systemClock, logger, metrics });
  opened.open();
  return opened;
}

beforeEach(async () => {
  await redis.del(FAST_LANE_LIST);
  metrics = createMetrics(createRegistry());
  lane = openLane(redis);
});

afterAll(async () => {
  await redis.del(FAST_LANE_LIST);
  await redis.quit();
});

const executionsOf = (tenantId: string, count: number) => Array.from({ length: count }, () => ({ tenantId, executionId: randomUUID() }));
const executions = (count: number) => Array.from({ length: count }, () => ({ tenantId: randomUUID(), executionId: randomUUID() }));

async function refused(reason: string): Promise<number> {
  const { values } = await metrics.fastLaneRefused.get();
  return values.find(({ labels }) => labels.reason === reason)?.value ?? 0;
}

async function handedOver(): Promise<number> {
  return (await metrics.fastLaneHandedOver.get()).values[0]?.value ?? 0;
}

test("what is handed over stands in the list, with the instant, and goes by itself when nobody takes it", async () => {
  const [given] = executions(1);
  const before = Date.now();
  lane.handOver(given === undefined ? [] : [given]);
  await vi.waitFor(async () => expect(await handedOver()).toBe(1), PATIENCE_MS);
  const [entry = ""] = await redis.lrange(FAST_LANE_LIST, 0, -1);
  expect(JSON.parse(entry)).toEqual({ version: 1, ...given, handedOverAt: expect.any(Number) });
  expect((JSON.parse(entry) as { handedOverAt: number }).handedOverAt).toBeGreaterThanOrEqual(before);
  expect(await redis.pttl(FAST_LANE_LIST)).toBeGreaterThan(0);
  expect(await redis.pttl(FAST_LANE_LIST)).toBeLessThanOrEqual(FAST_LANE_AGE_MAX_MS);
});

test("many executions of one tenant at once are a backlog; others beside them are not", async () => {
  const tenantId = randomUUID();
  const others = executions(2);
  lane.handOver([...executionsOf(tenantId, 10), ...others]);
  await vi.waitFor(async () => expect(await handedOver()).toBe(FAST_LANE_TENANT_ENTRIES_MAX + 2), PATIENCE_MS);
  expect(await refused("backlog")).toBe(10 - FAST_LANE_TENANT_ENTRIES_MAX);
  const entries = await redis.lrange(FAST_LANE_LIST, 0, -1);
  expect(entries.filter((entry) => entry.includes(tenantId))).toHaveLength(FAST_LANE_TENANT_ENTRIES_MAX);
});

test("a tenant that keeps sending is a backlog, until a second passes without", async () => {
  const tenantId = randomUUID();
  let nowMs = 1_000_000;
  const steady = new FastLane({ redis, clock: { ...systemClock, now: () => new Date(nowMs) }, logger, metrics });
  for (let sent = 0; sent < FAST_LANE_TENANT_PER_SECOND_MAX + 5; sent += 1) {
    steady.handOver(executionsOf(tenantId, 1));
    await vi.waitFor(async () => expect((await handedOver()) + (await refused("backlog"))).toBe(sent + 1), PATIENCE_MS);
  }
  expect(await handedOver()).toBe(FAST_LANE_TENANT_PER_SECOND_MAX);
  nowMs += 1_000;
  steady.handOver(executionsOf(tenantId, 1));
  expect(await refused("backlog")).toBe(6);
  nowMs += 2_000;
  steady.handOver(executionsOf(tenantId, 1));
  await vi.waitFor(async () => expect(await handedOver()).toBe(FAST_LANE_TENANT_PER_SECOND_MAX + 1), PATIENCE_MS);
});

test("a full list takes what fits and then nothing, whoever hands over", async () => {
  lane.handOver(executions(FAST_LANE_ENTRIES_MAX - 1));
  lane.handOver(executions(3));
  openLane(redis).handOver(executions(2));
  await vi.waitFor(async () => expect(await refused("backlog")).toBe(4), PATIENCE_MS);
  expect(await redis.llen(FAST_LANE_LIST)).toBe(FAST_LANE_ENTRIES_MAX);
  expect(await handedOver()).toBe(FAST_LANE_ENTRIES_MAX);
});

test("a Redis that is away is no lane, and nobody waits for it", async () => {
  const away = createRedis("redis://127.0.0.1:9", { prefix, logger, role: "commands" });
  // It returns nothing to wait for, and what it was given is refused by then.
  expect(openLane(away).handOver(executions(3))).toBeUndefined();
  expect(await refused("unavailable")).toBe(3);
  away.disconnect();
});

test("a Redis that refuses the script is no lane either", async () => {
  await redis.set(FAST_LANE_LIST, "no list");
  lane.handOver(executions(2));
  await vi.waitFor(async () => expect(await refused("unavailable")).toBe(2), PATIENCE_MS);
});

test("a Redis that is slow takes no more than a few hand-overs at one time", async () => {
  await redis.client("PAUSE", 50, "ALL");
  for (let n = 0; n < 20; n += 1) lane.handOver(executions(1));
  expect(await refused("unavailable")).toBe(4);
  await vi.waitFor(async () => expect(await handedOver()).toBe(16), PATIENCE_MS);
});
