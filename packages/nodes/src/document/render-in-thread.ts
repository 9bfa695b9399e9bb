import { NodeError } from "@fluxo/core/errors/node-error";
import { Worker } from "node:worker_threads";
import type { RenderJob } from "./content.ts";
import type { Rendered } from "./render.ts";
import type { Answer } from "./thread.ts";

/** Threads of one process at most: each may take a core and MEMORY_MB_MAX. */
const THREADS_MAX = 2;
const MEMORY_MB_MAX = 256;

let threads = 0;
const waiting = new Set<() => void>();

/**
 * Makes the file in a thread of its own, so that a large document neither holds up the other executions of this process nor outlives its time limit.
 * @throws NodeError PARAMS_INVALID (DATA) for a picture or a font that cannot be read, OUTPUT_TOO_LARGE (DATA) when it needs too much memory,
 * NODE_TIMEOUT; the reason of `signal`
 */
export async function renderInThread(job: RenderJob, timeoutMs: number, signal: AbortSignal): Promise<Rendered> {
  await takePlace(signal);
  try {
    return await run(job, timeoutMs, signal);
  } finally {
    leavePlace();
  }
}

/** Waits in line for a place; who leaves hands it over. @throws the reason of `signal` */
function takePlace(signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (threads < THREADS_MAX) {
    threads += 1;
    return Promise.resolve();
  }
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      waiting.delete(take);
      reject(signal.reason);
    };
    const take = (): void => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    };
    signal.addEventListener("abort", onAbort, { once: true });
    waiting.add(take);
  });
}

function leavePlace(): void {
  const [next] = waiting;
  if (next === undefined) {
    threads -= 1;
  } else {
    waiting.delete(next);
    next();
  }
}

function run(job: RenderJob, timeoutMs: number, signal: AbortSignal): Promise<Rendered> {
  const worker = new Worker(new URL("thread.ts", import.meta.url), {
    workerData: job,
    env: {},
    execArgv: [],
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB_MAX, maxYoungGenerationSizeMb: 64 },
  });
  return new Promise<Rendered>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    const timer = setTimeout(() => reject(new NodeError("The document was not made in time.", { errorClass: "TIMEOUT", code: "NODE_TIMEOUT" })), timeoutMs);
    signal.addEventListener("abort", onAbort, { once: true });
    worker.once("message", (answer: Answer) => {
      if (answer.kind === "done") {
        resolve(answer);
      } else {
        reject(new NodeError(`The document cannot be made: ${answer.message}`, { errorClass: "DATA", code: "PARAMS_INVALID" }));
      }
    });
    worker.once("error", (error) => reject(failureOf(error)));
    worker.once("exit", () => reject(new NodeError("The thread that makes documents ended.", { errorClass: "INTERNAL", code: "NODE_INTERNAL" })));
    worker.once("exit", () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    });
  }).finally(() => worker.terminate());
}

function failureOf(error: unknown): NodeError {
  const isMemory = error instanceof Error && "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY";
  return isMemory
    ? new NodeError("The document needs more memory than there is for one.", { errorClass: "DATA", code: "OUTPUT_TOO_LARGE", cause: error })
    : new NodeError("The thread that makes documents failed.", { errorClass: "INTERNAL", code: "NODE_INTERNAL", cause: error });
}
