import type { Clock } from "@fluxo/core/ports/clock";
import express, { type Request, type Response, type Router } from "express";
import type { OpenMetricsContentType, Registry } from "prom-client";
import { systemClock } from "./clock.ts";

/** One dependency without which this process cannot do its work. */
export interface HealthCheck {
  readonly name: string;
  /** Resolves when the dependency answers; rejects otherwise. */
  readonly check: (signal: AbortSignal) => Promise<unknown>;
  readonly timeoutMs?: number;
}

export interface HealthOptions {
  readonly checks: readonly HealthCheck[];
  readonly isStopping: () => boolean;
  readonly registry: Registry | Registry<OpenMetricsContentType>;
  readonly clock?: Clock;
  /** Probes in a row that must fail before a ready process is called not ready, so that one lost packet does not take a pod out. */
  readonly failureThreshold?: number;
  /** Told when a check becomes failing or passing; for logs. The answer itself carries names only. */
  readonly onChange?: (change: { readonly name: string; readonly isFailing: boolean; readonly error?: unknown }) => void;
}

const DEFAULT_TIMEOUT_MS = 2_000;
const DEFAULT_FAILURE_THRESHOLD = 2;

interface CheckState {
  readonly check: HealthCheck;
  /** Failing until its first success: a process is not ready before its dependencies have answered once. */
  isFailing: boolean;
  failuresInRow: number;
}

/**
 * `/healthz`: 200 whenever the event loop answers; no dependency is asked, so that a broken store never restarts pods.
 * `/readyz`: 200, or 503 with the names of failing checks or while the process stops.
 * `/metrics`: the registry in its own format (see `createRegistry`).
 */
export function healthRouter(options: HealthOptions): Router {
  const states = options.checks.map((check): CheckState => ({ check, isFailing: true, failuresInRow: 0 }));
  let probe: Promise<readonly string[]> | undefined;
  const probeOnce = (): Promise<readonly string[]> => {
    probe ??= probeAll(states, options).finally(() => {
      probe = undefined;
    });
    return probe;
  };
  const router = express.Router();
  router.get("/healthz", (_request: Request, response: Response) => {
    response.set("cache-control", "no-store").json({ status: "alive" });
  });
  router.get("/readyz", async (_request: Request, response: Response) => {
    response.set("cache-control", "no-store");
    if (options.isStopping()) {
      response.status(503).json({ status: "stopping", failing: [] });
      return;
    }
    const failing = await probeOnce();
    if (failing.length > 0) response.status(503).json({ status: "not-ready", failing });
    else response.json({ status: "ready", failing });
  });
  router.get("/metrics", async (_request: Request, response: Response) => {
    const body = await options.registry.metrics();
    response.set("cache-control", "no-store").set("content-type", options.registry.contentType).send(body);
  });
  return router;
}

/** Concurrent probes share one round of checks, so that a flood of them costs the dependencies nothing. */
async function probeAll(states: readonly CheckState[], options: HealthOptions): Promise<readonly string[]> {
  await Promise.all(states.map((state) => probeCheck(state, options)));
  return states.filter((state) => state.isFailing).map((state) => state.check.name);
}

async function probeCheck(state: CheckState, options: HealthOptions): Promise<void> {
  const failure = await failureOf(state.check, options.clock ?? systemClock);
  const wasFailing = state.isFailing;
  if (failure === undefined) {
    state.failuresInRow = 0;
    state.isFailing = false;
  } else {
    state.failuresInRow += 1;
    state.isFailing ||= state.failuresInRow >= (options.failureThreshold ?? DEFAULT_FAILURE_THRESHOLD);
  }
  if (state.isFailing === wasFailing) return;
  options.onChange?.({ name: state.check.name, isFailing: state.isFailing, ...(failure === undefined ? {} : { error: failure.error }) });
}

async function failureOf({ check, timeoutMs = DEFAULT_TIMEOUT_MS }: HealthCheck, clock: Clock): Promise<{ readonly error: unknown } | undefined> {
  const ended = new AbortController();
  const given = new AbortController();
  const timeout = clock.sleep(timeoutMs, ended.signal).then(() => {
    const error = new Error(`no answer within ${timeoutMs} ms`);
    given.abort(error);
    throw error;
  });
  timeout.catch(() => undefined);
  try {
    await Promise.race([(async () => check(given.signal))(), timeout]);
    return undefined;
  } catch (error) {
    return { error };
  } finally {
    ended.abort();
  }
}
