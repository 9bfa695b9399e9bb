import { RequestError } from "@fluxo/core/errors/request-error";
import type { Clock } from "@fluxo/core/ports/clock";

/** One thing that was found, in the order of its ids. */
export interface FeedEvent {
  readonly id: number;
  readonly event: string;
  readonly data: unknown;
}

const POLL_MS = 1_000;
const QUIET_MS = 15_000;
const STREAM_MS_MAX = 900_000;
/** Streams that are open at one time for one owner. */
const OWNER_MAX = 20;
const RETRY_AFTER_SECONDS = 10;

/** Server-sent events of what is read again and again from a place on. The open ones of this process. */
export class Feeds {
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  readonly #open = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * @param owner whose streams are counted together
   * @param read what comes after an id, a portion of it; it is asked again at once while something came
   * @throws RequestError RATE_LIMITED when the owner has too many, UNAVAILABLE when the process stops
   */
  open(owner: string, after: number, read: (after: number) => Promise<readonly FeedEvent[]>): AsyncIterable<Uint8Array> {
    if (this.#closing.signal.aborted) throw new RequestError("UNAVAILABLE", { retryAfterSeconds: RETRY_AFTER_SECONDS });
    const count = this.#open.get(owner) ?? 0;
    if (count >= OWNER_MAX) throw new RequestError("RATE_LIMITED", { detail: `At most ${OWNER_MAX} streams may be open at one time.`, retryAfterSeconds: RETRY_AFTER_SECONDS });
    return this.#frames(owner, after, read);
  }

  /** Ends every stream. */
  close(): void {
    this.#closing.abort();
  }

  async *#frames(owner: string, after: number, read: (after: number) => Promise<readonly FeedEvent[]>): AsyncGenerator<Uint8Array> {
    const now = (): number => this.#clock.now().getTime();
    const endAt = now() + STREAM_MS_MAX;
    this.#open.set(owner, (this.#open.get(owner) ?? 0) + 1);
    try {
      // Something at once, so that the caller knows that it is connected.
      yield Buffer.from(": connected\n\n");
      let lastId = after;
      let spokenAt = now();
      while (!this.#closing.signal.aborted && now() < endAt) {
        const events = await read(lastId);
        lastId = events.at(-1)?.id ?? lastId;
        if (events.length > 0) yield Buffer.from(events.map(({ id, event, data }) => `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`).join(""));
        else if (now() - spokenAt >= QUIET_MS) yield Buffer.from(": still here\n\n");
        else {
          await this.#clock.sleep(POLL_MS, this.#closing.signal).catch(() => undefined);
          continue;
        }
        spokenAt = now();
      }
    } finally {
      const left = (this.#open.get(owner) ?? 1) - 1;
      if (left > 0) this.#open.set(owner, left);
      else this.#open.delete(owner);
    }
  }
}
