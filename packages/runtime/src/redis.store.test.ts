import { randomUUID } from "node:crypto";
import { afterAll, expect, test } from "vitest";
import { createLogger } from "./logger.ts";
import { checkEviction, createRedis, type RedisRole } from "./redis.ts";

const url = process.env["FLUXO_TEST_REDIS_URL"];
if (url === undefined) throw new Error("FLUXO_TEST_REDIS_URL is not set: the store tests need the Redis of their global setup.");

const prefix = `runtime-${randomUUID()}`;
const lines: string[] = [];
const logger = createLogger({ service: "test", level: "info", destination: { write: (line) => lines.push(line) } });
const connect = (role: RedisRole) => createRedis(url, { prefix, logger, role });
const commands = connect("commands");
const plain = connect("queue");

afterAll(async () => {
  await plain.del(`${prefix}:key`, `${prefix}:list`);
  await Promise.all([commands.quit(), plain.quit()]);
});

test("keys carry the prefix, except for the role queue", async () => {
  await commands.set("key", "value");
  expect(await plain.get(`${prefix}:key`)).toBe("value");
  expect(await plain.get("key")).toBeNull();
});

test("a blocking read waits on its own connection", async () => {
  const blocking = connect("blocking");
  const popped = blocking.blpop("list", 10);
  await commands.rpush("list", "item");
  expect(await popped).toEqual([`${prefix}:list`, "item"]);
  await blocking.quit();
});

test("a connection that is cut comes back by itself and says so", async () => {
  const victim = connect("commands");
  const id = await victim.client("ID");
  await plain.client("KILL", "ID", id);
  expect(await victim.ping()).toBe("PONG");
  await victim.quit();
});

test("a subscription gets messages on the channel as it was named", async () => {
  const subscriber = connect("blocking");
  const message = new Promise((resolve) => subscriber.once("message", (...parts: unknown[]) => resolve(parts)));
  await subscriber.subscribe(`${prefix}-channel`);
  await plain.publish(`${prefix}-channel`, "hello");
  expect(await message).toEqual([`${prefix}-channel`, "hello"]);
  await subscriber.quit();
});

test("reports the eviction policy", async () => {
  expect(await checkEviction(commands)).toEqual({ kind: "safe", policy: "noeviction" });
});
