import { RequestError } from "@fluxo/core/errors/request-error";
import type { Clock } from "@fluxo/core/ports/clock";
import { intake, type IntakeItem, type IntakeResult } from "@fluxo/prisma/executions/intake";
import { DrainedError, GroupCommit, OverloadedError } from "@fluxo/runtime/group-commit";
import type { Logger } from "@fluxo/runtime/logger";
import type { Metrics } from "@fluxo/runtime/metrics";
import type { HandOver } from "../fast-lane/fast-lane.ts";
import { retryOnce } from "./retry-once.ts";
import { sqlStateOf, storeFailureOf } from "./store-failure.ts";

/** Occurrences of one statement. */
const BATCH_ITEMS_MAX = 100;
/** Bodies of one statement, in bytes: PostgreSQL takes no jsonb above 256 MB, and escapes make a body several times larger. */
const BATCH_BYTES_MAX = 4_194_304;
const QUEUED_MAX = 5_000;
/** What waits for longer keeps later requests out, so that the time to an answer is bounded at any speed of PostgreSQL. */
const WAIT_MS_MAX = 2_000;
/** Statements at one time. */
const IN_FLIGHT_MAX = 2;
const RETRY_AFTER_SECONDS = 1;
const FOREIGN_KEY_VIOLATION = "23503";

/** One request on its way to become an execution. */
export interface RecordedRequest {
  readonly item: IntakeItem;
  /** Size of its body, by which statements are bounded. */
  readonly bytes: number;
}

export interface RecorderOptions {
  /** fluxo_app */
  readonly db: Parameters<typeof intake>[0];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Told of new executions after their commit and before their answers. */
  readonly handOver: HandOver;
}

/**
 * Records occurrences: concurrent requests, of whatever tenants, share one statement and one commit. An answer means that the commit is done.
 * Intake knows its own items again by their execution id, so a statement of unknown outcome may be repeated without making a second execution.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #group: GroupCommit<RecordedRequest, IntakeResult>;

  constructor(options: RecorderOptions) {
    this.#options = options;
    const { metrics } = options;
    this.#group = new GroupCommit({
      flush: (requests) => this.#flush(requests),
      maxBatch: BATCH_ITEMS_MAX,
      maxQueued: QUEUED_MAX,
      maxWaitMs: WAIT_MS_MAX,
      maxInFlight: IN_FLIGHT_MAX,
      // A statement has a cost for each tenant that it is about.
      ownerOf: ({ item }) => item.tenantId,
      retryRowByRow: true,
      isRetryable: (error) => ["data", "conflict"].includes(storeFailureOf(error)),
      onFlush: ({ size, durationMs }) => {
        metrics.groupCommitBatchSize.observe({ group: "intake" }, size);
        metrics.groupCommitDuration.observe({ group: "intake" }, durationMs / 1_000);
      },
    });
  }

  /** @throws RequestError UNAVAILABLE (try again), VALIDATION_FAILED or BODY_TOO_LARGE (never storable), INTERNAL */
  async record(request: RecordedRequest): Promise<IntakeResult> {
    try {
      return await this.#group.add(request);
    } catch (error) {
      throw this.#toRequestError(error);
    }
  }

  /** Takes no more; resolves when everything taken has its answer. */
  drain(): Promise<void> {
    return this.#group.drain();
  }

  async #flush(requests: readonly RecordedRequest[]): Promise<IntakeResult[]> {
    const results: IntakeResult[] = [];
    for (const part of partsByBytes(requests, BATCH_BYTES_MAX)) results.push(...(await this.#write(part.map(({ item }) => item))));
    this.#options.handOver(requests.flatMap(({ item: { tenantId, executionId } }, index) => (results[index]?.outcome === "accepted" ? [{ tenantId, executionId }] : [])));
    return results;
  }

  async #write(items: readonly IntakeItem[]): Promise<IntakeResult[]> {
    const { db, clock, logger, metrics } = this.#options;
    metrics.intakeBatchSize.observe(items.length);
    return retryOnce(() => intake(db, items), clock, (err) => logger.warn({ err, items: items.length }, "intake is tried once more"));
  }

  #toRequestError(error: unknown): RequestError {
    if (error instanceof OverloadedError || error instanceof DrainedError) return unavailable("Too many requests are waiting to be recorded.", error);
    const failure = storeFailureOf(error);
    const { logger } = this.#options;
    if (failure === "data" && sqlStateOf(error) === FOREIGN_KEY_VIOLATION) return new RequestError("HOOK_NOT_FOUND", { cause: error });
    if (failure === "defect") logger.error({ err: error }, "intake failed");
    else logger.warn({ err: error, failure }, "intake refused a request");
    switch (failure) {
      case "data":
        return new RequestError("VALIDATION_FAILED", { detail: "The request holds something that cannot be stored.", cause: error });
      case "conflict":
      case "unavailable":
        return unavailable("Nothing may have been recorded. Send it again, with the same delivery id.", error);
      case "defect":
        return new RequestError("INTERNAL", { cause: error });
      default:
        return failure satisfies never;
    }
  }
}

/** A store does not answer right now. */
export function unavailable(detail: string, cause: unknown): RequestError {
  return new RequestError("UNAVAILABLE", { detail, retryAfterSeconds: RETRY_AFTER_SECONDS, cause });
}

/** Cuts a batch, in its order, into parts whose bytes together stay within `maxBytes`; what is larger by itself is a part of its own. */
export function partsByBytes<T extends { readonly bytes: number }>(requests: readonly T[], maxBytes: number): T[][] {
  const parts: T[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const request of requests) {
    bytes += request.bytes;
    if (bytes > maxBytes) {
      parts.push([]);
      bytes = request.bytes;
    }
    parts.at(-1)?.push(request);
  }
  return parts;
}
