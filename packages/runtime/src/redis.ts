import { Redis, type RedisOptions } from "ioredis";
import type { Logger } from "./logger.ts";

/**
 * `commands`: short commands that must fail soon when Redis is away. `blocking`: one connection for blocking reads or subscriptions, which waits.
 * `queue`: for BullMQ, which adds its own prefix (it refuses a connection with one) and demands endless patience.
 */
export type RedisRole = "commands" | "blocking" | "queue";

/** A connection to Redis. */
export type RedisClient = Redis;

export interface RedisSettings {
  /** Start of the name of every key, without the colon. */
  readonly prefix: string;
  readonly logger: Logger;
  readonly role: RedisRole;
  /** Jitter of reconnects. */
  readonly random?: () => number;
  /** A command that hears nothing for so long ends the connection, and another one is opened. Absent: it waits. */
  readonly silenceMs?: number;
}

const CONNECT_TIMEOUT_MS = 5_000;
const COMMAND_TIMEOUT_MS = 5_000;
const MAX_RETRIES_PER_COMMAND = 3;
const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 2_000;

/**
 * A Redis client that connects with its first command (or `connect()`), reconnects for ever with jittered back-off (50 ms to 2 s), and says
 * in the log when the connection is lost and back. Keys get `prefix:` unless the role is `queue`; channels never do. The caller ends it with `quit()`.
 */
export function createRedis(url: string, settings: RedisSettings): Redis {
  const { prefix, logger, role, random = Math.random, silenceMs } = settings;
  const options: ClientOptions = { ...optionsOf(role, prefix), retryStrategy: (times) => retryDelayMs(times, random()), socketTimeout: silenceMs };
  const redis = new Redis(url, options);
  let isLost = false;
  redis.on("error", (err: unknown) => {
    if (isLost) return;
    isLost = true;
    logger.warn({ err, role }, "redis connection failed; reconnecting");
  });
  redis.on("ready", () => {
    if (isLost) logger.info({ role }, "redis connection is back");
    isLost = false;
  });
  return redis;
}

/** Milliseconds before reconnect number `times` (from 1); `random` in [0, 1) spreads clients over the upper half of the delay. */
export function retryDelayMs(times: number, random: number): number {
  const full = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(times - 1, 10));
  return Math.round(full / 2 + (full / 2) * random);
}

/** Replies keep the shapes that both protocol versions share. */
type ClientOptions = Omit<RedisOptions, "replyMapping">;

function optionsOf(role: RedisRole, prefix: string): ClientOptions {
  const common: ClientOptions = {
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    connectionName: `fluxo-${role}`,
    // After a failover the old primary answers READONLY: reconnect, and send that command again.
    reconnectOnError: (error) => (error.message.startsWith("READONLY") ? 2 : false),
  };
  switch (role) {
    case "commands":
      return { ...common, keyPrefix: `${prefix}:`, maxRetriesPerRequest: MAX_RETRIES_PER_COMMAND, commandTimeout: COMMAND_TIMEOUT_MS };
    case "blocking":
      return { ...common, keyPrefix: `${prefix}:`, maxRetriesPerRequest: null };
    case "queue":
      return { ...common, maxRetriesPerRequest: null };
    default:
      return role satisfies never;
  }
}

/** Whether Redis may throw away keys of ours. Only `noeviction` is safe: a queue that loses keys loses work. */
export type EvictionReport =
  | { readonly kind: "safe"; readonly policy: "noeviction" }
  | { readonly kind: "unsafe"; readonly policy: string; readonly advice: string }
  | { readonly kind: "unknown"; readonly advice: string };

const EVICTION_ADVICE = "Set maxmemory-policy to noeviction in the configuration of this Redis, or give Fluxo a Redis of its own.";

/** Reads the eviction policy from INFO, which managed services allow where they forbid CONFIG. @throws when Redis does not answer */
export async function checkEviction(redis: Redis): Promise<EvictionReport> {
  return classifyEviction(await redis.info("memory"));
}

/** Judges the memory section of INFO. */
export function classifyEviction(info: string): EvictionReport {
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
  if (policy === undefined) return { kind: "unknown", advice: EVICTION_ADVICE };
  if (policy === "noeviction") return { kind: "safe", policy };
  return { kind: "unsafe", policy, advice: EVICTION_ADVICE };
}
