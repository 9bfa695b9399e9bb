import { randomUUID } from "node:crypto";
import { systemClock } from "@fluxo/runtime/clock";
import { createGuardedClient } from "@fluxo/runtime/http/guarded-client";
import { createRedis } from "@fluxo/runtime/redis";
import { startFeedServer } from "../testing/feed-server.ts";
import { describeSourceContract } from "../testing/source.contract.ts";
import { RssSource } from "./rss-source.ts";
import { SharedFeeds } from "./shared-feeds.ts";

const PAGE = 5;

describeSourceContract("rss", async ({ redisUrl, logger }) => {
  const server = await startFeedServer();
  const feed = server.feed();
  const http = createGuardedClient({ allowedPrivateHosts: [server.host] });
  const connections: ReturnType<typeof createRedis>[] = [];
  return {
    config: { url: feed.url, intervalSeconds: 60, itemsMax: PAGE },
    pageSize: PAGE,
    open: () => {
      // An installation of its own each time: the contract looks more often than a shared answer lives.
      const redis = createRedis(redisUrl, { prefix: `feeds-${randomUUID()}`, logger, role: "commands" });
      connections.push(redis);
      return new RssSource(new SharedFeeds({ http, clock: systemClock, redis, logger, timeoutMs: 5_000 }), logger);
    },
    add: (count) => Promise.resolve(feed.add(count)),
    addPoison: () => {
      feed.items.unshift("<item><title>Broken<b></title></item>");
      return Promise.resolve();
    },
    close: async () => {
      for (const connection of connections) connection.disconnect();
      await server.stop();
    },
  };
});
