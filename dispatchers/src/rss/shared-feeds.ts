import { createHash, randomUUID } from "node:crypto";
import { promisify } from "node:util";
import { brotliCompress, brotliDecompress, constants } from "node:zlib";
import { ERROR_CODES } from "@fluxo/core/errors/codes";
import { ERROR_CLASSES, NodeError } from "@fluxo/core/errors/node-error";
import type { Logger } from "@fluxo/runtime/logger";
import type { RedisClient } from "@fluxo/runtime/redis";
import { z } from "zod";
import type { DocumentMark } from "./cursor.ts";
import { FEED_BYTES_MAX, fetchFeed, type FeedAnswer, type FetchOptions } from "./fetch-feed.ts";

export interface SharedFeedsOptions extends FetchOptions {
  /** Connection of the role `commands`. */
  readonly redis: RedisClient;
  readonly logger: Logger;
}

const pack = promisify(brotliCompress);
const unpack = promisify(brotliDecompress);

/** Somebody who waits for another one's fetch asks again after this. */
const TURN_MS = 100;
/** A failure is everybody's for this long at most, unless the server asked for more. */
const FAILURE_MS_MAX = 60_000;
const ASKED_MS_MAX = 3_600_000;
const RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

const entrySchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("answer"),
    mark: z.object({ etag: z.string().nullable(), lastModified: z.string().nullable(), contentHash: z.string() }),
    url: z.string(),
    waitMs: z.number(),
    contentType: z.string().nullable(),
    hasBody: z.boolean(),
  }),
  z.object({
    kind: z.literal("failure"),
    message: z.string(),
    errorClass: z.enum(ERROR_CLASSES),
    code: z.string().refine((code): code is keyof typeof ERROR_CODES => Object.hasOwn(ERROR_CODES, code)),
    untilMs: z.number(),
  }),
]);
type Entry = z.output<typeof entrySchema>;

/**
 * Fetches each public feed once for all who watch it, over all processes: the first one who needs it fetches it, the others wait and share the answer for
 * `freshMs`, also when it is a failure. Politeness, not safety: without Redis everybody fetches by himself. Entries are small in time, never the truth.
 */
export class SharedFeeds {
  readonly #options: SharedFeedsOptions;

  constructor(options: SharedFeedsOptions) {
    this.#options = options;
  }

  /**
   * The feed as it is now, or was at most `freshMs` ago.
   * @param known the document whose items the caller knows
   * @throws NodeError as `fetchFeed`; the reason of the signal
   */
  async get(url: string, known: DocumentMark | undefined, freshMs: number, signal: AbortSignal): Promise<FeedAnswer> {
    const id = createHash("sha256").update(url).digest("base64url");
    const flight = randomUUID();
    const untilMs = this.#options.clock.now().getTime() + this.#options.timeoutMs;
    for (;;) {
      const shared = await this.#safely(() => this.#read(id, known));
      if (shared !== undefined) return shared;
      const isMine = await this.#safely(() => this.#options.redis.set(lockOf(id), flight, "PX", this.#options.timeoutMs, "NX"));
      if (isMine === "OK") return this.#fly(id, flight, url, known, freshMs, signal);
      if (isMine === undefined || this.#options.clock.now().getTime() > untilMs) return fetchFeed(this.#options, url, known, signal);
      await this.#options.clock.sleep(TURN_MS, signal);
    }
  }

  async #fly(id: string, flight: string, url: string, known: DocumentMark | undefined, freshMs: number, signal: AbortSignal): Promise<FeedAnswer> {
    try {
      // Between the look into the store and the lock somebody else may have landed.
      return (await this.#safely(() => this.#read(id, known))) ?? (await this.#fetch(id, url, known, freshMs, signal));
    } finally {
      await this.#safely(() => this.#options.redis.eval(RELEASE, 1, lockOf(id), flight));
    }
  }

  async #fetch(id: string, url: string, known: DocumentMark | undefined, freshMs: number, signal: AbortSignal): Promise<FeedAnswer> {
    try {
      const answer = await fetchFeed(this.#options, url, known, signal);
      await this.#safely(() => this.#write(id, answer, freshMs));
      return answer;
    } catch (error) {
      if (error instanceof NodeError) await this.#safely(() => this.#writeFailure(id, error, freshMs));
      throw error;
    }
  }

  /** Undefined when there is nothing, or a note that the feed did not change for somebody who knew another document. @throws the shared failure */
  async #read(id: string, known: DocumentMark | undefined): Promise<FeedAnswer | undefined> {
    const { redis, clock } = this.#options;
    const text = await redis.hget(entryOf(id), "entry");
    const entry = text === null ? undefined : entrySchema.parse(JSON.parse(text));
    if (entry === undefined) return undefined;
    if (entry.kind === "failure") {
      const retryAfterMs = Math.max(0, entry.untilMs - clock.now().getTime());
      throw new NodeError(entry.message, { errorClass: entry.errorClass, code: entry.code, retryAfterMs });
    }
    const { mark, url, waitMs, contentType } = entry;
    if (known !== undefined && known.contentHash === mark.contentHash) return { mark, url, waitMs, document: undefined };
    const packed = entry.hasBody ? await redis.hgetBuffer(entryOf(id), "body") : null;
    if (packed === null) return undefined;
    return { mark, url, waitMs, document: { body: await unpack(packed, { maxOutputLength: FEED_BYTES_MAX }), contentType: contentType ?? undefined } };
  }

  async #write(id: string, { mark, url, waitMs, document }: FeedAnswer, freshMs: number): Promise<void> {
    const body = document === undefined ? undefined : await pack(document.body, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } });
    const entry: Entry = { kind: "answer", mark, url, waitMs, contentType: document?.contentType ?? null, hasBody: body !== undefined };
    await this.#store(id, { entry: JSON.stringify(entry), ...(body === undefined ? {} : { body }) }, freshMs);
  }

  async #writeFailure(id: string, { message, errorClass, code, retryAfterMs }: NodeError, freshMs: number): Promise<void> {
    const forMs = Math.min(Math.max(Math.min(freshMs, FAILURE_MS_MAX), retryAfterMs ?? 0), ASKED_MS_MAX);
    const entry: Entry = { kind: "failure", message, errorClass, code, untilMs: this.#options.clock.now().getTime() + forMs };
    await this.#store(id, { entry: JSON.stringify(entry) }, forMs);
  }

  async #store(id: string, fields: Record<string, string | Buffer>, forMs: number): Promise<void> {
    if (forMs < 1) return;
    await this.#options.redis.multi().del(entryOf(id)).hset(entryOf(id), fields).pexpire(entryOf(id), Math.ceil(forMs)).exec();
  }

  /** Undefined when Redis does not answer, or holds what cannot be read. */
  async #safely<T>(action: () => Promise<T>): Promise<T | undefined> {
    try {
      return await action();
    } catch (error) {
      if (error instanceof NodeError) throw error;
      this.#options.logger.warn({ err: error }, "feeds cannot be shared; each trigger fetches its own");
      return undefined;
    }
  }
}

function entryOf(id: string): string {
  return `feed:${id}`;
}

function lockOf(id: string): string {
  return `feed-lock:${id}`;
}
