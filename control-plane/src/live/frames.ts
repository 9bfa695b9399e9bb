import type { LiveSnapshot } from "@fluxo/contracts/http/live";
import { isTerminal, type ExecutionStatus } from "@fluxo/core/status/execution-status";
import type { Clock } from "@fluxo/core/ports/clock";
import type { Logger } from "@fluxo/runtime/logger";
import { STREAM_START, type StreamEntry, type StreamReader } from "./stream-reader.ts";
import type { Waiter } from "./waiter.ts";

export interface FrameParts {
  readonly reader: StreamReader;
  /** What is recorded now, with what the given entries add; undefined when the execution is gone. */
  readonly snapshot: (entries: readonly StreamEntry[]) => Promise<LiveSnapshot | undefined>;
  /** The status that is recorded now; undefined when the execution is gone. */
  readonly status: () => Promise<ExecutionStatus | undefined>;
  readonly waiter: Waiter;
  readonly clock: Clock;
  readonly logger: Logger;
  /** After so much silence a comment is sent, and PostgreSQL is asked. Milliseconds. */
  readonly quietMs: number;
  /** After that the stream ends without an `end`, so that its reader comes again with its key. Milliseconds. */
  readonly streamMsMax: number;
  readonly lastEventId: string | undefined;
}

/** Entries that are fetched at once; the next ones when these were taken. */
const READ_MAX = 200;
/** When a reader should come again. Milliseconds. */
const RETRY_MS = 2_000;

/**
 * The text of an event stream, piece by piece, as fast as it is taken. The stream in Redis tells what changes; PostgreSQL is asked at first, after
 * silence, and whenever something may have been missed, so that no reader waits for an end that nobody tells.
 */
export async function* liveFrames(parts: FrameParts): AsyncGenerator<string> {
  const { waiter, clock, quietMs, streamMsMax, lastEventId } = parts;
  const endsAtMs = clock.now().getTime() + streamMsMax;
  yield `retry: ${RETRY_MS}\n\n`;
  const view = new LiveView(parts);
  await view.begin(lastEventId);
  for (;;) {
    yield* view.changes();
    if (view.isOver || waiter.isClosed || clock.now().getTime() >= endsAtMs) return;
    const outcome = await waiter.wait(quietMs);
    if (outcome === "closed") return;
    if (outcome === "lost") view.forget();
    if (outcome === "quiet") {
      yield ":\n\n";
      await view.compare();
    }
  }
}

/** What one reader has been told. */
class LiveView {
  readonly #parts: FrameParts;
  /** Up to where the stream was told; undefined when a snapshot is needed. */
  #position: string | undefined;
  #status: ExecutionStatus | undefined;
  /** The last snapshot that was made without the stream. */
  #shownWithout: string | undefined;
  isOver = false;

  constructor(parts: FrameParts) {
    this.#parts = parts;
  }

  /** Goes on after the last event that the reader had, where that can be known; an execution that ended meanwhile is told by a snapshot. */
  async begin(lastEventId: string | undefined): Promise<void> {
    if (lastEventId === undefined || !(await this.#orNothing(() => this.#parts.reader.has(lastEventId)))) return;
    this.#position = lastEventId;
    this.#status = await this.#parts.status();
    const rest = await this.#orNothing(() => this.#parts.reader.after(lastEventId, 1));
    if (this.#status === undefined || (isTerminal(this.#status) && rest?.entries.length === 0)) this.forget();
  }

  /** A snapshot is due: something may have been missed. */
  forget(): void {
    this.#position = undefined;
  }

  /** After silence: whether the record says otherwise than what was told. */
  async compare(): Promise<void> {
    if (this.#position !== undefined && (await this.#parts.status()) !== this.#status) this.forget();
  }

  /** All that is to be told now. */
  async *changes(): AsyncGenerator<string> {
    for (;;) {
      if (this.#position === undefined) yield* this.#tellSnapshot();
      if (this.isOver || this.#position === undefined || this.#parts.waiter.isClosed) return;
      const position = this.#position;
      const read = await this.#orNothing(() => this.#parts.reader.after(position, READ_MAX));
      if (read === undefined) {
        this.forget();
        return;
      }
      if (read.lastId === position) return;
      this.#position = read.lastId;
      for (const { id, entry } of read.entries) {
        if (entry.type === "gap") {
          this.forget();
          break;
        }
        yield frame(entry.type, entry.change, id);
        if (entry.type === "execution") yield* this.#seen(entry.change.status, id);
        if (this.isOver) return;
      }
    }
  }

  /** The stream is read first: what it tells was committed before, so the snapshot has it, and all that follows comes after. */
  async *#tellSnapshot(): AsyncGenerator<string> {
    const read = await this.#orNothing(() => this.#parts.reader.after(STREAM_START));
    const snapshot = await this.#parts.snapshot(read?.entries ?? []);
    if (snapshot === undefined) {
      this.isOver = true;
      return;
    }
    const text = JSON.stringify(snapshot);
    const isKnown = read === undefined && text === this.#shownWithout;
    this.#shownWithout = read === undefined ? text : undefined;
    this.#position = read?.lastId;
    if (!isKnown) yield frame("snapshot", snapshot, read?.lastId);
    yield* this.#seen(snapshot.execution.status, read?.lastId);
  }

  *#seen(status: ExecutionStatus, id: string | undefined): Generator<string> {
    this.#status = status;
    if (!isTerminal(status)) return;
    this.isOver = true;
    yield frame("end", { status }, id);
  }

  /** Undefined when Redis does not answer. */
  async #orNothing<T>(read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      this.#parts.logger.debug({ err: error }, "the changes of an execution cannot be read; its reader sees what PostgreSQL has");
      return undefined;
    }
  }
}

function frame(event: string, data: unknown, id: string | undefined): string {
  return `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
