import { randomUUID } from "node:crypto";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { Clock } from "@fluxo/core/ports/clock";
import { systemClock } from "@fluxo/runtime/clock";
import { createLogger } from "@fluxo/runtime/logger";
import { createMetrics, createRegistry, type Metrics } from "@fluxo/runtime/metrics";
import { createRedis, type RedisClient } from "@fluxo/runtime/redis";
import { ManualClock } from "@fluxo/runtime/testing/manual-clock";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TenantRates } from "./tenant-rates.ts";

const logger = createLogger({ service: "test", level: "silent" });

let redis: RedisClient;
let commands: number;
let metrics: Metrics;

beforeEach(() => {
  redis = createRedis(process.env["FLUXO_TEST_REDIS_URL"] ?? "", { prefix: `rates-${randomUUID()}`, logger, role: "commands" });
  const send = redis.sendCommand.bind(redis);
  commands = 0;
  redis.sendCommand = (...args) => {
    commands += 1;
    return send(...args);
  };
  metrics = createMetrics(createRegistry());
});
afterEach(() => redis.disconnect());

/** No time passes unless told: a Redis that is there is waited for, however busy the machine is. */
const ratesOf = (client = redis, clock: Clock = new ManualClock(new Date())): TenantRates => new TenantRates({ redis: client, clock, logger, metrics });

/** How many of `count` requests are taken, sent one after the other. */
async function flood(rates: TenantRates, tenantId: string, perMinute: number, count: number): Promise<{ taken: number; refusals: RequestError[] }> {
  const refusals: RequestError[] = [];
  let taken = 0;
  for (let index = 0; index < count; index += 1) {
    try {
      await rates.take(tenantId, perMinute);
      taken += 1;
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      refusals.push(error);
    }
  }
  return { taken, refusals };
}

test("two processes together never take more than the limit, and hardly less", async () => {
  const [tenantId, limit] = [randomUUID(), 1_000];
  const results = await Promise.all([ratesOf(), ratesOf()].map((rates) => flood(rates, tenantId, limit, 1_200)));
  const taken = results.reduce((sum, result) => sum + result.taken, 0);
  expect(taken).toBeLessThanOrEqual(limit);
  expect(taken).toBeGreaterThanOrEqual(limit * 0.96);
  const [refusal] = results[0]?.refusals ?? [];
  expect(refusal).toMatchObject({ code: "RATE_LIMITED", status: 429, fields: { "RateLimit-Policy": '"tenant";q=1000;w=60', "RateLimit-Remaining": "0" } });
  expect(refusal?.retryAfterSeconds).toBeGreaterThan(50);
});

test("a busy tenant costs one command for a hundredth of its limit, and a refused one none", async () => {
  const [rates, tenantId] = [ratesOf(), randomUUID()];
  await flood(rates, tenantId, 10_000, 1);
  const first = commands;
  expect((await flood(rates, tenantId, 10_000, 999)).taken).toBe(1_000 - 1);
  // A script may be loaded once before it is known.
  expect(commands - first).toBeLessThanOrEqual(11);
  expect((await flood(rates, tenantId, 10_000, 20_000)).refusals.length).toBeGreaterThan(0);
  const spent = commands;
  expect((await flood(rates, tenantId, 10_000, 1_000)).taken).toBe(0);
  expect(commands).toBe(spent);
});

test("within a portion nobody waits", async () => {
  const [rates, tenantId] = [ratesOf(), randomUUID()];
  await rates.take(tenantId, 60_000);
  expect(rates.take(tenantId, 60_000)).toBeUndefined();
});

test("many requests of one moment share a command", async () => {
  const [rates, tenantId] = [ratesOf(), randomUUID()];
  await rates.take(randomUUID(), 60_000);
  commands = 0;
  await Promise.all(Array.from({ length: 50 }, async () => rates.take(tenantId, 60_000)));
  expect(commands).toBe(1);
});

test("a new window begins with the whole limit, and what was left of the old one is gone", async () => {
  const clock = new ManualClock(new Date());
  const [rates, tenantId] = [ratesOf(redis, clock), randomUUID()];
  expect((await flood(rates, tenantId, 10, 12)).taken).toBe(10);
  // The window in Redis ends by Redis' clock: the key goes.
  await redis.del(`ingress-tenant:${tenantId}`);
  await clock.advance(59_000);
  expect((await flood(rates, tenantId, 10, 1)).taken).toBe(0);
  await clock.advance(1_001);
  expect((await flood(rates, tenantId, 10, 12)).taken).toBe(10);
});

test("another limit of the plan counts from the next request on", async () => {
  const [rates, tenantId] = [ratesOf(), randomUUID()];
  expect((await flood(rates, tenantId, 5, 8)).taken).toBe(5);
  expect((await flood(rates, randomUUID(), 5, 8)).taken).toBe(5);
});

test("while Redis is away everything is taken, nobody waits twice for it, and a metric says so", async () => {
  const gone = createRedis("redis://127.0.0.1:1", { prefix: "gone", logger, role: "commands" });
  let asked = 0;
  const send = gone.sendCommand.bind(gone);
  gone.sendCommand = (...args) => {
    asked += 1;
    return send(...args);
  };
  const rates = ratesOf(gone, { ...systemClock, now: () => new Date(0) });
  const tenantId = randomUUID();
  expect((await flood(rates, tenantId, 10, 100)).taken).toBe(100);
  expect(asked).toBe(1);
  expect((await metrics.ingressLimitsUncounted.get()).values).toMatchObject([{ value: 100 }]);
  gone.disconnect();
});
