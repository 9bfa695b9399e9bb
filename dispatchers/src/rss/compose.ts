import { createGuardedClient } from "@fluxo/runtime/http/guarded-client";
import { createRedis } from "@fluxo/runtime/redis";
import type { Dispatcher, DispatcherParts } from "../dispatcher.ts";
import { composePolling } from "../polling/compose-polling.ts";
import { RssSource } from "./rss-source.ts";
import { SharedFeeds } from "./shared-feeds.ts";

/** For one feed, over all redirects; a look has less than its lease (DISPATCHER_LEASE_MS). */
const FETCH_TIMEOUT_MS = 15_000;
const FETCH_SHARE = 0.5;

/** The dispatcher of RSS and Atom feeds. */
export function composeRss(parts: DispatcherParts): Promise<Dispatcher> {
  const { config, clock, logger, lifecycle } = parts;
  const http = createGuardedClient({ allowedPrivateHosts: config.FLUXO_ALLOWED_PRIVATE_HOSTS });
  const redis = createRedis(config.REDIS_URL, { prefix: config.FLUXO_REDIS_PREFIX, logger, role: "commands" });
  lifecycle.onStop("redis (feeds)", () => redis.disconnect());
  const feeds = new SharedFeeds({ http, clock, redis, logger, timeoutMs: Math.min(FETCH_TIMEOUT_MS, config.DISPATCHER_LEASE_MS * FETCH_SHARE) });
  return Promise.resolve(composePolling("rss", new RssSource(feeds, logger), parts));
}
