import { NodeError } from "@fluxo/core/errors/node-error";
import { normalizeMessage } from "@fluxo/core/errors/normalize";
import type { Clock, IdSource, Random } from "@fluxo/core/ports/clock";
import { isTransient } from "@fluxo/prisma/database/errors";
import type { ClaimedTrigger } from "@fluxo/prisma/dispatch/claim";
import { commitDispatch, type DispatchOutcome, type DispatchResult } from "@fluxo/prisma/dispatch/commit";
import { GroupCommit } from "@fluxo/runtime/group-commit";
import type { Logger } from "@fluxo/runtime/logger";
import type pg from "pg";
import { filterItems } from "../filter-items.ts";
import type { PolledSource, PollResult } from "./source.ts";

export interface PollRunnerOptions {
  readonly source: PolledSource;
  readonly owner: string;
  /** Connections of fluxo_app. */
  readonly app: pg.Pool;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** For one look, or from one keeping of its lease to the next; shorter than the lease. */
  readonly timeoutMs: number;
  /** Keeps the lease of a look that takes longer; false when it is another's by now. Absent: a look has its time and no more. @throws what the stores threw */
  readonly keepLease?: (claimed: ClaimedTrigger) => Promise<boolean>;
}

/** A look keeps its lease so often in its time, while it asks for more. */
const KEEPS_IN_TIME = 4;
const RETRY_MS = { first: 30_000, last: 3_600_000 } as const;
const GROUP_MAX = 50;
const QUEUED_MAX = 10_000;
const GROUPS_AT_ONE_TIME = 2;
/** What found more than so many items is committed alone: others would wait for it. */
const SHARED_ITEMS_MAX = 20;

/**
 * Looks at sources and commits what was found. A look that fails is recorded and tried again later, with a growing wait. Looks that end while others are being committed
 * share the next statement.
 */
export class PollRunner {
  readonly #options: PollRunnerOptions;
  readonly #commits: GroupCommit<DispatchOutcome, DispatchResult>;
  /** Commits under way, by trigger: a statement names each trigger once, whichever of its epochs. */
  readonly #committing = new Map<string, Promise<DispatchResult>>();

  constructor(options: PollRunnerOptions) {
    this.#options = options;
    this.#commits = new GroupCommit({
      flush: (outcomes) => this.#write(outcomes),
      maxBatch: GROUP_MAX,
      maxQueued: QUEUED_MAX,
      maxInFlight: GROUPS_AT_ONE_TIME,
      retryRowByRow: true,
      isRetryable: (error) => !isTransient(error),
    });
  }

  /** One look at one source. Undefined when another dispatcher holds the trigger by now. @throws what the database threw */
  async run(claimed: ClaimedTrigger, signal?: AbortSignal): Promise<DispatchResult | undefined> {
    const begunMs = performance.now();
    return this.commit(await this.#look(claimed, signal), performance.now() - begunMs);
  }

  /** Commits what became of one trigger. Undefined when another dispatcher holds it by now. @param durationMs of the look, for the ledger; absent: there was none. @throws what the database threw */
  async commit(outcome: DispatchOutcome, durationMs?: number): Promise<DispatchResult | undefined> {
    const { logger, source } = this.#options;
    const { triggerId } = outcome.held;
    for (let other = this.#committing.get(triggerId); other !== undefined; other = this.#committing.get(triggerId)) await other.catch(() => undefined);
    const committing = this.#commit({ ...outcome, ...(durationMs === undefined ? {} : { durationMs }) }).finally(() => this.#committing.delete(triggerId));
    this.#committing.set(triggerId, committing);
    const result = await committing;
    if (result.isHeld) return result;
    logger.warn({ kind: source.kind, triggerId: outcome.held.triggerId, epoch: outcome.held.epoch }, "the lease was lost during a look; nothing was written");
    return undefined;
  }

  async #commit(outcome: DispatchOutcome): Promise<DispatchResult> {
    const { items, marks, parked, entries } = outcome;
    if (entries === undefined && items.length + marks.length + parked.length <= SHARED_ITEMS_MAX) return this.#commits.add(outcome);
    const [result] = await this.#write([outcome]);
    if (result === undefined) throw new Error("A commit of one look has no result.");
    return result;
  }

  async #write(outcomes: readonly DispatchOutcome[]): Promise<DispatchResult[]> {
    const { app, owner, ids } = this.#options;
    const results = new Map((await commitDispatch(app, owner, outcomes, ids)).map((result) => [result.triggerId, result]));
    return outcomes.flatMap(({ held }) => results.get(held.triggerId) ?? []);
  }

  async #look(claimed: ClaimedTrigger, outer: AbortSignal | undefined): Promise<DispatchOutcome> {
    const { source, clock, timeoutMs, keepLease } = this.#options;
    const timeout = new AbortController();
    const lost = new AbortController();
    const signal = AbortSignal.any([timeout.signal, lost.signal, ...(outer === undefined ? [] : [outer])]);
    const end = setTimeout(() => timeout.abort(new DOMException("The look took too long.", "TimeoutError")), timeoutMs);
    let keptAtMs = performance.now();
    const keep = async (): Promise<void> => {
      signal.throwIfAborted();
      const nowMs = performance.now();
      if (keepLease === undefined || nowMs - keptAtMs < timeoutMs / KEEPS_IN_TIME) return;
      if (!(await keepLease(claimed))) lost.abort(new Error("The lease is not kept."));
      signal.throwIfAborted();
      keptAtMs = nowMs;
      end.refresh();
    };
    try {
      const found = await source.poll(claimed, { signal, now: () => clock.now(), keep });
      return this.outcomeOf(claimed, found);
    } catch (error) {
      return this.failureOf(claimed, error, timeout.signal.aborted);
    } finally {
      clearTimeout(end);
    }
  }

  /** What a look that failed comes to: it is told, and the next one waits longer the more of them failed in a row. */
  failureOf(claimed: ClaimedTrigger, error: unknown, isTimeout: boolean): DispatchOutcome {
    const { source, logger } = this.#options;
    const failure = error instanceof NodeError ? error : new NodeError(error instanceof Error ? error.message : "The source could not be read.", isTimeout ? { errorClass: "TIMEOUT", code: "NODE_TIMEOUT" } : { errorClass: "INTERNAL", code: "INTERNAL" });
    logger.warn({ err: error, kind: source.kind, triggerId: claimed.triggerId, code: failure.code }, "a source could not be looked at");
    const waitMs = Math.max(this.#intervalMs(claimed), Math.min(RETRY_MS.first * 2 ** Math.min(claimed.failures, 10), RETRY_MS.last), failure.retryAfterMs ?? 0);
    return {
      ...emptyOutcome(claimed),
      nextDueAt: this.#after(waitMs),
      error: { code: failure.code, message: normalizeMessage(failure.message) },
    };
  }

  /** What a look comes to that found something or nothing. */
  outcomeOf(claimed: ClaimedTrigger, { cursor, items, marks, parked, hasMore, waitMs, soonMs, entries }: PollResult): DispatchOutcome {
    const intervalMs = Math.max(Math.min(this.#intervalMs(claimed), soonMs ?? Infinity), claimed.pollIntervalMsMin);
    const nextDueAt = hasMore ? this.#options.clock.now() : this.#after(Math.max(intervalMs, waitMs ?? 0));
    const kept = filterItems(claimed.config, items);
    return { ...emptyOutcome(claimed), cursor, items: kept.items, marks: [...marks, ...kept.marks], parked, nextDueAt, isConnected: true, ...(entries === undefined ? {} : { entries }) };
  }

  /** Gives the lease of a watched source back: due again after `waitMs`. */
  releaseOf(claimed: ClaimedTrigger, waitMs: number): DispatchOutcome {
    return { ...emptyOutcome(claimed), isConnected: true, nextDueAt: waitMs === 0 ? this.#options.clock.now() : this.#after(waitMs) };
  }

  #intervalMs(claimed: ClaimedTrigger): number {
    return Math.max(this.#options.source.intervalMs(claimed.config), claimed.pollIntervalMsMin);
  }

  /** Up to a tenth later, so that sources that were switched on together drift apart. */
  #after(ms: number): Date {
    return new Date(this.#options.clock.now().getTime() + ms * (1 + this.#options.random() / 10));
  }
}

function emptyOutcome({ tenantId, triggerId, epoch }: ClaimedTrigger): DispatchOutcome {
  return { held: { tenantId, triggerId, epoch }, nextDueAt: null, hold: false, isConnected: false, items: [], marks: [], parked: [] };
}
