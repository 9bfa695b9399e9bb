import { NodeError } from "@fluxo/core/errors/node-error";
import type { Json } from "@fluxo/core/json";
import type { Clock } from "@fluxo/core/ports/clock";
import type { SandboxJob, SandboxPort, SandboxResult } from "@fluxo/core/ports/sandbox";
import { INPUT_BYTES_MAX, OUTPUT_BYTES_MAX, SOURCE_BYTES_MAX } from "./limits.ts";
import { resultOf } from "./result.ts";
import { SandboxProcess } from "./process/sandbox-process.ts";
import { WaitingLine } from "./waiting-line.ts";

export interface SandboxPoolOptions {
  /** Jobs that run at the same time. As many processes again may be kept ready. */
  readonly processes: number;
  /** The most memory that a job may ask for; what it asks for beyond is cut to this. */
  readonly memoryBytesMax: number;
  readonly clock: Clock;
  /** After so many jobs a process is replaced. */
  readonly jobsPerProcess?: number;
  /** Jobs that may wait, of one tenant and in all. */
  readonly waitingPerTenantMax?: number;
  readonly waitingMax?: number;
}

/** A process and whom it works for: one tenant for as long as it lives, nobody before its first job. */
interface Member {
  readonly process: SandboxProcess;
  tenantId: string | undefined;
  isBusy: boolean;
  jobs: number;
}

interface Waiting {
  readonly resume: () => void;
  readonly refuse: (error: NodeError) => void;
}

const JOBS_PER_PROCESS = 500;
const WAITING_PER_TENANT_MAX = 50;
const WAITING_MAX = 200;
const BUSY_RETRY_AFTER_MS = 1_000;

/**
 * The sandbox of a worker. A process serves one tenant only and is killed from outside when a job exceeds its time or memory; the next job has another one.
 * A tenant holds at most half of what may run at once; who waits is served in turns. Processes start when the first job comes.
 */
export class SandboxPool implements SandboxPort {
  readonly #options: Required<SandboxPoolOptions>;
  readonly #line: WaitingLine<Waiting>;
  /** Least recently used first. */
  readonly #members = new Set<Member>();
  readonly #runningOf = new Map<string, number>();
  #running = 0;
  #isStopped = false;

  constructor(options: SandboxPoolOptions) {
    this.#options = { jobsPerProcess: JOBS_PER_PROCESS, waitingPerTenantMax: WAITING_PER_TENANT_MAX, waitingMax: WAITING_MAX, ...options };
    this.#line = new WaitingLine({ perTenantMax: this.#options.waitingPerTenantMax, totalMax: this.#options.waitingMax });
  }

  /** Jobs that run now, jobs that wait, and processes that live. */
  get load(): { readonly running: number; readonly waiting: number; readonly processes: number } {
    return { running: this.#running, waiting: this.#line.size, processes: this.#members.size };
  }

  async run(job: SandboxJob): Promise<SandboxResult> {
    job.signal?.throwIfAborted();
    const input = inputTextOf(job);
    await this.#enter(job);
    try {
      return await this.#runNow(job, input);
    } finally {
      this.#leave(job.tenantId);
    }
  }

  /** Refuses those that wait and kills every process. Jobs that run fail as SANDBOX_FAILED. */
  stop(): void {
    this.#isStopped = true;
    for (const waiting of this.#line.clear()) waiting.refuse(stopped());
    for (const { process } of this.#members) process.kill();
  }

  async #runNow(job: SandboxJob, input: string): Promise<SandboxResult> {
    if (this.#isStopped) throw stopped();
    job.signal?.throwIfAborted();
    const member = this.#memberFor(job.tenantId);
    const header = {
      language: job.language,
      source: job.source,
      timeoutMs: job.timeoutMs,
      memoryBytesMax: Math.min(job.memoryBytesMax, this.#options.memoryBytesMax),
      outputBytesMax: Math.min(job.outputBytesMax, OUTPUT_BYTES_MAX),
    };
    try {
      const end = await member.process.run(header, input, job.signal);
      job.signal?.throwIfAborted();
      return resultOf(end, job);
    } finally {
      this.#release(member);
    }
  }

  /** Waits for a place to run in. @throws NodeError SANDBOX_BUSY; the reason of the signal */
  async #enter({ tenantId, signal }: SandboxJob): Promise<void> {
    if (this.#mayRun(tenantId)) {
      this.#count(tenantId, 1);
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting: Waiting = { resume: resolve, refuse: reject };
    if (!this.#line.push(tenantId, waiting)) {
      throw new NodeError("Too many pieces of code wait to be run.", { errorClass: "RATE_LIMIT", code: "SANDBOX_BUSY", retryAfterMs: BUSY_RETRY_AFTER_MS });
    }
    const onAbort = (): void => {
      if (this.#line.remove(tenantId, waiting)) reject(signal?.reason);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      await promise;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  #leave(tenantId: string): void {
    this.#count(tenantId, -1);
    for (let next = this.#next(); next !== undefined; next = this.#next()) next.resume();
  }

  /** The next one of the line that may run, its place taken already. */
  #next(): Waiting | undefined {
    let chosen = "";
    const waiting = this.#line.take((tenantId) => {
      chosen = tenantId;
      return this.#mayRun(tenantId);
    });
    if (waiting !== undefined) this.#count(chosen, 1);
    return waiting;
  }

  #mayRun(tenantId: string): boolean {
    const share = Math.max(1, Math.floor(this.#options.processes / 2));
    return this.#running < this.#options.processes && (this.#runningOf.get(tenantId) ?? 0) < share;
  }

  #count(tenantId: string, change: 1 | -1): void {
    this.#running += change;
    const running = (this.#runningOf.get(tenantId) ?? 0) + change;
    if (running === 0) this.#runningOf.delete(tenantId);
    else this.#runningOf.set(tenantId, running);
  }

  /** An idle process of this tenant, or one that has worked for nobody yet. While there is room, another one of these is started for whoever comes next. */
  #memberFor(tenantId: string): Member {
    const idle = [...this.#members].filter(({ isBusy }) => !isBusy);
    const member = idle.findLast((each) => each.tenantId === tenantId) ?? idle.find((each) => each.tenantId === undefined) ?? this.#start();
    member.isBusy = true;
    member.tenantId = tenantId;
    if (!this.#isFull && ![...this.#members].some((each) => each.tenantId === undefined)) this.#start();
    return member;
  }

  get #isFull(): boolean {
    return this.#members.size >= 2 * this.#options.processes;
  }

  /** A process for nobody yet. Where there is no room, the idle one that was used longest ago makes it. */
  #start(): Member {
    if (this.#isFull) {
      [...this.#members].find(({ isBusy }) => !isBusy)?.process.kill();
    }
    const member: Member = { process: new SandboxProcess(this.#options, () => this.#members.delete(member)), tenantId: undefined, isBusy: false, jobs: 0 };
    this.#members.add(member);
    return member;
  }

  #release(member: Member): void {
    member.isBusy = false;
    member.jobs += 1;
    if (member.process.isGone) return;
    if (member.jobs >= this.#options.jobsPerProcess) {
      member.process.kill();
      return;
    }
    this.#members.delete(member);
    this.#members.add(member);
  }
}

/** @throws NodeError DATA, PARAMS_INVALID when the source or the input is too large */
function inputTextOf({ source, input }: { readonly source: string; readonly input: Json }): string {
  const text = JSON.stringify(input);
  const sizes = [
    { name: "source", bytes: Buffer.byteLength(source), max: SOURCE_BYTES_MAX },
    { name: "input", bytes: Buffer.byteLength(text), max: INPUT_BYTES_MAX },
  ];
  for (const { name, bytes, max } of sizes) {
    if (bytes > max) throw new NodeError(`The ${name} has ${bytes} bytes; code may have ${max}.`, { errorClass: "DATA", code: "PARAMS_INVALID" });
  }
  return text;
}

function stopped(): NodeError {
  return new NodeError("The worker stops, so it runs no more code.", { errorClass: "SERVER", code: "SANDBOX_FAILED" });
}
