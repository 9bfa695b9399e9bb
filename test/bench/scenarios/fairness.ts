import { setTimeout as sleep } from "node:timers/promises";
import { createHook, type Bench, type BenchHook } from "../environment.ts";
import { finishedExecutions, sendOne } from "../events.ts";
import { percentile } from "../statistics.ts";
import { chainOf } from "./graphs.ts";
import { alternate, type Scenario } from "./scenario.ts";

const NODES = 5;
const QUIET_EVENTS = 24;
const QUIET_PERIOD_MS = 500;
const TIMES = 100;
/** The noise begins before the first event that is measured. */
const LEAD_MS = 2_000;

/** The 95th percentile, event to SUCCESS, of a tenant that sends two events a second, whatever becomes of them. */
async function quietP95(bench: Bench, quiet: BenchHook): Promise<number> {
  const sending: Promise<{ readonly sentAtMs: number; readonly executionId: string }>[] = [];
  for (let index = 0; index < QUIET_EVENTS; index += 1) {
    sending.push(sendOne(quiet.target));
    await sleep(QUIET_PERIOD_MS * (0.5 + Math.random()));
  }
  const sent = await Promise.all(sending);
  const finished = await finishedExecutions(bench, [quiet.tenantId], sent.map(({ executionId }) => executionId));
  return percentile(sent.map(({ sentAtMs, executionId }) => (finished.get(executionId)?.finishedAtMs ?? Number.NaN) - sentAtMs), 0.95);
}

async function besideNoise(bench: Bench, quiet: BenchHook, noisy: BenchHook): Promise<number> {
  const durationMs = LEAD_MS + QUIET_EVENTS * QUIET_PERIOD_MS * 1.1;
  const noise = bench.load.runAccepted({ targets: [noisy.target], connections: 32, perSecond: (1_000 / QUIET_PERIOD_MS) * TIMES, durationMs });
  await sleep(LEAD_MS);
  const p95 = await quietP95(bench, quiet);
  await noise;
  await settled(bench, noisy);
  return p95;
}

/** Waits until nothing of the noise is left. */
async function settled(bench: Bench, { tenantId }: BenchHook): Promise<void> {
  for (;;) {
    const [row] = await bench.client.sql<{ left: number }>("SELECT count(*)::int AS left FROM executions WHERE tenant_id = $1 AND status IN ('QUEUED', 'RUNNING')", [tenantId]);
    if (row?.left === 0) return;
    await sleep(200);
  }
}

/** A quiet tenant, alone and beside one that sends a hundred times as much. */
export const fairness: Scenario = {
  name: "fairness",
  title: `A quiet tenant beside one that sends ${TIMES}×`,
  run: async (bench, rounds) => {
    const quiet = await createHook(bench, chainOf(NODES), "PRO");
    const noisy = await createHook(bench, chainOf(NODES), "PRO");
    const { alone, beside } = await alternate(rounds, { alone: () => quietP95(bench, quiet), beside: () => besideNoise(bench, quiet, noisy) });
    return [{ name: `quiet tenant's p95 beside ${TIMES}× vs alone`, unit: "ms", values: beside, baselines: alone, goal: { of: "ratio", is: "<=", bound: 2 } }];
  },
};
