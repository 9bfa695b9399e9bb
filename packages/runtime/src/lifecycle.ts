import type { Clock } from "@fluxo/core/ports/clock";
import { systemClock } from "./clock.ts";
import type { Logger } from "./logger.ts";

export type LifecycleState = "starting" | "running" | "stopping" | "stopped";

/** How one stop step ended. `timed-out`: it was given up on; `skipped`: the total deadline had passed before its turn. */
export interface StopStep {
  readonly name: string;
  readonly outcome: "done" | "failed" | "timed-out" | "skipped";
  readonly error?: unknown;
}

export interface StopReport {
  readonly reason: string;
  /** In the order in which they ran: the reverse of their registration. */
  readonly steps: readonly StopStep[];
  readonly isClean: boolean;
}

export interface LifecycleOptions {
  readonly logger: Logger;
  readonly clock?: Clock;
  /** For the whole stop; keep it below the grace period of the pod. */
  readonly totalTimeoutMs?: number;
}

/** What is used of `process`; tests hand over an emitter of their own. */
export interface ProcessPort {
  on(event: string, listener: (value: unknown) => void): unknown;
  off(event: string, listener: (value: unknown) => void): unknown;
  exit(code: number): void;
}

interface Registration {
  readonly name: string;
  readonly fn: (reason: string) => Promise<void> | void;
  readonly timeoutMs: number;
}

const DEFAULT_STEP_TIMEOUT_MS = 10_000;
const DEFAULT_TOTAL_TIMEOUT_MS = 25_000;
const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const;

/** Start and stop of one process: who constructs something registers how it ends, and everything ends once, in reverse order. */
export class Lifecycle {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #totalTimeoutMs: number;
  readonly #registrations: Registration[] = [];
  #state: LifecycleState = "starting";
  #stopped: Promise<StopReport> | undefined;

  constructor(options: LifecycleOptions) {
    this.#logger = options.logger;
    this.#clock = options.clock ?? systemClock;
    this.#totalTimeoutMs = options.totalTimeoutMs ?? DEFAULT_TOTAL_TIMEOUT_MS;
  }

  get state(): LifecycleState {
    return this.#state;
  }

  /** Whether the process is on its way out; readiness answers 503 from then on. */
  isStopping(): boolean {
    return this.#state === "stopping" || this.#state === "stopped";
  }

  /** Says that everything is constructed. Without effect once the stop has begun. */
  markRunning(): void {
    if (this.#state === "starting") this.#state = "running";
  }

  /**
   * Registers how something ends. What is registered while the stop is under way (a start overtaken by a signal) ends as part of it;
   * what comes after the stop is ended at once.
   */
  onStop(name: string, fn: (reason: string) => Promise<void> | void, options: { readonly timeoutMs?: number } = {}): void {
    const registration = { name, fn, timeoutMs: options.timeoutMs ?? DEFAULT_STEP_TIMEOUT_MS };
    if (this.#state === "stopped") void this.#runStep(registration, "registered after the stop", AbortSignal.any([]));
    else this.#registrations.push(registration);
  }

  /** Stops everything once, in reverse order of registration; further calls get the same report. Never rejects. */
  stop(reason: string): Promise<StopReport> {
    this.#stopped ??= this.#stopAll(reason);
    return this.#stopped;
  }

  async #stopAll(reason: string): Promise<StopReport> {
    this.#state = "stopping";
    this.#logger.info({ reason }, "stopping");
    const deadline = new AbortController();
    const finished = new AbortController();
    void this.#clock.sleep(this.#totalTimeoutMs, finished.signal).then(() => deadline.abort(), () => undefined);
    const steps: StopStep[] = [];
    for (let next = this.#registrations.pop(); next !== undefined; next = this.#registrations.pop()) {
      steps.push(await this.#runStep(next, reason, deadline.signal));
    }
    finished.abort();
    this.#state = "stopped";
    const isClean = steps.every((step) => step.outcome === "done");
    this.#logger[isClean ? "info" : "warn"]({ reason, isClean }, "stopped");
    return { reason, steps, isClean };
  }

  async #runStep(registration: Registration, reason: string, deadline: AbortSignal): Promise<StopStep> {
    const { name, fn, timeoutMs } = registration;
    if (deadline.aborted) return this.#report({ name, outcome: "skipped" });
    const ended = new AbortController();
    const given = AbortSignal.any([ended.signal, deadline]);
    const timeout = this.#clock.sleep(timeoutMs, given).then(
      () => ({ name, outcome: "timed-out" }) as const,
      () => ({ name, outcome: "timed-out" }) as const,
    );
    const work = (async (): Promise<StopStep> => {
      await fn(reason);
      return { name, outcome: "done" };
    })().catch((error: unknown): StopStep => ({ name, outcome: "failed", error }));
    const step = await Promise.race([work, timeout]);
    ended.abort();
    return this.#report(step);
  }

  #report(step: StopStep): StopStep {
    if (step.outcome === "done") this.#logger.debug({ step: step.name }, "stop step done");
    else this.#logger.error({ step: step.name, outcome: step.outcome, err: step.error }, "stop step did not end well");
    return step;
  }

  /**
   * Stops on SIGTERM and SIGINT and exits with 0, or with 1 when a step did not end well. A second signal exits at once with 128 + its number.
   * An unhandled rejection or an uncaught exception is logged, stops the process and makes it exit with 1.
   * Returns a function that removes the listeners.
   */
  handleSignals(target: ProcessPort = process): () => void {
    let hasBegun = false;
    const onSignal = (signal: keyof typeof SIGNAL_NUMBERS) => (): void => {
      if (hasBegun) {
        this.#logger.warn({ signal }, "second signal: exit without waiting");
        target.exit(128 + SIGNAL_NUMBERS[signal]);
        return;
      }
      hasBegun = true;
      void this.stop(signal).then((report) => target.exit(report.isClean ? 0 : 1));
    };
    const onFatal = (kind: string) => (error: unknown): void => {
      this.#logger.fatal({ err: error }, kind);
      hasBegun = true;
      void this.stop(kind).then(() => target.exit(1));
    };
    const listeners: readonly (readonly [string, (value: unknown) => void])[] = [
      ["SIGTERM", onSignal("SIGTERM")],
      ["SIGINT", onSignal("SIGINT")],
      ["unhandledRejection", onFatal("unhandledRejection")],
      ["uncaughtException", onFatal("uncaughtException")],
    ];
    for (const [event, listener] of listeners) target.on(event, listener);
    return () => {
      for (const [event, listener] of listeners) target.off(event, listener);
    };
  }
}
