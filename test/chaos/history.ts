import { createWriteStream, mkdirSync, type WriteStream } from "node:fs";
import { join } from "node:path";

/** What happened: `op` names it, the rest tells about it. */
export type HistoryEntry = { readonly op: string } & Readonly<Record<string, unknown>>;

/** Everything that a run did, one JSON object a line, in the order in which it happened. `at` is in milliseconds since 1970. */
export class History {
  readonly file: string;
  readonly #stream: WriteStream;

  constructor(dir: string) {
    mkdirSync(dir, { recursive: true });
    this.file = join(dir, "history.jsonl");
    this.#stream = createWriteStream(this.file, { flags: "a" });
  }

  add(entry: HistoryEntry): void {
    this.#stream.write(`${JSON.stringify({ at: Date.now(), ...entry })}\n`);
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#stream.end(resolve));
  }
}
