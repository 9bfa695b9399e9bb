import { Readable } from "node:stream";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { Clock } from "@fluxo/core/ports/clock";
import type { TenantDb } from "@fluxo/prisma/database/tenant-db";
import { findExecutionSummary } from "@fluxo/prisma/repositories/executions";
import type { Logger } from "@fluxo/runtime/logger";
import type { Metrics } from "@fluxo/runtime/metrics";
import type { RedisClient } from "@fluxo/runtime/redis";
import { liveFrames } from "./frames.ts";
import { readSnapshot } from "./snapshot.ts";
import { StreamReader } from "./stream-reader.ts";
import { Waiter } from "./waiter.ts";
import type { WakeHub } from "./wake-hub.ts";

/** What is watched. */
export interface Watched {
  readonly tenantId: string;
  readonly executionId: string;
}

export interface LiveStreamsOptions {
  /** Role `commands`. */
  readonly redis: RedisClient;
  readonly hub: WakeHub;
  readonly tenantDb: TenantDb;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, "liveStreams" | "liveStreamsRefused">;
  /** Streams that are open at one time, of one tenant and of this process. */
  readonly tenantMax?: number;
  readonly processMax?: number;
  readonly quietMs?: number;
  readonly streamMsMax?: number;
}

const TENANT_MAX = 50;
const PROCESS_MAX = 1_000;
/** Also how late the end of an execution is seen that nobody told. */
const QUIET_MS = 10_000;
const STREAM_MS_MAX = 900_000;
/** A reader that takes nothing is cut off so long after its stream should have ended. Milliseconds. */
const GRACE_MS = 30_000;
const RETRY_AFTER_SECONDS = 10;
/** Bytes that wait for a slow reader; the rest stays in Redis. */
const BUFFER_BYTES = 16_384;

/** The open event streams of this process. */
export class LiveStreams {
  readonly #options: LiveStreamsOptions;
  readonly #open = new Map<Readable, { readonly tenantId: string; readonly waiter: Waiter }>();
  #isClosing = false;

  constructor(options: LiveStreamsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#open.size;
  }

  /**
   * The events of an execution as bytes, for a caller who may see it. Destroying it frees all that it holds.
   * @throws RequestError RATE_LIMITED when too many are open, UNAVAILABLE when the process stops
   */
  open(of: Watched, lastEventId: string | undefined): Readable {
    this.#admit(of.tenantId);
    const { redis, hub, tenantDb, clock, logger, quietMs = QUIET_MS, streamMsMax = STREAM_MS_MAX } = this.#options;
    const waiter = new Waiter(clock);
    const frames = liveFrames({
      reader: new StreamReader(redis, of),
      snapshot: (entries) => readSnapshot(tenantDb, of, entries, clock.now()),
      status: async () => (await tenantDb.withTenant(of.tenantId, (db) => findExecutionSummary(db, of.tenantId, of.executionId)))?.status,
      waiter,
      clock,
      logger,
      quietMs,
      streamMsMax,
      lastEventId,
    });
    const leave = hub.join(of, (isLost) => waiter.wake(isLost));
    const limit = new AbortController();
    const stream = new Readable({
      highWaterMark: BUFFER_BYTES,
      read() {
        frames.next().then(
          ({ value, done }) => this.push(done === true ? null : Buffer.from(value)),
          (error: unknown) => this.destroy(error instanceof Error ? error : new Error(String(error))),
        );
      },
    });
    this.#open.set(stream, { tenantId: of.tenantId, waiter });
    this.#count();
    stream.once("close", () => {
      limit.abort();
      waiter.close();
      leave();
      this.#open.delete(stream);
      this.#count();
    });
    void clock.sleep(streamMsMax + GRACE_MS, limit.signal).then(() => stream.destroy(), () => undefined);
    return stream;
  }

  /** Lets every stream end, without an `end`: their readers come again, to another process. Takes no more. */
  close(): void {
    this.#isClosing = true;
    for (const { waiter } of this.#open.values()) waiter.close();
  }

  #admit(tenantId: string): void {
    const { tenantMax = TENANT_MAX, processMax = PROCESS_MAX, metrics } = this.#options;
    if (this.#isClosing) throw new RequestError("UNAVAILABLE", { retryAfterSeconds: 1 });
    const ofTenant = [...this.#open.values()].filter((open) => open.tenantId === tenantId).length;
    const reason = ofTenant >= tenantMax ? "tenant" : this.#open.size >= processMax ? "process" : undefined;
    if (reason === undefined) return;
    metrics.liveStreamsRefused.inc({ reason });
    const detail = reason === "tenant" ? `The tenant has ${tenantMax} event streams open already.` : "Too many event streams are open.";
    throw new RequestError("RATE_LIMITED", { detail, retryAfterSeconds: RETRY_AFTER_SECONDS });
  }

  #count(): void {
    this.#options.metrics.liveStreams.set(this.#open.size);
  }
}
