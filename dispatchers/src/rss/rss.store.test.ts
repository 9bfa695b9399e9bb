import { randomUUID } from "node:crypto";
import { systemClock } from "@fluxo/runtime/clock";
import { createGuardedClient } from "@fluxo/runtime/http/guarded-client";
import { createRedis, type RedisClient } from "@fluxo/runtime/redis";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { itemXml, startFeedServer, type FeedServer, type ServedFeed } from "../testing/feed-server.ts";
import { SourceStage, type StagedSource } from "../testing/source-stage.ts";
import { startWholeDispatcher } from "../testing/whole-dispatcher.ts";
import { RssSource } from "./rss-source.ts";
import { SharedFeeds } from "./shared-feeds.ts";

let server: FeedServer;
let feed: ServedFeed;
let stage: SourceStage;
/** Of what is shared. Another one is as if the shared answers had ended. */
let prefix: string;
const connections: RedisClient[] = [];

beforeAll(async () => {
  server = await startFeedServer();
  stage = await SourceStage.open(({ redisUrl, logger }) => {
    const { url } = feed;
    return Promise.resolve({
      config: { url, intervalSeconds: 60, itemsMax: 100 },
      pageSize: 100,
      open: () => {
        const redis = createRedis(redisUrl, { prefix, logger, role: "commands" });
        connections.push(redis);
        return new RssSource(new SharedFeeds({ http: createGuardedClient({ allowedPrivateHosts: [server.host] }), clock: systemClock, redis, logger, timeoutMs: 5_000 }), logger);
      },
      add: () => Promise.resolve(),
      addPoison: () => Promise.resolve(),
      close: () => Promise.resolve(),
    });
  });
});
beforeEach(() => {
  feed = server.feed();
  prefix = `rss-${randomUUID()}`;
});
afterEach(async () => {
  await stage.clear();
  for (const connection of connections.splice(0)) connection.disconnect();
});
afterAll(async () => {
  await stage.close();
  await server.stop();
});

/** A look when no shared answer is left. */
async function lookAnew(staged: StagedSource): ReturnType<SourceStage["look"]> {
  prefix = `rss-${randomUUID()}`;
  return stage.look(staged);
}

async function inputs({ triggerId }: StagedSource): Promise<Record<string, unknown>[]> {
  const { rows } = await stage.owner.query<{ input: Record<string, unknown> }>("SELECT input FROM executions WHERE trigger_id = $1 ORDER BY id", [triggerId]);
  return rows.map(({ input }) => input);
}

test("many workflows of many tenants on one feed: one request per round for all of them, each item once for each", async () => {
  feed.add(2);
  const staged = await Promise.all(Array.from({ length: 6 }, () => stage.stage()));
  const [first] = staged;
  if (first === undefined) throw new Error("Nothing was staged.");
  for (const [round, expected] of [[1, 0], [2, 3]] as const) {
    prefix = `rss-${randomUUID()}`;
    const before = feed.requests.length;
    const dispatchers = ["one", "two"].map((name) => startWholeDispatcher(stage, first, name));
    try {
      for (const each of staged) await stage.makeDue(each);
      await expect
        .poll(async () => (await stage.owner.query("SELECT count(*)::int AS n FROM trigger_states WHERE trigger_id = ANY ($1) AND next_due_at > clock_timestamp()", [staged.map(({ triggerId }) => triggerId)])).rows)
        .toEqual([{ n: staged.length }]);
    } finally {
      await Promise.all(dispatchers.map((dispatcher) => dispatcher.stop()));
    }
    expect(feed.requests.length - before, `round ${round}`).toBe(1);
    for (const each of staged) expect(await stage.tally(each)).toEqual({ executions: expected, parked: 0, occurrences: expected });
    feed.add(3);
  }
});

test.each(["windows-1251", "utf-16le", "utf-16be", "koi8-r"])("a packed feed in %s becomes executions with its texts", async (charset) => {
  Object.assign(feed, { charset, isPacked: true });
  const staged = await stage.stageWatched();
  feed.items.unshift(itemXml("1", "Первый"));
  await lookAnew(staged);
  expect(await inputs(staged)).toMatchObject([{ id: "1", title: "Первый", feed: { title: "Новости", link: "https://news.example/", url: feed.url } }]);
});

test("reordered, edited, vanished and returned items start nothing; the newcomer among them does; the oldest goes first", async () => {
  feed.items = ["a", "b", "c"].map((guid) => itemXml(guid));
  const staged = await stage.stageWatched();
  feed.items = [itemXml("c", "edited"), itemXml("a"), itemXml("e"), itemXml("d")];
  expect(await lookAnew(staged)).toMatchObject({ accepted: 2, duplicate: 0 });
  feed.items = [itemXml("b"), itemXml("d", "edited"), itemXml("e")];
  expect(await lookAnew(staged)).toMatchObject({ accepted: 0, duplicate: 0 });
  expect((await inputs(staged)).map(({ id }) => id)).toEqual(["d", "e"]);
  expect((await stage.state(staged))["cursor"]).toMatchObject({ lastItemGuid: "e", url: feed.url });
});

test("another feed under the same trigger has items of its own, also where it numbers them as the feed before", async () => {
  const staged = await stage.stageWatched();
  feed.items = [itemXml("1", "of the first feed")];
  await lookAnew(staged);
  const second = server.feed();
  // As a publish with another address does.
  await stage.owner.query("UPDATE triggers SET config = jsonb_set(config, '{url}', to_jsonb($2::text)) WHERE id = $1", [staged.triggerId, second.url]);
  await stage.owner.query("UPDATE trigger_states SET cursor = NULL WHERE trigger_id = $1", [staged.triggerId]);
  await lookAnew(staged);
  second.items = [itemXml("1", "of the second feed")];
  expect(await lookAnew(staged)).toMatchObject({ accepted: 1, duplicate: 0 });
  expect((await inputs(staged)).map(({ title }) => title)).toEqual(["of the first feed", "of the second feed"]);
});

test("a document that did not change costs one answer without a body and no parsing", async () => {
  feed.add(2);
  const staged = await stage.stageWatched();
  expect(await lookAnew(staged)).toMatchObject({ accepted: 0 });
  expect(feed.requests.map(({ status }) => status)).toEqual([200, 304]);
  expect(await stage.state(staged)).toMatchObject({ failures: 0 });
});

test("what is wrong with a feed is told at its trigger, moves nothing, and is over when the feed is well again", async () => {
  feed.add(1);
  const staged = await stage.stageWatched();
  const { cursor } = await stage.state(staged);
  feed.add(1);
  for (const [change, code] of [
    [{ body: "<!DOCTYPE r [<!ENTITY a 'x'>]><rss/>" }, "DATA_UNREADABLE"],
    [{ body: "<html>log in</html>" }, "DATA_UNREADABLE"],
    [{ body: undefined, status: 503 }, "PROVIDER_FAILED"],
    [{ status: 429, headers: { "retry-after": "900" } }, "PROVIDER_RATE_LIMITED"],
  ] as const) {
    Object.assign(feed, change);
    await lookAnew(staged);
    expect(await stage.state(staged)).toMatchObject({ cursor, error_code: code });
  }
  const { rows } = await stage.owner.query("SELECT next_due_at > clock_timestamp() + interval '890 seconds' AS waits, failures FROM trigger_states WHERE trigger_id = $1", [staged.triggerId]);
  expect(rows).toEqual([{ waits: true, failures: 4 }]);
  Object.assign(feed, { status: 200, headers: {} });
  expect(await lookAnew(staged)).toMatchObject({ accepted: 1 });
  expect(await stage.state(staged)).toMatchObject({ failures: 0, error_code: null });
});

test("a parked item keeps its beginning as received, and says where it is", async () => {
  const staged = await stage.stageWatched();
  feed.items = ["<item><title>Half<b></title></item>"];
  expect(await lookAnew(staged)).toMatchObject({ accepted: 0, parked: 1 });
  const { rows } = await stage.owner.query("SELECT code, reference, convert_from(raw, 'UTF8') AS raw FROM parked_items WHERE trigger_id = $1", [staged.triggerId]);
  expect(rows).toEqual([{ code: "DATA_UNREADABLE", reference: `Half in ${feed.url}`, raw: "<item><title>Half<b></title></item>" }]);
});
