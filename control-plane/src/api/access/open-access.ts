import type { Clock } from "@fluxo/core/ports/clock";
import { noteKeyUses, resolveApiKeys } from "@fluxo/prisma/access/api-keys";
import { noteSessionUses, resolveSession } from "@fluxo/prisma/access/sessions";
import type { Logger } from "@fluxo/runtime/logger";
import type { Metrics } from "@fluxo/runtime/metrics";
import type { RedisClient } from "@fluxo/runtime/redis";
import type pg from "pg";
import { AccessChanges } from "./access-changes.ts";
import { Authenticator } from "./authenticate.ts";
import { inBatches } from "./in-batches.ts";
import { FailureLimits, type FailureThresholds } from "./failure-limits.ts";
import { LastUses } from "./last-uses.ts";

export interface AccessOptions {
  /** Connections of fluxo_app. */
  readonly pool: pg.Pool;
  /** Role `commands`. */
  readonly redis: RedisClient;
  /** Role `blocking`, for this alone. */
  readonly subscriber: RedisClient;
  /** The installation's. */
  readonly prefix: string;
  readonly sessionIdleMs: number;
  readonly thresholds: FailureThresholds;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, "authenticationsRefused">;
}

/** What tells who calls, and keeps that fresh. */
export interface OpenAccess {
  readonly authenticator: Authenticator;
  readonly changes: AccessChanges;
  /** Of failed authentications. */
  readonly failures: FailureLimits;
  /** Writes last uses now. */
  flush(): Promise<void>;
  /** Writes what is collected. The connections stay the caller's to end. */
  stop(): Promise<void>;
}

/** Begins to hear of changes and to write last uses. */
export function openAccess(options: AccessOptions): OpenAccess {
  const { pool, redis, subscriber, prefix, sessionIdleMs, thresholds, clock, logger, metrics } = options;
  const changes = new AccessChanges({ redis, subscriber, prefix, logger });
  const keyUses = new LastUses({ write: (uses) => noteKeyUses(pool, uses), clock, logger });
  const sessionUses = new LastUses({ write: (uses) => noteSessionUses(pool, uses), clock, logger });
  const failures = new FailureLimits({ redis, changes, clock, metrics, thresholds });
  const authenticator = new Authenticator({
    resolveKey: inBatches((ids) => resolveApiKeys(pool, ids)),
    resolveSession: (hash) => resolveSession(pool, hash),
    changes,
    keyUses,
    sessionUses,
    limits: failures,
    sessionIdleMs,
    clock,
  });
  changes.listen();
  keyUses.start();
  sessionUses.start();
  const both = async (work: (uses: LastUses) => Promise<void>): Promise<void> => {
    await Promise.all([work(keyUses), work(sessionUses)]);
  };
  return { authenticator, changes, failures, flush: () => both((uses) => uses.flush()), stop: () => both((uses) => uses.stop()) };
}
