import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import packaged from "@jitl/quickjs-ng-wasmfile-release-sync";
import { newQuickJSWASMModuleFromVariant, newVariant, type QuickJSContext, type QuickJSHandle, type QuickJSRuntime } from "quickjs-emscripten-core";
import { LOG_LINE_LENGTH_MAX, LOG_LINES_MAX, MESSAGE_LENGTH_MAX } from "../limits.ts";
import type { Answer, JobHeader } from "../protocol.ts";
import { failureOf, type Failure } from "./failure.ts";
import { jsonataLoader, PRELUDE } from "./prelude.ts";

/** The package's types are those of its CommonJS form, in which the variant is one level deeper than in the one that is loaded. */
const variant = "default" in packaged ? packaged.default : packaged;

const PAGE_BYTES = 64 * 1024;
const INITIAL_PAGES = 256;
/** Of QuickJS's own stack, so that recursion ends in an error of the code, long before the stack of this process does. */
const STACK_BYTES = 256 * 1024;
/** Promise jobs between two looks at the clock. */
const PENDING_JOBS = 1_000;
/** A job that made the memory grow beyond this is the last one: memory is never given back. */
const KEPT_PAGES = 2 * INITIAL_PAGES;

type EngineAnswer = { readonly answer: Exclude<Answer, { kind: "ready" }>; readonly output: string };

/** Handles to functions inside of QuickJS, made before the snapshot is taken. */
interface Functions {
  readonly start: QuickJSHandle;
  readonly finish: QuickJSHandle;
  readonly described: QuickJSHandle;
}

/** What the memory of QuickJS was like when nothing of a stranger had run in it, without the zeros at its end. */
type Snapshot = Uint8Array;

/**
 * One QuickJS in one WebAssembly memory. Before every job the whole memory is set back to what it was before the first one, byte for byte, so that no job can
 * leave anything behind, not even by a defect of QuickJS. What code can call from inside is: a line to the log, a random number, the clock.
 */
export class Engine {
  readonly #memory: WebAssembly.Memory;
  readonly #runtime: QuickJSRuntime;
  readonly #context: QuickJSContext;
  readonly #functions: Functions;
  readonly #initial: Snapshot;
  #jsonata: { readonly compile: QuickJSHandle; readonly snapshot: Snapshot } | undefined;
  #deadlineMs = Number.POSITIVE_INFINITY;
  #isInterrupted = false;
  #logs: string[] = [];

  private constructor(memory: WebAssembly.Memory, runtime: QuickJSRuntime) {
    this.#memory = memory;
    this.#runtime = runtime;
    runtime.setMaxStackSize(STACK_BYTES);
    runtime.setInterruptHandler(() => {
      this.#isInterrupted ||= performance.now() > this.#deadlineMs;
      return this.#isInterrupted;
    });
    this.#context = runtime.newContext();
    this.#functions = this.#loadPrelude();
    this.#initial = this.#takeSnapshot();
  }

  /** @param memoryBytesMax of everything: the code's own memory and what the engine needs beside it. */
  static async create(memoryBytesMax: number): Promise<Engine> {
    const wasmModule = await WebAssembly.compile(readFileSync(fileURLToPath(import.meta.resolve("@jitl/quickjs-ng-wasmfile-release-sync/wasm"))));
    const wasmMemory = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: Math.max(INITIAL_PAGES, Math.ceil(memoryBytesMax / PAGE_BYTES)) });
    const quickjs = await newQuickJSWASMModuleFromVariant(newVariant(variant, { wasmModule, wasmMemory }));
    return new Engine(wasmMemory, quickjs.newRuntime());
  }

  /** Runs a job to its end. Never throws. */
  run(job: JobHeader, input: string): EngineAnswer {
    this.#isInterrupted = false;
    this.#logs = [];
    try {
      this.#restore(job.language === "jsonata" ? this.#jsonataSnapshot() : this.#initial);
      this.#runtime.setMemoryLimit(job.memoryBytesMax);
      this.#deadlineMs = performance.now() + job.timeoutMs;
      const output = this.#evaluate(job, input);
      if (typeof output !== "string") return this.#failed(output);
      if (Buffer.byteLength(output) > job.outputBytesMax) return this.#failed({ failure: "output-size", message: `The output is larger than ${job.outputBytesMax} bytes of JSON.` });
      return { answer: { kind: "done", logs: this.#logs, canGoOn: this.#canGoOn() }, output };
    } catch (error) {
      // A trap of WebAssembly or an overflow of this process's stack: what the engine is like now is unknown.
      const failure: Failure = { failure: "threw", message: error instanceof RangeError ? "The code is nested too deep." : "The code cannot be run by the sandbox's engine." };
      return this.#failed(this.#isInterrupted ? TIMED_OUT : failure, false);
    } finally {
      this.#deadlineMs = Number.POSITIVE_INFINITY;
    }
  }

  #failed(failure: Failure, canGoOn = this.#canGoOn()): EngineAnswer {
    return { answer: { kind: "failed", ...failure, logs: this.#logs, canGoOn }, output: "" };
  }

  #canGoOn(): boolean {
    return this.#memory.buffer.byteLength <= KEPT_PAGES * PAGE_BYTES;
  }

  /** The result as JSON, or how it failed. Handles are not given back: the next job begins with another memory. */
  #evaluate(job: JobHeader, input: string): string | Failure {
    const made = this.#makeFunction(job);
    if (made.error !== undefined) return this.#describe(made.error, job, "compile");
    const started = this.#context.callFunction(this.#functions.start, this.#context.undefined, made.value, this.#context.newString(input));
    if (started.error !== undefined) return this.#describe(started.error, job, "run");
    return this.#textOf(started.value) ?? this.#settle(job);
  }

  #makeFunction(job: JobHeader): ReturnType<QuickJSContext["evalCode"]> {
    if (job.language === "javascript") {
      // On one line with the beginning of the source, so that the lines of errors are the source's.
      return this.#context.evalCode(`(function (input) {"use strict";${job.source}\n})`, "code");
    }
    if (this.#jsonata === undefined) throw new Error("jsonata is not loaded");
    return this.#context.callFunction(this.#jsonata.compile, this.#context.undefined, this.#context.newString(job.source));
  }

  /** Runs promise jobs until the result is there, or nothing is left that could bring it. */
  #settle(job: JobHeader): string | Failure {
    for (;;) {
      const ran = this.#runtime.executePendingJobs(PENDING_JOBS);
      if (this.#isInterrupted || performance.now() > this.#deadlineMs) return TIMED_OUT;
      if (ran.error !== undefined) return this.#describe(ran.error, job, "run");
      const finished = this.#context.callFunction(this.#functions.finish, this.#context.undefined);
      if (finished.error !== undefined) return this.#describe(finished.error, job, "run");
      const text = this.#textOf(finished.value);
      if (text !== undefined) return text;
      if (ran.value === 0) return { failure: "threw", message: "The code waits for a promise that nothing will settle." };
    }
  }

  #textOf(handle: QuickJSHandle): string | undefined {
    // Taking the text out needs memory of its own.
    this.#runtime.setMemoryLimit(-1);
    return this.#context.typeof(handle) === "string" ? this.#context.getString(handle) : undefined;
  }

  #describe(error: QuickJSHandle, job: JobHeader, phase: "compile" | "run"): Failure {
    if (this.#isInterrupted) return TIMED_OUT;
    this.#runtime.setMemoryLimit(-1);
    const described = this.#context.callFunction(this.#functions.described, this.#context.undefined, error);
    if (this.#isInterrupted) return TIMED_OUT;
    return failureOf(described.error === undefined ? this.#context.getString(described.value) : "{}", job, phase);
  }

  #loadPrelude(): Functions {
    const context = this.#context;
    const log = context.newFunction("log", (line) => {
      if (this.#logs.length < LOG_LINES_MAX) this.#logs.push(context.getString(line));
    });
    const random = context.newFunction("random", () => context.newNumber(Math.random()));
    const prelude = context.unwrapResult(context.evalCode(PRELUDE, "fluxo"));
    const functions = context.unwrapResult(context.callFunction(prelude, context.undefined, log, random, context.newNumber(MESSAGE_LENGTH_MAX), context.newNumber(LOG_LINE_LENGTH_MAX)));
    return { start: context.getProp(functions, "start"), finish: context.getProp(functions, "finish"), described: context.getProp(functions, "described") };
  }

  /** The snapshot in which jsonata is loaded; made when it is first needed. */
  #jsonataSnapshot(): Snapshot {
    if (this.#jsonata === undefined) {
      this.#restore(this.#initial);
      const text = readFileSync(createRequire(import.meta.url).resolve("jsonata/jsonata.min.js"), "utf8");
      const compile = this.#context.unwrapResult(this.#context.evalCode(jsonataLoader(text), "jsonata"));
      this.#jsonata = { compile, snapshot: this.#takeSnapshot() };
    }
    return this.#jsonata.snapshot;
  }

  #takeSnapshot(): Snapshot {
    const bytes = Buffer.from(this.#memory.buffer);
    let end = bytes.length;
    while (end > 0 && bytes[end - 1] === 0) end -= 1;
    return Uint8Array.prototype.slice.call(bytes, 0, end);
  }

  #restore(snapshot: Snapshot): void {
    const bytes = new Uint8Array(this.#memory.buffer);
    bytes.set(snapshot);
    bytes.fill(0, snapshot.length);
  }
}

const TIMED_OUT: Failure = { failure: "timeout", message: "The code did not finish in time." };
