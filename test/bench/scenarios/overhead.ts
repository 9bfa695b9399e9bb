import { setTimeout as sleep } from "node:timers/promises";
import { createHook, type Bench, type BenchHook } from "../environment.ts";
import { runOne, runOneBare, type Sample } from "../events.ts";
import { percentile } from "../statistics.ts";
import { chainOf, parallelRequests } from "./graphs.ts";
import { alternate, type Scenario } from "./scenario.ts";

const SAMPLES = 6;
const PARALLEL_NODES = 10;
const CALL_MS = 100;

/** The median time from start to end of an execution, waiting for its start left out. */
async function medianRunMs(sample: () => Promise<Sample>): Promise<number> {
  const durations: number[] = [];
  for (let index = 0; index < SAMPLES; index += 1) {
    const { startedAtMs, finishedAtMs } = await sample();
    durations.push(finishedAtMs - startedAtMs);
    await sleep(20);
  }
  return percentile(durations, 0.5);
}

/** What a node that does nothing costs, one after the other. */
export const chains: Scenario = {
  name: "chains",
  title: "Per-node overhead in chains",
  run: async (bench, rounds) => {
    const measured = [];
    for (const nodes of [10, 100]) {
      const hook = await createHook(bench, chainOf(nodes));
      const perNode = async (run: () => Promise<Sample>): Promise<number> => (await medianRunMs(run)) / nodes;
      const { fluxo, bare } = await alternate(rounds, { fluxo: () => perNode(() => runOne(bench, hook)), bare: () => perNode(() => runOneBare(bench, nodes)) });
      measured.push({ name: `overhead per node, chain of ${nodes}, vs step of the bare function`, unit: "ms", values: fluxo, baselines: bare });
    }
    return measured;
  },
};

/** Ten calls of 100 ms side by side. */
export const parallel: Scenario = {
  name: "parallel",
  title: `${PARALLEL_NODES} parallel nodes of ${CALL_MS} ms`,
  run: async (bench: Bench, rounds) => {
    const hook: BenchHook = await createHook(bench, parallelRequests(PARALLEL_NODES, bench.sink.url, CALL_MS));
    const { fluxo } = await alternate(rounds, { fluxo: () => medianRunMs(() => runOne(bench, hook)) });
    return [{ name: `${PARALLEL_NODES} parallel nodes of ${CALL_MS} ms vs the ideal`, unit: "ms", values: fluxo, baselines: fluxo.map(() => CALL_MS), goal: { of: "ratio", is: "<=", bound: 1.3 } }];
  },
};
