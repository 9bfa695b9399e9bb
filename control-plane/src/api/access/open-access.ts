import type { Clock } from "@fluxo/core/ports/clock";
import { noteKeyUses, resolveApiKey } from "@fluxo/prisma/access/api-keys";
import type { Logger } from "@fluxo/runtime/logger";
import type { RedisClient } from "@fluxo/runtime/redis";
import type pg from "pg";
import { AccessChanges } from "./access-changes.ts";
import { Authenticator } from "./authenticate.ts";
import { KeyUses } from "./key-uses.ts";

export interface AccessOptions {
  /** Connections of fluxo_app. */
  readonly pool: pg.Pool;
  /** Role `commands`. */
  readonly redis: RedisClient;
  /** Role `blocking`, for this alone. */
  readonly subscriber: RedisClient;
  /** The installation's. */
  readonly prefix: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What tells who calls, and keeps that fresh. */
export interface OpenAccess {
  readonly authenticator: Authenticator;
  readonly changes: AccessChanges;
  /** Writes last uses now. */
  flush(): Promise<void>;
  /** Writes what is collected. The connections stay the caller's to end. */
  stop(): Promise<void>;
}

/** Begins to hear of changes and to write last uses. */
export function openAccess({ pool, redis, subscriber, prefix, clock, logger }: AccessOptions): OpenAccess {
  const changes = new AccessChanges({ redis, subscriber, prefix, logger });
  const keyUses = new KeyUses({ write: (uses) => noteKeyUses(pool, uses), clock, logger });
  const authenticator = new Authenticator({ resolveKey: (id) => resolveApiKey(pool, id), changes, keyUses, clock });
  changes.listen();
  keyUses.start();
  return { authenticator, changes, flush: () => keyUses.flush(), stop: () => keyUses.stop() };
}
