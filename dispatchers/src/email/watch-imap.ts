import { NodeError } from "@fluxo/core/errors/node-error";
import type { ImapFlow } from "imapflow";
import type { PollResult, WatchContext, WatchEnd } from "../polling/source.ts";

export interface WatchTimes {
  /** The longest wait for news: then it is looked all the same, which begins IDLE anew (RFC 2177 asks for that within 29 minutes) and finds out that a connection is dead. */
  readonly quietMs: number;
  /** The shortest time between two looks. */
  readonly floorMs: number;
  /** For one look. */
  readonly lookMs: number;
}

export interface WatchedMailbox extends WatchTimes, Pick<WatchContext, "signal" | "tell"> {
  readonly client: ImapFlow;
  /** One look over the session, and what it found. */
  readonly look: () => Promise<PollResult>;
  /** Ends the session at once. */
  readonly abort: (reason: Error) => void;
}

/**
 * Looks whenever the server tells of a change, over one session that is logged in. Every look opens the mailbox anew, so that nothing that was told wrongly, or not at all,
 * lasts longer than `quietMs`: UIDVALIDITY is compared each time, and what IDLE tells is only a hint.
 * @throws what the look and `tell` threw
 */
export async function watchImap(mailbox: WatchedMailbox): Promise<WatchEnd> {
  const { client, tell, floorMs, quietMs } = mailbox;
  const server = new Server(client);
  try {
    for (;;) {
      const lookedAtMs = performance.now();
      server.forgetNews();
      const found = await lookInTime(mailbox);
      if (!(await tell(found))) return "stopped";
      if (found.hasMore) continue;
      if (!client.capabilities.has("IDLE")) return "unable";
      const end = (await waitFor(mailbox, server, quietMs, [server.idle(), server.news()])) ?? (await waitFor(mailbox, server, floorMs - (performance.now() - lookedAtMs), []));
      if (end !== undefined) return end;
    }
  } finally {
    server.close();
  }
}

/** A look that takes too long, or that a stop meets, ends with its session. */
async function lookInTime({ look, abort, signal, lookMs }: WatchedMailbox): Promise<PollResult> {
  signal.throwIfAborted();
  const onStop = (): void => abort(signal.reason);
  const timer = setTimeout(() => abort(new NodeError("The server did not answer in time.", { errorClass: "TIMEOUT", code: "NODE_TIMEOUT" })), lookMs);
  signal.addEventListener("abort", onStop, { once: true });
  try {
    return await look();
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onStop);
  }
}

/** Waits for `ms` at most, or until something happens. @returns undefined: it is time to look */
async function waitFor({ client, signal }: WatchedMailbox, server: Server, ms: number, happenings: readonly Promise<"unable" | undefined>[]): Promise<WatchEnd | undefined> {
  const waiting = Promise.withResolvers<undefined>();
  const onEnd = (): void => waiting.resolve(undefined);
  const timer = setTimeout(onEnd, Math.max(0, ms));
  signal.addEventListener("abort", onEnd, { once: true });
  try {
    const answer = signal.aborted ? undefined : await Promise.race([waiting.promise, server.gone, ...happenings]);
    if (signal.aborted) return "stopped";
    return client.usable ? answer : "gone";
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onEnd);
  }
}

/** What the server says while nobody asks it. */
class Server {
  readonly #client: ImapFlow;
  readonly gone: Promise<undefined>;
  readonly #onClose: () => void;
  #news = Promise.withResolvers<undefined>();
  readonly #onExists = (): void => this.#news.resolve(undefined);

  constructor(client: ImapFlow) {
    this.#client = client;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.gone = promise;
    this.#onClose = () => resolve(undefined);
    client.on("exists", this.#onExists);
    client.on("close", this.#onClose);
  }

  forgetNews(): void {
    this.#news = Promise.withResolvers<undefined>();
  }

  /** Resolves when the server told of a mail since news were last forgotten. */
  news(): Promise<undefined> {
    return this.#news.promise;
  }

  /** Gives the server the word, which the next command takes back. Resolves when it is back: `unable`, when the server refused it. */
  async idle(): Promise<"unable" | undefined> {
    const answer = await this.#client.idle().catch(() => undefined);
    return answer === false && this.#client.usable ? "unable" : undefined;
  }

  close(): void {
    this.#client.off("exists", this.#onExists);
    this.#client.off("close", this.#onClose);
  }
}
