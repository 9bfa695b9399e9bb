import { readFileSync } from "node:fs";
import {
  NODE_STATUS_ENTRIES_MAX,
  NODE_STATUS_FIELD,
  NODE_STATUS_TTL_SECONDS,
  nodeStatusStream,
  nodeStatusWakeChannel,
  type ExecutionChange,
  type NodeChange,
  type NodeStatusEntry,
} from "@fluxo/contracts/channels/node-status";
import type { Clock } from "@fluxo/core/ports/clock";
import type { Logger } from "@fluxo/runtime/logger";
import type { Metrics } from "@fluxo/runtime/metrics";
import type { RedisClient } from "@fluxo/runtime/redis";

/** Whose change it is. */
export interface ChannelOf {
  readonly tenantId: string;
  readonly executionId: string;
}

/** Tells whoever watches of changes of status, once they are committed. Neither throws nor waits. */
export interface StatusChannel {
  node(of: ChannelOf, change: NodeChange): void;
  execution(of: ChannelOf, change: ExecutionChange): void;
}

export interface StatusPublisherOptions {
  /** Role `commands`. */
  readonly redis: RedisClient;
  /** The installation's; channels get no prefix by themselves. */
  readonly prefix: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, "nodeChangesPublished" | "nodeChangesDropped">;
  readonly waitingMax?: number;
}

/** Changes that wait to be sent, of all executions. */
const WAITING_MAX = 10_000;
/** Changes of one batch, which is one command: Redis does nothing else meanwhile. */
const BATCH_MAX = 1_000;
/** What changes within this time goes in one batch. Milliseconds. */
const GATHER_MS = 10;
/** One command for a batch: a command for each change was a third of the worker's work under a burst. */
const script = readFileSync(new URL("publish.lua", import.meta.url), "utf8");
/** Executions of which it is remembered that something was dropped; beyond that nobody tells their readers. */
const GAPS_MAX = 10_000;

/**
 * Puts changes on the streams of their executions: in batches, one batch on its way at a time, off the path of the executions. While Redis is away
 * nothing is kept, while it is slow a bounded number is; what is dropped is told by a `gap` in front of the next change of that execution.
 */
export class StatusPublisher implements StatusChannel {
  readonly #options: StatusPublisherOptions;
  readonly #gaps = new Set<string>();
  #waiting: NodeStatusEntry[] = [];
  #sending: Promise<void> | undefined;

  constructor(options: StatusPublisherOptions) {
    this.#options = options;
  }

  node(of: ChannelOf, change: NodeChange): void {
    this.#add({ version: 1, tenantId: of.tenantId, executionId: of.executionId, type: "node", change });
  }

  execution(of: ChannelOf, change: ExecutionChange): void {
    this.#add({ version: 1, tenantId: of.tenantId, executionId: of.executionId, type: "execution", change });
  }

  /** Waits until what is there was sent or given up. */
  async drain(): Promise<void> {
    while (this.#sending !== undefined) await this.#sending;
  }

  #add(entry: NodeStatusEntry): void {
    const { redis, waitingMax = WAITING_MAX } = this.#options;
    if (redis.status !== "ready") return this.#drop("unavailable", [entry]);
    if (this.#waiting.length >= waitingMax) return this.#drop("full", [entry]);
    this.#waiting.push(entry);
    this.#sending ??= this.#send().finally(() => {
      this.#sending = undefined;
    });
  }

  async #send(): Promise<void> {
    const { clock, logger, metrics } = this.#options;
    await clock.sleep(GATHER_MS);
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, BATCH_MAX);
      try {
        await this.#write(batch);
        metrics.nodeChangesPublished.inc(batch.length);
      } catch (error) {
        this.#drop("failed", batch);
        logger.warn({ err: error, changes: batch.length }, "changes of status were not published");
      }
    }
  }

  async #write(batch: readonly NodeStatusEntry[]): Promise<void> {
    const { redis, prefix } = this.#options;
    const streams: string[] = [];
    const given: (string | number)[] = [];
    for (const [executionId, entries] of Map.groupBy(batch, (entry) => entry.executionId)) {
      const [first] = entries;
      if (first === undefined) continue;
      const { tenantId } = first;
      const gap: NodeStatusEntry[] = this.#gaps.has(executionId) ? [{ version: 1, tenantId, executionId, type: "gap" }] : [];
      const texts = [...gap, ...entries].map((entry) => JSON.stringify(entry));
      streams.push(nodeStatusStream(tenantId, executionId));
      given.push(`${prefix}:${nodeStatusWakeChannel(tenantId, executionId)}`, texts.length, ...texts);
    }
    await redis.eval(script, streams.length, ...streams, NODE_STATUS_ENTRIES_MAX, NODE_STATUS_TTL_SECONDS, NODE_STATUS_FIELD, ...given);
    for (const { executionId } of batch) this.#gaps.delete(executionId);
  }

  #drop(reason: "full" | "unavailable" | "failed", entries: readonly NodeStatusEntry[]): void {
    this.#options.metrics.nodeChangesDropped.inc({ reason }, entries.length);
    for (const { executionId } of entries) {
      if (this.#gaps.size < GAPS_MAX) this.#gaps.add(executionId);
    }
  }
}
