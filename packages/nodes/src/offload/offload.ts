import type { NodeContext } from "@fluxo/core/node/executor";
import { doJob, type JobInputs, type JobName, type JobOutputs } from "./jobs.ts";
import { jobErrorOf } from "./messages.ts";
import { ThreadPool } from "./thread-pool.ts";

/** What weighs less is done at once: even the worst input of this size takes a few milliseconds. */
const INLINE_WEIGHT_MAX = 2_048;

const JOB_TIMEOUT_MS = 5_000;

/** The threads of this process. They hold nothing but code, and go with it. */
const pool = new ThreadPool({ threads: 2, timeoutMs: JOB_TIMEOUT_MS, memoryMegabytes: 256 });

/**
 * Does a job without holding up the worker: a light one here, any other in a thread that is ended when it takes too long or too much.
 * @param weight about how many characters, or values, there are to work on
 * @throws NodeError what the job throws; DATA_TOO_LARGE (DATA) when it takes more than 5 s or 256 MiB; the reason of the context's signal
 */
export async function offload<N extends JobName>(name: N, input: JobInputs[N], weight: number, context: Pick<NodeContext, "tenantId" | "signal">): Promise<JobOutputs[N]> {
  if (weight <= INLINE_WEIGHT_MAX) {
    try {
      return doJob(name, input);
    } catch (error) {
      throw jobErrorOf(error);
    }
  }
  const job = { name, input } as Parameters<ThreadPool["run"]>[1]; // a name and its own input, which the compiler cannot see to belong together
  const output: JobOutputs[N] = JSON.parse(await pool.run(context.tenantId, job, context.signal));
  return output;
}
