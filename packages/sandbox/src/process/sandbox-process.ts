import { spawn, type ChildProcess } from "node:child_process";
import { constants, setPriority } from "node:os";
import { Socket } from "node:net";
import type { Clock } from "@fluxo/core/ports/clock";
import { ENGINE_BYTES, HEADER_BYTES_MAX, OUTPUT_BYTES_MAX } from "../limits.ts";
import { encodeFrame, FrameReader, type Answer, type JobHeader } from "../protocol.ts";
import { answerSchema } from "./answer.ts";
import { CHILD_ENVIRONMENT, childArguments, HEAP_MEBIBYTES } from "./command.ts";
import { watchMemory } from "./memory-watch.ts";

/** How long a child may take to start. */
const START_MS = 30_000;
/** How much longer than its time a job may take before its process is killed: it usually ends by itself, and then the process can be kept. */
const GRACE_MS = 150;
/** What Node takes by itself, generously. */
const NODE_BYTES = 192 * 1024 * 1024;

/** How a job ended. `killed`: by the parent, for its time or memory; `died`: by itself, which no job should bring about. */
export type JobEnd =
  | { readonly kind: "answered"; readonly answer: Exclude<Answer, { kind: "ready" }>; readonly output: string }
  | { readonly kind: "killed"; readonly why: "timeout" | "memory" }
  | { readonly kind: "died"; readonly detail: string };

export interface SandboxProcessOptions {
  readonly clock: Clock;
  /** The most that any job may ask for. */
  readonly memoryBytesMax: number;
}

/** A child process that runs one job after the other. Once it has ended it stays so. */
export class SandboxProcess {
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  readonly #memoryBytesMax: number;
  readonly #ready = Promise.withResolvers<boolean>();
  readonly #onGone: () => void;
  readonly #started = new AbortController();
  #job: ((end: JobEnd) => void) | undefined;
  #isGone = false;

  /** @param onGone called once, when it can take no more jobs */
  constructor({ clock, memoryBytesMax }: SandboxProcessOptions, onGone: () => void) {
    this.#clock = clock;
    this.#onGone = onGone;
    this.#memoryBytesMax = memoryBytesMax;
    this.#child = spawn(process.execPath, [...childArguments(memoryBytesMax + ENGINE_BYTES)], { cwd: "/", env: { ...CHILD_ENVIRONMENT }, stdio: ["pipe", "pipe", "ignore"], windowsHide: true });
    const frames = new FrameReader({ headerBytesMax: HEADER_BYTES_MAX, bodyBytesMax: OUTPUT_BYTES_MAX });
    this.#child.stdout?.on("data", (chunk: Buffer) => {
      try {
        for (const { header, body } of frames.push(chunk)) this.#onAnswer(answerSchema.parse(header), body);
      } catch {
        this.#end({ kind: "died", detail: "it answered in a form that it does not have" });
      }
    });
    // A pipe that breaks is the other side's end, which is told by itself.
    this.#child.stdin?.on("error", () => undefined);
    this.#child.on("error", (error) => this.#end({ kind: "died", detail: error.message }));
    this.#child.on("exit", (code, signal) => this.#end({ kind: "died", detail: `it exited with ${signal ?? code}` }));
    this.#hold(false);
    this.#giveWay();
    void clock.sleep(START_MS, this.#started.signal).then(() => this.#end({ kind: "died", detail: "it did not start" }), () => undefined);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** Runs one job; the caller gives it no other one before that has ended. Its time begins when the process is up. Never rejects. */
  async run(job: JobHeader, input: string, signal?: AbortSignal): Promise<JobEnd> {
    if (this.#isGone) return { kind: "died", detail: "it had ended before" };
    this.#hold(true);
    const onAbort = (): void => this.kill();
    const ended = new AbortController();
    try {
      const end = new Promise<JobEnd>((resolve) => {
        this.#job = resolve;
      });
      signal?.addEventListener("abort", onAbort, { once: true });
      if (!(await this.#ready.promise)) return await Promise.race([end, Promise.resolve<JobEnd>({ kind: "died", detail: "it did not start" })]);
      this.#child.stdin?.write(encodeFrame(job, input));
      void this.#clock.sleep(job.timeoutMs + GRACE_MS, ended.signal).then(() => this.#end({ kind: "killed", why: "timeout" }), () => undefined);
      void watchMemory(this.#child.pid ?? 0, this.#residentMax(), this.#clock, ended.signal, () => this.#end({ kind: "killed", why: "memory" }));
      return await end;
    } finally {
      ended.abort();
      signal?.removeEventListener("abort", onAbort);
      this.#hold(false);
    }
  }

  /** Ends it at once, whatever it does. */
  kill(): void {
    this.#end({ kind: "died", detail: "it was stopped" });
  }

  #residentMax(): number {
    return NODE_BYTES + HEAP_MEBIBYTES * 1024 * 1024 + ENGINE_BYTES + this.#memoryBytesMax;
  }

  #onAnswer(answer: Answer, body: Buffer): void {
    if (answer.kind === "ready") {
      this.#started.abort();
      this.#ready.resolve(true);
      return;
    }
    const job = this.#job;
    // An answer that nobody asked for is none of a child that is in order.
    if (job === undefined || !answer.canGoOn) this.#retire();
    this.#job = undefined;
    job?.({ kind: "answered", answer, output: body.toString("utf8") });
  }

  #end(end: JobEnd): void {
    const job = this.#job;
    this.#job = undefined;
    this.#retire();
    job?.(end);
  }

  #retire(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#started.abort();
    this.#ready.resolve(false);
    this.#child.kill("SIGKILL");
    this.#onGone();
  }

  /** Code of tenants takes what the worker leaves. */
  #giveWay(): void {
    try {
      if (this.#child.pid !== undefined) setPriority(this.#child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
    } catch {
      // It has ended already.
    }
  }

  /** A child that has nothing to do keeps nobody from exiting; it ends when its parent does. */
  #hold(isBusy: boolean): void {
    for (const handle of [this.#child, this.#child.stdin, this.#child.stdout]) {
      if (handle === this.#child || handle instanceof Socket) {
        if (isBusy) (handle as Pick<Socket, "ref" | "unref">).ref();
        else (handle as Pick<Socket, "ref" | "unref">).unref();
      }
    }
  }
}
