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
/** The quickest: it takes a fifth of the time of the fourth, and a tenth more room for minutes. */
const PACK_QUALITY = 1;
/** In: KEYS entry, lock; ARGV flight, milliseconds, an entry that does not serve. Out: the entry, else (nil) whether the lock is the flight's now. */
const TURN = `
local entry = redis.call('HGET', KEYS[1], 'entry')
if entry and entry ~= ARGV[3] then return {entry, 0} end
return {false, redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2], 'NX') and 1 or 0}`;
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
const turnSchema = z.tuple([z.string().nullable(), z.number()]);

/** What a flight leaves for the others, and for how long. */
interface Landing {
  readonly forMs: number;
  readonly fieldsOf: () => Promise<Record<string, string | Buffer>>;
}

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
    let useless = "";
    for (;;) {
      const turn = await this.#safely(() => this.#turn(id, flight, useless));
      if (turn?.text !== undefined) {
        const { text } = turn;
        const shared = await this.#safely(() => this.#read(id, text, known));
        if (shared !== undefined) return shared;
        useless = text;
      } else if (turn?.isMine === true) return this.#fly(id, flight, url, known, freshMs, signal);
      else if (turn === undefined || this.#options.clock.now().getTime() > untilMs) return fetchFeed(this.#options, url, known, signal);
      else await this.#options.clock.sleep(TURN_MS, signal);
    }
  }

  /** One round trip: the entry that is there, else the lock, unless another flight has it. */
  async #turn(id: string, flight: string, useless: string): Promise<{ readonly text?: string; readonly isMine: boolean }> {
    const answer = await this.#options.redis.eval(TURN, 2, entryOf(id), lockOf(id), flight, this.#options.timeoutMs, useless);
    const [text, isMine] = turnSchema.parse(answer);
    return { ...(text === null ? {} : { text }), isMine: isMine === 1 };
  }

  /** Fetches, and lands with the answer or the failure; what is nobody else's (the look was stopped) only gives the lock back. */
  async #fly(id: string, flight: string, url: string, known: DocumentMark | undefined, freshMs: number, signal: AbortSignal): Promise<FeedAnswer> {
    let landing: Landing | undefined;
    try {
      const answer = await fetchFeed(this.#options, url, known, signal);
      landing = { forMs: freshMs, fieldsOf: () => fieldsOfAnswer(answer) };
      return answer;
    } catch (error) {
      if (error instanceof NodeError) landing = this.#failureLanding(error, freshMs);
      throw error;
    } finally {
      await this.#safely(() => this.#land(id, flight, landing));
    }
  }

  /** Stores the entry and gives the lock back. */
  async #land(id: string, flight: string, landing: Landing | undefined): Promise<void> {
    const transaction = this.#options.redis.multi();
    if (landing !== undefined && landing.forMs >= 1) transaction.del(entryOf(id)).hset(entryOf(id), await landing.fieldsOf()).pexpire(entryOf(id), Math.ceil(landing.forMs));
    await transaction.eval(RELEASE, 1, lockOf(id), flight).exec();
  }

  #failureLanding({ message, errorClass, code, retryAfterMs }: NodeError, freshMs: number): Landing {
    const forMs = Math.min(Math.max(Math.min(freshMs, FAILURE_MS_MAX), retryAfterMs ?? 0), ASKED_MS_MAX);
    const entry: Entry = { kind: "failure", message, errorClass, code, untilMs: this.#options.clock.now().getTime() + forMs };
    return { forMs, fieldsOf: () => Promise.resolve({ entry: JSON.stringify(entry) }) };
  }

  /** Undefined when the entry is gone, or is a note that the feed did not change for somebody who knew another document. @throws the shared failure */
  async #read(id: string, text: string, known: DocumentMark | undefined): Promise<FeedAnswer | undefined> {
    const { redis, clock } = this.#options;
    const entry = entrySchema.parse(JSON.parse(text));
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

async function fieldsOfAnswer({ mark, url, waitMs, document }: FeedAnswer): Promise<Record<string, string | Buffer>> {
  const body = document === undefined ? undefined : await pack(document.body, { params: { [constants.BROTLI_PARAM_QUALITY]: PACK_QUALITY } });
  const entry: Entry = { kind: "answer", mark, url, waitMs, contentType: document?.contentType ?? null, hasBody: body !== undefined };
  return { entry: JSON.stringify(entry), ...(body === undefined ? {} : { body }) };
}

function entryOf(id: string): string {
  return `feed:${id}`;
}

function lockOf(id: string): string {
  return `feed-lock:${id}`;
}
