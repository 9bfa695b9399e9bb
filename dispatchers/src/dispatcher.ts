import type { Clock, IdSource, Random } from "@fluxo/core/ports/clock";
import type { Lifecycle } from "@fluxo/runtime/lifecycle";
import type { Logger } from "@fluxo/runtime/logger";
import type { Metrics } from "@fluxo/runtime/metrics";
import type pg from "pg";
import type { DispatcherConfig } from "./config.ts";

/** What every kind of dispatcher is built of. */
export interface DispatcherParts {
  readonly config: DispatcherConfig;
  /** Names this process in its leases; unique among processes. */
  readonly owner: string;
  /** Connections of fluxo_app. */
  readonly app: pg.Pool;
  /** Connections of fluxo_system. */
  readonly system: pg.Pool;
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: IdSource;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Where a kind registers how its own connections end. */
  readonly lifecycle: Lifecycle;
}

/** A running dispatcher of one kind. */
export interface Dispatcher {
  start(): void;
  /** Claims nothing more; resolves when what it holds is committed or given up. */
  stop(): Promise<void>;
}
