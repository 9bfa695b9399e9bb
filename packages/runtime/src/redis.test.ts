import fc from "fast-check";
import { expect, test } from "vitest";
import { createLogger } from "./logger.ts";
import { classifyEviction, createRedis, retryDelayMs } from "./redis.ts";

const CANARY = "s3cr3t-canary";

test("reconnect delays grow from 25–50 ms to 1–2 s and stay there", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100_000 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (times, random) => {
      const full = Math.min(2_000, 50 * 2 ** Math.min(times - 1, 30));
      expect(retryDelayMs(times, random)).toBeGreaterThanOrEqual(full / 2);
      expect(retryDelayMs(times, random)).toBeLessThanOrEqual(full);
    }),
  );
});

test("a command fails within its bound when no Redis is there, with one line in the log and no secret in it", async () => {
  const lines: string[] = [];
  const logger = createLogger({ service: "test", level: "info", destination: { write: (line) => lines.push(line) } });
  const redis = createRedis(`redis://user:${CANARY}@127.0.0.1:1`, { prefix: "t", logger, role: "commands", random: () => 0 });
  expect(redis.status).toBe("wait");
  await expect(redis.get("x")).rejects.toThrow(/max retries per request/i);
  redis.disconnect();
  expect(lines.filter((line) => line.includes("reconnecting"))).toHaveLength(1);
  expect(lines.join("")).not.toContain(CANARY);
});

test("roles differ in patience and prefix", () => {
  const logger = createLogger({ service: "test", level: "silent" });
  const of = (role: "commands" | "blocking" | "queue") => createRedis("redis://127.0.0.1:1", { prefix: "t", logger, role }).options;
  expect(of("commands")).toMatchObject({ keyPrefix: "t:", maxRetriesPerRequest: 3, commandTimeout: 5_000, lazyConnect: true });
  expect(of("blocking")).toMatchObject({ keyPrefix: "t:", maxRetriesPerRequest: null });
  expect(of("blocking").commandTimeout).toBeUndefined();
  expect(of("queue")).toMatchObject({ maxRetriesPerRequest: null, keyPrefix: "" });
});

test("only noeviction is safe", () => {
  expect(classifyEviction("# Memory\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n")).toEqual({ kind: "safe", policy: "noeviction" });
  expect(classifyEviction("maxmemory_policy:allkeys-lru\r\n")).toMatchObject({ kind: "unsafe", policy: "allkeys-lru" });
  expect(classifyEviction("# Memory\r\n")).toMatchObject({ kind: "unknown" });
});
