import type { Clock, Random } from "@fluxo/core/ports/clock";
import { claimOutbox, markSent, releaseAllClaims, releaseClaim, type OutboxEntry } from "@fluxo/prisma/relay/outbox";
import type { Logger } from "@fluxo/runtime/logger";
import type { Metrics } from "@fluxo/runtime/metrics";
import type { EventApi } from "./event-api.ts";
import { BULK_THRESHOLD, leavesBacklog, toMessages, type Message } from "./messages.ts";

/** Connections of fluxo_system. */
export type SystemDb = Parameters<typeof claimOutbox>[0];

export interface RelayOptions {
  readonly db: SystemDb;
  /** Names this relay in its claims; unique among processes. */
  readonly owner: string;
  readonly eventApi: EventApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Executions of one tenant that may be released and not started at one time. */
  readonly outstandingMax: number;
  readonly claimMax?: number;
  readonly leaseMs?: number;
  /** For how long the entries of a tenant with a backlog wait for company. */
  readonly gatherMs?: number;
  /** What a start takes Inngest: tenants with a backlog take turns at it. */
  readonly startMs?: number;
}

/** What one round did. `failed` entries were given back. */
export interface RoundReport {
  readonly claimed: number;
  readonly sent: number;
  readonly failed: number;
}

const CLAIM_MAX = 500;
/** Entries that a killed relay had claimed wait so long. */
const LEASE_MS = 10_000;
/** A send begins only in the first part of its claim, so that it is over (see the event API's timeout) before another relay may claim the entries. */
const SEND_WITHIN = 0.5;
/** Wait after a round that found nothing: it grows from the first to the last, because the next work is most likely right after some work. */
const IDLE_MS = { first: 25, last: 1_000 } as const;
/**
 * A tenant with a backlog gathers what comes next, so that one event releases many executions: a run costs Inngest more than dozens of executions cost us.
 * It ends before when what was released has started, or when nothing more comes.
 */
const GATHER_MS = 1_000;
/** Entries that are worth a start: what comes with them in the same claim shares their event. */
const GATHER_ENTRIES = 50;
/** What a start takes Inngest, whatever it starts: it does 30 to 40 a second. */
const START_MS = 25;
/** While there is a backlog, rounds follow each other in this time: it is a claim's cost against the time to the start. */
const BEAT_MS = 25;
/** Wait after a failure. */
const FAILURE_MS = { first: 200, last: 3_000 } as const;

/**
 * Publishes the outbox to Inngest. An entry leaves the outbox only after Inngest has taken its event, so a crash anywhere sends an event again and
 * loses none; Inngest drops the repeat by its id. Several relays share the work by their claims.
 */
export class Relay {
  readonly #options: RelayOptions;
  #round: Promise<unknown> = Promise.resolve();
  #loop: Promise<void> | undefined;
  #isWoken = false;
  /** Until a round has come to its end: one whose claim, mark or release got no answer leaves claims behind. */
  #mayHoldClaims = false;
  #onWake: (() => void) | undefined;
  /** Until then something may have been left to gather, as of the last round that saw a backlog. */
  #gathersUntilMs = Number.NEGATIVE_INFINITY;
  readonly #stopping = new AbortController();

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  /** One round: claim, send, mark. Rounds of one relay run one after the other. @throws when PostgreSQL fails */
  tick(): Promise<RoundReport> {
    const round = this.#round.then(() => this.#runRound());
    this.#round = round.catch(() => undefined);
    return round;
  }

  /** Says that there may be something to send. */
  wake(): void {
    this.#isWoken = true;
    this.#onWake?.();
  }

  /** Begins to work by itself. */
  start(): void {
    this.#loop ??= this.#work();
  }

  /** Takes nothing more; resolves when the round that runs is finished. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    await this.#round;
  }

  async #work(): Promise<void> {
    let idleMs: number = IDLE_MS.first;
    let failures = 0;
    while (!this.#stopping.signal.aborted) {
      this.#isWoken = false;
      const report = await this.tick().catch((error: unknown) => {
        this.#options.logger.error({ err: error }, "relay round failed");
        return undefined;
      });
      if (report === undefined || report.failed > 0) {
        failures += 1;
        await this.#pause(this.#backOffMs(failures));
      } else if (performance.now() < this.#gathersUntilMs) {
        failures = 0;
        idleMs = IDLE_MS.first;
        await this.#pause(BEAT_MS);
      } else if (report.claimed > 0) {
        failures = 0;
        idleMs = IDLE_MS.first;
      } else {
        failures = 0;
        await this.#pauseUntilWoken(idleMs);
        idleMs = this.#isWoken ? IDLE_MS.first : Math.min(idleMs * 2, IDLE_MS.last);
      }
    }
  }

  async #pauseUntilWoken(ms: number): Promise<void> {
    if (this.#isWoken) return;
    const woken = new AbortController();
    this.#onWake = () => woken.abort();
    await this.#pause(ms, woken.signal);
    this.#onWake = undefined;
  }

  /** The stop ends it too. */
  async #pause(ms: number, end?: AbortSignal): Promise<void> {
    const stopped = this.#stopping.signal;
    await this.#options.clock.sleep(ms, end === undefined ? stopped : AbortSignal.any([stopped, end])).catch(() => undefined);
  }

  #backOffMs(failures: number): number {
    const full = Math.min(FAILURE_MS.first * 2 ** Math.min(failures - 1, 10), FAILURE_MS.last);
    return full / 2 + (full / 2) * this.#options.random();
  }

  async #runRound(): Promise<RoundReport> {
    const { db, owner, outstandingMax, claimMax = CLAIM_MAX, leaseMs = LEASE_MS, gatherMs = GATHER_MS, startMs = START_MS, metrics, clock } = this.#options;
    if (this.#mayHoldClaims) await releaseAllClaims(db, owner);
    this.#mayHoldClaims = true;
    const startedAt = performance.now();
    const gather = { backlog: BULK_THRESHOLD, entries: GATHER_ENTRIES, ageMs: gatherMs, startMs };
    const entries = await claimOutbox(db, { owner, limit: claimMax, leaseMs, outstandingMax, gather });
    const oldestMs = Math.min(clock.now().getTime(), ...entries.map((entry) => entry.createdAt.getTime()));
    metrics.outboxAge.set((clock.now().getTime() - oldestMs) / 1_000);
    const messages = toMessages(entries);
    if (leavesBacklog(entries)) this.#gathersUntilMs = startedAt + gatherMs + BEAT_MS;
    const sent = await this.#sendAll(messages, startedAt + leaseMs * SEND_WITHIN);
    if (sent === entries.length) this.#mayHoldClaims = false;
    if (entries.length === 0) return { claimed: 0, sent: 0, failed: 0 };
    metrics.groupCommitBatchSize.observe({ group: "relay" }, entries.length);
    metrics.groupCommitDuration.observe({ group: "relay" }, (performance.now() - startedAt) / 1_000);
    return { claimed: entries.length, sent, failed: entries.length - sent };
  }

  /** Sends and marks message by message, so that a crash repeats little. The first failure ends it and gives back what is left. @returns entries sent */
  async #sendAll(messages: readonly Message[], deadline: number): Promise<number> {
    const { db, owner, eventApi, logger, metrics } = this.#options;
    let sent = 0;
    for (const [index, message] of messages.entries()) {
      try {
        if (performance.now() > deadline) throw new Error("The claim is too old to send under it.");
        await eventApi.send(message.events);
      } catch (error) {
        const left = messages.slice(index).flatMap((unsent) => unsent.entries);
        metrics.relayFailed.inc(left.length);
        logger.warn({ err: error, entries: left.length }, "events were not sent; they stay due");
        await this.#giveBack(left);
        return sent;
      }
      metrics.relaySent.inc(message.entries.length);
      const marked = await markSent(db, owner, message.entries);
      if (marked < message.entries.length) logger.warn({ sent: message.entries.length, marked }, "claims ended before their entries were marked; the events may be sent again");
      sent += message.entries.length;
    }
    return sent;
  }

  async #giveBack(entries: readonly OutboxEntry[]): Promise<void> {
    const { db, owner, logger } = this.#options;
    try {
      await releaseClaim(db, owner, entries);
      this.#mayHoldClaims = false;
    } catch (error) {
      logger.warn({ err: error }, "claims were not given back; the next round does it");
    }
  }
}
