import { randomUUID } from "node:crypto";
import { gzipSync } from "node:zlib";
import { systemClock } from "@fluxo/runtime/clock";
import { createGuardedClient } from "@fluxo/runtime/http/guarded-client";
import { createLogger } from "@fluxo/runtime/logger";
import { createRedis, type RedisClient } from "@fluxo/runtime/redis";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startFeedServer, type FeedServer, type ServedFeed } from "../testing/feed-server.ts";
import { FEED_BYTES_MAX } from "./fetch-feed.ts";
import { SharedFeeds } from "./shared-feeds.ts";

const logger = createLogger({ service: "test", level: "silent" });
const { signal } = new AbortController();
const FRESH_MS = 60_000;
/** Two processes ask within it, also on a busy machine; and the test waits for its end. */
const FAILURE_MS = 4_000;

let server: FeedServer;
let feed: ServedFeed;
let prefix: string;
const connections: RedisClient[] = [];

beforeEach(async () => {
  server = await startFeedServer();
  feed = server.feed();
  prefix = `feeds-${randomUUID()}`;
});
afterEach(async () => {
  for (const connection of connections.splice(0)) connection.disconnect();
  await server.stop();
});

/** Another process. */
function pod(timeoutMs = 5_000): SharedFeeds {
  const redis = createRedis(process.env["FLUXO_TEST_REDIS_URL"] ?? "", { prefix, logger, role: "commands" });
  connections.push(redis);
  return new SharedFeeds({ http: createGuardedClient({ allowedPrivateHosts: [server.host] }), clock: systemClock, redis, logger, timeoutMs });
}

test("all who need a feed at once, in any process, cost its server one request", async () => {
  feed.add(3);
  feed.delayMs = 200;
  const pods = [pod(), pod(), pod()];
  const answers = await Promise.all(pods.flatMap((each) => Array.from({ length: 10 }, () => each.get(feed.url, undefined, FRESH_MS, signal))));
  expect(feed.requests).toHaveLength(1);
  expect(new Set(answers.map(({ mark }) => mark.contentHash)).size).toBe(1);
  for (const { document } of answers) expect(Buffer.from(document?.body ?? "").toString()).toContain(`${feed.path}:3`);
});

test("what did not change is not sent again, nor read by those who know it", async () => {
  feed.add(1);
  const { mark } = await pod().get(feed.url, undefined, 1, signal);
  await expect.poll(async () => (await pod().get(feed.url, mark, 1, signal)).document).toBeUndefined();
  expect(feed.requests.map(({ status }) => status)).toContain(304);
  feed.add(1);
  await expect.poll(async () => (await pod().get(feed.url, mark, 1, signal)).document).toBeDefined();
});

test("one who knows nothing gets the document, also when others were told that it did not change", async () => {
  feed.add(1);
  const { mark } = await pod().get(feed.url, undefined, 0, signal);
  expect((await pod().get(feed.url, mark, FRESH_MS, signal)).document).toBeUndefined();
  expect((await pod().get(feed.url, undefined, FRESH_MS, signal)).document).toBeDefined();
  expect((await pod().get(feed.url, mark, FRESH_MS, signal)).document).toBeUndefined();
  expect(feed.requests.map(({ status }) => status)).toEqual([200, 304, 200]);
});

test("a server that asks to wait is not asked again by anybody", async () => {
  Object.assign(feed, { status: 429, headers: { "retry-after": "120" } });
  for (let round = 0; round < 3; round += 1) {
    const failure: unknown = await pod().get(feed.url, undefined, 1, signal).catch((error: unknown) => error);
    expect(failure).toMatchObject({ errorClass: "RATE_LIMIT", code: "PROVIDER_RATE_LIMITED" });
    expect(failure).toHaveProperty("retryAfterMs", expect.toSatisfy((ms: number) => ms > 110_000 && ms <= 120_000));
  }
  expect(feed.requests).toHaveLength(1);
});

test.each([
  [500, "PROVIDER_FAILED"],
  [404, "PROVIDER_REJECTED"],
  [410, "PROVIDER_REJECTED"],
  [401, "CREDENTIAL_REJECTED"],
  [204, "PROVIDER_REJECTED"],
])("status %i is told, once for all, and heals", async (status, code) => {
  feed.status = status;
  for (let round = 0; round < 2; round += 1) await expect(pod().get(feed.url, undefined, FAILURE_MS, signal)).rejects.toMatchObject({ code });
  expect(feed.requests).toHaveLength(1);
  feed.status = 200;
  await expect.poll(async () => (await pod().get(feed.url, undefined, FAILURE_MS, signal).catch(() => undefined))?.document).toBeDefined();
});

test("max-age makes the wait longer, an hour at most", async () => {
  feed.headers = { "cache-control": "public, max-age=600" };
  expect((await pod().get(feed.url, undefined, 0, signal)).waitMs).toBe(600_000);
  feed.headers = { "cache-control": "s-maxage=5, max-age=999999999" };
  expect((await pod().get(feed.url, undefined, 0, signal)).waitMs).toBe(3_600_000);
});

test("redirects are followed and told; a loop of them is refused", async () => {
  const moved = server.feed();
  Object.assign(moved, { status: 301, headers: { location: feed.path } });
  expect(await pod().get(moved.url, undefined, FRESH_MS, signal)).toMatchObject({ url: feed.url });
  Object.assign(feed, { status: 302, headers: { location: moved.path } });
  await expect(pod().get(feed.url, undefined, FRESH_MS, signal)).rejects.toMatchObject({ code: "PROVIDER_REJECTED" });
});

test("a packed bomb, an endless document and a private address are refused, a slow server is given up", async () => {
  Object.assign(feed, { body: gzipSync(Buffer.alloc(FEED_BYTES_MAX * 4)), headers: { "content-encoding": "gzip" } });
  await expect(pod().get(feed.url, undefined, FRESH_MS, signal)).rejects.toMatchObject({ code: "RESPONSE_TOO_LARGE" });
  const large = server.feed();
  large.body = Buffer.alloc(FEED_BYTES_MAX + 1, "x");
  await expect(pod().get(large.url, undefined, FRESH_MS, signal)).rejects.toMatchObject({ code: "RESPONSE_TOO_LARGE" });
  await expect(pod().get("http://127.0.0.1:1/feed", undefined, FRESH_MS, signal)).rejects.toMatchObject({ code: "ADDRESS_REFUSED" });
  const slow = server.feed();
  slow.delayMs = 3_000;
  await expect(pod(300).get(slow.url, undefined, FRESH_MS, signal)).rejects.toMatchObject({ code: "NODE_TIMEOUT" });
});

test("a look that is stopped ends at once, and its failure is nobody else's", async () => {
  feed.delayMs = 2_000;
  const stopping = new AbortController();
  const stopped = pod().get(feed.url, undefined, FRESH_MS, stopping.signal);
  await expect.poll(() => feed.requests.length).toBe(1);
  stopping.abort(new Error("stop"));
  await expect(stopped).rejects.toThrow("stop");
  feed.delayMs = 0;
  expect((await pod().get(feed.url, undefined, FRESH_MS, signal)).document).toBeDefined();
});

test("without Redis everybody fetches by himself", async () => {
  const alone = pod();
  connections.at(-1)?.disconnect();
  for (let round = 0; round < 2; round += 1) expect((await alone.get(feed.url, undefined, FRESH_MS, signal)).document).toBeDefined();
  expect(feed.requests).toHaveLength(2);
});
