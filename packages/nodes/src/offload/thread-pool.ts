import { NodeError } from "@fluxo/core/errors/node-error";
import { Worker } from "node:worker_threads";
import type { Job } from "./jobs.ts";
import type { ThreadMessage } from "./messages.ts";

export interface ThreadPoolOptions {
  /** Threads at most. They are started when there is work for them. */
  readonly threads: number;
  /** How long one job may take. */
  readonly timeoutMs: number;
  /** Heap of one thread at most. */
  readonly memoryMegabytes: number;
}

interface Order {
  readonly job: Job;
  readonly resolve: (json: string) => void;
  readonly reject: (error: unknown) => void;
}

const STACK_MEGABYTES = 2;

/**
 * Does jobs in threads, so that none can hold up the process: a job that takes too long or too much memory is ended with its thread. Tenants take turns, so
 * that one with many jobs does not keep the others waiting. Idle threads do not keep the process alive.
 */
export class ThreadPool {
  readonly #options: ThreadPoolOptions;
  readonly #idle: Worker[] = [];
  /** Waiting orders by tenant. The tenant at the front is next, and goes to the back. */
  readonly #waiting = new Map<string, Order[]>();
  /** How to end the jobs that are being done. */
  readonly #running = new Map<Order, () => void>();
  #busy = 0;

  constructor(options: ThreadPoolOptions) {
    this.#options = options;
  }

  /** @returns the job's result as JSON text. @throws NodeError what the job throws, DATA_TOO_LARGE when it needs too much; the reason of `signal` */
  run(tenantId: string, job: Job, signal: AbortSignal): Promise<string> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const own = this.#waiting.get(tenantId) ?? [];
      const order: Order = {
        job,
        resolve: (json) => {
          signal.removeEventListener("abort", onAbort);
          resolve(json);
        },
        reject: (error) => {
          signal.removeEventListener("abort", onAbort);
          reject(error);
        },
      };
      const onAbort = (): void => {
        order.reject(signal.reason);
        this.#drop(tenantId, order);
        this.#running.get(order)?.();
      };
      signal.addEventListener("abort", onAbort, { once: true });
      own.push(order);
      this.#waiting.set(tenantId, own);
      this.#next();
    });
  }

  #drop(tenantId: string, order: Order): void {
    const left = this.#waiting.get(tenantId)?.filter((other) => other !== order) ?? [];
    if (left.length === 0) {
      this.#waiting.delete(tenantId);
    } else {
      this.#waiting.set(tenantId, left);
    }
  }

  #next(): void {
    if (this.#busy >= this.#options.threads) {
      return;
    }
    const [entry] = this.#waiting;
    const order = entry?.[1].shift();
    if (entry === undefined || order === undefined) {
      return;
    }
    const [tenantId, left] = entry;
    this.#waiting.delete(tenantId);
    if (left.length > 0) {
      this.#waiting.set(tenantId, left);
    }
    this.#do(order);
  }

  #do(order: Order): void {
    this.#busy += 1;
    const idle = this.#idle.pop();
    const thread = idle ?? this.#start();
    let timer: NodeJS.Timeout | undefined;
    const end = (isUsable: boolean): void => {
      clearTimeout(timer);
      thread.off("message", onMessage);
      thread.off("error", onError);
      this.#running.delete(order);
      this.#busy -= 1;
      this.#release(thread, isUsable);
      this.#next();
    };
    const begin = (): void => {
      timer = setTimeout(() => {
        order.reject(tooMuch(`The work on the data took longer than ${this.#options.timeoutMs} ms.`));
        end(false);
      }, this.#options.timeoutMs);
      thread.postMessage(order.job, []);
    };
    const onMessage = (message: ThreadMessage): void => {
      if (message.kind === "ready") {
        begin();
        return;
      }
      settle(order, message);
      end(true);
    };
    const onError = (error: Error): void => {
      order.reject(isOutOfMemory(error) ? tooMuch(`The work on the data took more than ${this.#options.memoryMegabytes} MiB of memory.`) : error);
      end(false);
    };
    thread.on("message", onMessage);
    thread.on("error", onError);
    thread.ref();
    this.#running.set(order, () => end(false));
    if (idle !== undefined) {
      begin();
    }
  }

  #release(thread: Worker, isUsable: boolean): void {
    if (isUsable) {
      thread.unref();
      this.#idle.push(thread);
    } else {
      thread.on("error", () => undefined);
      void thread.terminate();
    }
  }

  #start(): Worker {
    return new Worker(new URL("./thread.ts", import.meta.url), {
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: this.#options.memoryMegabytes, stackSizeMb: STACK_MEGABYTES },
    });
  }
}

function settle(order: Order, message: Exclude<ThreadMessage, { readonly kind: "ready" }>): void {
  if (message.kind === "done") {
    order.resolve(message.json);
  } else {
    order.reject(new NodeError(message.message, message));
  }
}

function tooMuch(text: string): NodeError {
  return new NodeError(text, { errorClass: "DATA", code: "DATA_TOO_LARGE" });
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY";
}
