import { pollJobId, pollJobSchema, pollQueueName, queueOwner, type PolledKind, type PollJob } from "@fluxo/contracts/jobs/poll";
import type { Clock, Random } from "@fluxo/core/ports/clock";
import { adoptTrigger, type ClaimedTrigger } from "@fluxo/prisma/dispatch/claim";
import type { Logger } from "@fluxo/runtime/logger";
import type { RedisClient } from "@fluxo/runtime/redis";
import { DelayedError, Queue, Worker, type Job } from "bullmq";
import type pg from "pg";
import type { Limits } from "./limits.ts";
import type { HeldSources } from "./held-sources.ts";
import type { PollRunner } from "./poll-runner.ts";
import type { PolledSource } from "./source.ts";

export interface PollQueueOptions {
  readonly kind: PolledKind;
  readonly source: PolledSource;
  readonly runner: PollRunner;
  /** Takes triggers that are watched over a connection. */
  readonly held?: HeldSources;
  readonly limits: Limits;
  readonly owner: string;
  /** Connections of fluxo_system. */
  readonly system: pg.Pool;
  /** Two connections of the role `queue`: one of them blocks. */
  readonly redis: { readonly commands: RedisClient; readonly blocking: RedisClient };
  /** Start of the names of the queue's keys, without the colon. */
  readonly prefix: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** For one look. */
  readonly leaseMs: number;
  /** Looks of this process at one time. */
  readonly concurrency: number;
}

/** A look that found a limit full is tried again after this, and up to as much again. */
const FULL_MS = 1_000;
/** A job whose worker is silent for so long is given to another one. */
const STALLED_MS = 30_000;

/** Names a look in its limits. */
export function holderOf(owner: string, triggerId: string): string {
  return `${owner}:${triggerId}`;
}

/**
 * The queue of one kind of source: what one process claims, any process looks at. A job is a hint with the trigger's id; the lease, the parameters and
 * the cursor are read when it begins, so that a job that comes late, twice or never costs time and nothing else.
 */
export class PollQueue {
  readonly #options: PollQueueOptions;
  readonly #queue: Queue<PollJob>;
  readonly #worker: Worker<PollJob>;
  readonly #stopping = new AbortController();

  constructor(options: PollQueueOptions) {
    this.#options = options;
    const { kind, redis, prefix, concurrency, logger } = options;
    this.#queue = new Queue<PollJob>(pollQueueName(kind), { connection: redis.commands, prefix: `${prefix}:queue`, defaultJobOptions: { removeOnComplete: true, removeOnFail: true } });
    this.#worker = new Worker<PollJob>(pollQueueName(kind), (job, token) => this.#look(job, token), {
      connection: redis.blocking,
      prefix: `${prefix}:queue`,
      concurrency,
      autorun: false,
      stalledInterval: STALLED_MS,
      lockDuration: STALLED_MS,
      maxStalledCount: 3,
    });
    const warn = (error: Error): void => logger.warn({ err: error, kind }, "the queue of polls has a problem");
    this.#queue.on("error", warn);
    this.#worker.on("error", warn);
    this.#worker.on("failed", (_, error) => logger.error({ err: error, kind }, "a look failed outside of its source; it is due again when its lease ends"));
  }

  /** Orders looks at claimed triggers. @throws what Redis threw; then the leases run out and they are claimed again */
  readonly order = async (claimed: readonly ClaimedTrigger[]): Promise<void> => {
    const { source } = this.#options;
    await this.#queue.addBulk(
      claimed.map((trigger) => ({
        name: "poll",
        data: { version: 1, tenantId: trigger.tenantId, triggerId: trigger.triggerId, limits: source.limits(trigger).map((limit) => ({ ...limit })) },
        opts: { jobId: pollJobId(trigger.triggerId, trigger.dueAt) },
      })),
    );
  };

  start(): void {
    void this.#worker.run().catch((error: unknown) => this.#options.logger.error({ err: error }, "the queue of polls ended"));
  }

  /** Takes no more jobs; aborts the looks that run and resolves when they are over. Their leases run out, unless their commit was under way. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error("The dispatcher stops."));
    await this.#worker.close();
    await this.#queue.close();
  }

  async #look(job: Job<PollJob>, token: string | undefined): Promise<void> {
    const { kind, owner, system, leaseMs, limits, runner, held, clock, random } = this.#options;
    const { tenantId, triggerId, limits: wanted } = pollJobSchema.parse(job.data);
    const holder = holderOf(owner, triggerId);
    if (!(await limits.take(holder, wanted))) {
      await job.moveToDelayed(clock.now().getTime() + FULL_MS * (1 + random()), token);
      throw new DelayedError();
    }
    try {
      const claimed = await adoptTrigger(system, { tenantId, triggerId, from: queueOwner(kind), owner, leaseMs });
      if (claimed !== undefined && (await held?.hold(claimed)) !== true) await runner.run(claimed, this.#stopping.signal);
    } finally {
      await limits.release(holder, wanted);
    }
  }
}
