import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { withClient } from "../../../scripts/environment/postgres.ts";
import { baselineTarget, createHook, type Bench, type BenchHook } from "../environment.ts";
import { bareTarget, databaseNow, finishedBare, lastFinished } from "../events.ts";
import type { LoadJob } from "../load/job.ts";
import { chainOf } from "./graphs.ts";
import { alternate, type Scenario } from "./scenario.ts";

const TENANTS = 10;
export const BURST_EVENTS = 2_000;
/** The bare function takes a minute for 2,000; its rate does not depend on how many wait. */
const BARE_EVENTS = 400;
const CONNECTIONS = 32;
const NODES = 5;

/** Targets as a load job takes them. @throws Error when there are none */
function jobFor(targets: readonly LoadJob["targets"][number][], requests: number): LoadJob {
  const [first, ...rest] = targets;
  if (first === undefined) throw new Error("There is nothing to send to.");
  return { targets: [first, ...rest], connections: CONNECTIONS, requests };
}

/** Tenants that send a burst. */
export async function createBurstHooks(bench: Bench): Promise<readonly BenchHook[]> {
  const hooks: BenchHook[] = [];
  for (let index = 0; index < TENANTS; index += 1) hooks.push(await createHook(bench, chainOf(NODES)));
  return hooks;
}

/** Sends a burst through the ingress. @returns executions per second, from the first request to the last end */
export async function fluxoBurst(bench: Bench, hooks: readonly BenchHook[]): Promise<number> {
  const since = await databaseNow(bench);
  const { startedAtMs } = await bench.load.runAccepted(jobFor(hooks.map(({ target }) => target), BURST_EVENTS));
  const lastMs = await lastFinished(bench, hooks.map(({ tenantId }) => tenantId), since, BURST_EVENTS);
  return BURST_EVENTS / ((lastMs - startedAtMs) / 1_000);
}

async function bareBurst(bench: Bench): Promise<number> {
  const { startedAtMs } = await bench.load.runAccepted(jobFor([bareTarget(bench, NODES)], BARE_EVENTS));
  const finishes = await finishedBare(bench, BARE_EVENTS);
  return BARE_EVENTS / ((Math.max(...finishes.map(({ finishedAtMs }) => finishedAtMs)) - startedAtMs) / 1_000);
}

async function queueBurst(bench: Bench): Promise<number> {
  const tenantIds = Array.from({ length: TENANTS }, () => randomUUID());
  const { startedAtMs } = await bench.load.runAccepted(jobFor(tenantIds.map((tenantId) => baselineTarget(bench.ports.queue, tenantId)), BURST_EVENTS));
  return withClient(bench.baselineDatabaseUrl, async (client) => {
    for (;;) {
      const { rows } = await client.query<{ done: number; last: Date | null }>("SELECT count(*)::int AS done, max(completed_at) AS last FROM executions WHERE tenant_id = ANY ($1) AND status = 'SUCCESS'", [tenantIds]);
      const [row] = rows;
      if (row?.done === BURST_EVENTS && row.last !== null) return BURST_EVENTS / ((row.last.getTime() - startedAtMs) / 1_000);
      await sleep(100);
    }
  });
}

/** Every system takes its events one HTTP request each at its own front door, and all of them share the two cores with their stores. */
export const burst: Scenario = {
  name: "burst",
  title: `Burst: ${BURST_EVENTS} events over ${TENANTS} tenants, ${NODES} nodes each`,
  run: async (bench, rounds) => {
    const hooks = await createBurstHooks(bench);
    const { fluxo, queue, bare } = await alternate(rounds, { fluxo: () => fluxoBurst(bench, hooks), queue: () => queueBurst(bench), bare: () => bareBurst(bench) });
    return [
      { name: "burst vs bare Inngest function", unit: "executions/s", values: fluxo, baselines: bare, goal: { of: "ratio", is: ">=", bound: 12 } },
      { name: "burst vs plain BullMQ worker", unit: "executions/s", values: fluxo, baselines: queue, goal: { of: "ratio", is: ">=", bound: 0.6 } },
    ];
  },
};
