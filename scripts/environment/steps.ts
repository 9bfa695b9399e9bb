import type { WriteStream } from "node:tty";
import { printProblem, Problem, toProblem } from "./problem.ts";

/** Tells what a step is doing now. */
export type Progress = (text: string) => void;

export interface Steps {
  /**
   * Runs one step and shows its name, what it is doing, and the time it took; `summarize` adds a few words about the result.
   * A failure is printed in full (what, why, what to do) and thrown on as a Problem.
   */
  run<T>(name: string, work: (progress: Progress) => Promise<T>, summarize?: (result: T) => string): Promise<T>;
  /** Prints a line between steps. */
  note(text: string): void;
  /** Whether this was thrown by a step, which printed it. */
  hasPrinted(error: unknown): boolean;
  /** Prints nothing of steps from now on: for a stop in the middle of one. */
  mute(): void;
}

const LIVE_INTERVAL_MS = 200;
const REMINDER_INTERVAL_MS = 15_000;

/** Elapsed time as people read it: `850 ms`, `12.3 s`, `4 min 05 s`. */
export function formatElapsed(elapsedMs: number): string {
  if (elapsedMs < 1000) return `${Math.round(elapsedMs)} ms`;
  if (elapsedMs < 60_000) return `${(elapsedMs / 1000).toFixed(1)} s`;
  const seconds = Math.round(elapsedMs / 1000);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}

/** What a step shows while it works: one live line on a terminal; elsewhere each piece of news and a reminder every 15 s. */
class LiveLine {
  readonly #stream: WriteStream;
  readonly #name: string;
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout;
  #text = "";
  #isAbandoned = false;

  constructor(stream: WriteStream, name: string) {
    this.#stream = stream;
    this.#name = name;
    this.#timer = setInterval(() => this.#tick(), stream.isTTY ? LIVE_INTERVAL_MS : REMINDER_INTERVAL_MS);
    if (stream.isTTY) this.#tick();
  }

  get elapsed(): string {
    return formatElapsed(performance.now() - this.#startedAt);
  }

  show(text: string): void {
    if (text === this.#text || this.#isAbandoned) return;
    this.#text = text;
    if (this.#stream.isTTY) this.#tick();
    else this.#stream.write(`  ${this.#name}: ${text}\n`);
  }

  /** Stops showing anything; what the line showed last is wiped. */
  abandon(): void {
    clearInterval(this.#timer);
    if (this.#stream.isTTY && !this.#isAbandoned) this.#stream.write("\r\u001b[2K");
    this.#isAbandoned = true;
  }

  end(line: string): void {
    clearInterval(this.#timer);
    if (this.#isAbandoned) return;
    this.#isAbandoned = true;
    this.#stream.write(`${this.#stream.isTTY ? "\r\u001b[2K" : ""}${line}\n`);
  }

  #tick(): void {
    const line = `… ${this.#name}${this.#text === "" ? "" : `: ${this.#text}`} (${this.elapsed})`;
    if (this.#stream.isTTY) this.#stream.write(`\r\u001b[2K${line.slice(0, (this.#stream.columns || 80) - 1)}`);
    else this.#stream.write(`  still at it: ${line}\n`);
  }
}

/** The step printer; one step at a time. */
export function createSteps(stream: WriteStream = process.stdout): Steps {
  let current: LiveLine | undefined;
  let isMuted = false;
  const printed = new WeakSet<Problem>();
  return {
    async run(name, work, summarize) {
      const line = new LiveLine(stream, name);
      current = line;
      try {
        const result = await work((text) => line.show(text));
        const summary = summarize?.(result) ?? "";
        line.end(`✔ ${name}${summary === "" ? "" : `: ${summary}`} (${line.elapsed})`);
        return result;
      } catch (error) {
        const problem = toProblem(error, `${name} did not succeed.`);
        line.end(`✖ ${name} (${line.elapsed})`);
        if (isMuted) throw problem;
        printProblem(problem, (text) => stream.write(text));
        printed.add(problem);
        throw problem;
      }
    },
    note: (text) => void stream.write(`${text}\n`),
    hasPrinted: (error) => error instanceof Problem && printed.has(error),
    mute() {
      isMuted = true;
      current?.abandon();
    },
  };
}
