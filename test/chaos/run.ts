import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { messageOf } from "../../scripts/environment/problem.ts";
import { createClient, type Client } from "../support/client.ts";
import { installAudit } from "./audit.ts";
import { check, type Verdict } from "./checker.ts";
import type { Fault, FaultContext } from "./faults/fault.ts";
import type { History } from "./history.ts";
import { Provider } from "./provider.ts";
import type { SeededRandom } from "./random.ts";
import { ChaosSystem, INSTANCES, type Lane } from "./system.ts";
import { createTargets, Load, type Target } from "./workload.ts";

/** How one fault ended; a row of the result. */
export interface FaultResult {
  readonly fault: string;
  readonly seed: number;
  readonly lane: Lane;
  /** Deliveries that were sent. */
  readonly events: number;
  readonly lost: number;
  readonly duplicated: number;
  /** From the instant in which the faulted part was back until everything accepted before had ended. Milliseconds; null when not everything did. */
  readonly recoveryMs: number | null;
  readonly repeatedCalls: number;
  readonly elapsedMs: number;
  readonly violations: readonly string[];
}

export interface ChaosOptions {
  readonly seed: number;
  readonly faults: readonly Fault[];
  /** Deliveries per fault; a fault that lasts longer gets some more. */
  readonly events: number;
  readonly absenceMs: number;
  /** How long everything may take to end after the faulted part is back. */
  readonly recoveryMsMax: number;
  /** Instead of the lane that each fault asks for. */
  readonly lane: Lane | undefined;
  readonly dir: string;
  readonly logDir: string;
  readonly history: History;
  readonly random: SeededRandom;
  readonly progress: (text: string) => void;
  readonly onResult: (result: FaultResult) => void;
}

/** What a run uses from its start to its end. */
interface Stage {
  readonly options: ChaosOptions;
  readonly system: ChaosSystem;
  readonly provider: Provider;
  readonly db: pg.Pool;
  readonly client: Client;
  readonly targets: readonly Target[];
}

/** The goal of `recoveryMsMax`. */
export const RECOVERY_MS_MAX = 15_000;
const ARRIVALS_PER_SECOND = 12;
/** Shares of the deliveries before, during and after the fault. */
const SHARES = { before: 0.3, during: 0.5 } as const;
const END_WITHIN_MS = 90_000;
const REST_WITHIN_MS = 30_000;
const EXAMPLES_MAX = 3;

/** Starts a system, breaks it in every way that is asked for, and judges each. @returns a function that ends it and the promise of its results */
export function startChaos(options: ChaosOptions): { readonly results: Promise<FaultResult[]>; readonly abort: () => void } {
  let system: ChaosSystem | undefined;
  const run = async (): Promise<FaultResult[]> => {
    const provider = await Provider.start(options.history);
    try {
      system = await ChaosSystem.start({ ...options, allowedPrivateHosts: [`127.0.0.1:${provider.port}`] });
      return await runOn({ options, provider, system });
    } finally {
      await system?.stop();
      await provider.stop();
    }
  };
  return { results: run(), abort: () => system?.killAll() };
}

async function runOn({ options, provider, system }: Pick<Stage, "options" | "provider" | "system">): Promise<FaultResult[]> {
  const db = new pg.Pool({ connectionString: system.databaseUrl, max: 4 });
  db.on("error", () => undefined);
  const client = createClient({ apiUrl: system.apiUrl, ingressUrl: system.gates.ingress.url, databaseUrl: system.databaseUrl, adminKey: system.adminKey, sinkUrl: provider.url });
  try {
    await installAudit(system.databaseUrl);
    const targets = await createTargets(client, provider.url);
    const results: FaultResult[] = [];
    for (const fault of options.faults) {
      options.progress(fault.name);
      const result = await runFault(fault, { options, system, provider, db, client, targets });
      options.history.add({ op: "result", ...result });
      options.onResult(result);
      results.push(result);
    }
    return results;
  } finally {
    await client.close();
    await db.end();
  }
}

async function runFault(fault: Fault, stage: Stage): Promise<FaultResult> {
  const { options, system, provider, db, client } = stage;
  const { history, events } = options;
  const startedAt = performance.now();
  const prefix = `${options.seed}.${fault.name}.`;
  const violations: string[] = [];
  let backAt = 0;
  const context: FaultContext = { system, provider, db, history, random: options.random.fork(fault.name), absenceMs: options.absenceMs, back: () => void (backAt = Date.now()) };
  const lane = options.lane ?? fault.lane;
  await system.useLane(lane);
  const targets = (await fault.targets?.(context, client)) ?? stage.targets;
  const load = new Load({ targets, prefix, random: options.random.fork(`${fault.name} load`), history });
  await fault.prepare?.(context);
  history.add({ op: "fault", fault: fault.name });
  await load.send(Math.ceil(events * SHARES.before), ARRIVALS_PER_SECOND);
  const faulted = fault.run(context).catch((error: unknown) => void violations.push(`the fault itself: ${messageOf(error)}`));
  await load.send(Math.ceil(events * SHARES.during), ARRIVALS_PER_SECOND, faulted);
  await faulted;
  if (backAt === 0) context.back();
  history.add({ op: "back", fault: fault.name, backAt });
  await load.send(Math.max(0, events - load.sent), ARRIVALS_PER_SECOND);
  await load.settle();
  const recoveryMs = await waitUntilEnded(stage, prefix, backAt);
  violations.push(...(await system.restartEnded()).map((how) => `ended by itself: ${how}`));
  await waitUntilAtRest(stage);
  const verdict = await judge({ ...stage, targets }, prefix, load);
  violations.push(...verdict.violations, ...summary(load.failures));
  await fault.judge?.(context).catch((error: unknown) => void violations.push(messageOf(error)));
  if (recoveryMs === null) violations.push(`not everything ended within ${END_WITHIN_MS} ms`);
  else if (recoveryMs > options.recoveryMsMax) violations.push(`recovery took ${recoveryMs} ms, more than ${options.recoveryMsMax}`);
  await fault.restore?.(context);
  const { lost, duplicated, repeatedCalls } = verdict;
  return { fault: fault.name, seed: options.seed, lane, events: load.sent, lost, duplicated, recoveryMs, repeatedCalls, elapsedMs: Math.round(performance.now() - startedAt), violations };
}

/** The first few of many. */
function summary(failures: readonly string[]): string[] {
  return failures.length <= EXAMPLES_MAX ? [...failures] : [...failures.slice(0, EXAMPLES_MAX), `… and ${failures.length - EXAMPLES_MAX} more deliveries`];
}

function judge({ db, provider, targets }: Stage, prefix: string, load: Load): Promise<Verdict> {
  return check(db, { prefix, delivered: load.delivered, targets, calls: provider.calls });
}

/** @returns how long after `backAt` the last execution ended that was accepted before it; null when one did not end in time */
async function waitUntilEnded({ db }: Stage, prefix: string, backAt: number): Promise<number | null> {
  for (const deadline = Date.now() + END_WITHIN_MS; Date.now() < deadline; await sleep(100)) {
    const { rows } = await db.query<{ open: number; last: Date | null }>(
      `SELECT count(*) FILTER (WHERE completed_at IS NULL)::int AS open, max(completed_at) FILTER (WHERE queued_at <= $2) AS last
       FROM executions WHERE starts_with(occurrence_key, 'delivery:' || $1)`,
      [prefix, new Date(backAt)],
    );
    if (rows[0]?.open === 0) return Math.max(0, (rows[0].last?.getTime() ?? backAt) - backAt);
  }
  return null;
}

/** Waits until nothing is left to publish: a repeat of an event whose mark was lost may still be on its way. What is not at rest then, the checker tells. */
async function waitUntilAtRest({ db, system }: Stage): Promise<void> {
  for (const deadline = Date.now() + REST_WITHIN_MS; Date.now() < deadline; await sleep(100)) {
    const { rows } = await db.query<{ left: number }>("SELECT (SELECT count(*) FROM outbox)::int + (SELECT coalesce(sum(used), 0) FROM concurrency_slots)::int AS left");
    if (rows[0]?.left === 0) break;
  }
  for (const instance of INSTANCES) if (!system.isUp(instance)) await system.start(instance);
}
