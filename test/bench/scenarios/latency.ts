import { setTimeout as sleep } from "node:timers/promises";
import { createHook, type Bench } from "../environment.ts";
import { runOne, runOneBare, sendOne, type Sample } from "../events.ts";
import type { Target } from "../load/job.ts";
import { percentile } from "../statistics.ts";
import { chainOf, SYNCHRONOUS_HOOK } from "./graphs.ts";
import { alternate, type Scenario } from "./scenario.ts";

const NODES = 5;
const SAMPLES = 12;

/** The median latency of single events, with pauses of random length between them: Inngest polls its event stream by the clock, and must not be met in step. */
async function medianOf(sample: () => Promise<Pick<Sample, "sentAtMs" | "finishedAtMs">>): Promise<number> {
  const latencies: number[] = [];
  for (let index = 0; index < SAMPLES; index += 1) {
    await sleep(50 + Math.random() * 250);
    const { sentAtMs, finishedAtMs } = await sample();
    latencies.push(finishedAtMs - sentAtMs);
  }
  return percentile(latencies, 0.5);
}

/** Starts ingress and worker again with the fast lane on or off. */
async function setFastLane(bench: Bench, value: "on" | "off"): Promise<void> {
  for (const name of ["ingress", "worker"] as const) {
    await bench.system.terminate(name);
    await bench.system.start(name, { FLUXO_FAST_LANE: value });
  }
}

/** One event at a time on an idle system, from the request to the recorded end. */
export const idle: Scenario = {
  name: "idle",
  title: "Idle latency, event to SUCCESS, by the Inngest path",
  run: async (bench, rounds) => {
    const hook = await createHook(bench, chainOf(NODES));
    await setFastLane(bench, "off");
    const { fluxo, bare } = await alternate(rounds, { fluxo: () => medianOf(() => runOne(bench, hook)), bare: () => medianOf(() => runOneBare(bench, NODES)) });
    await setFastLane(bench, "on");
    return [{ name: "idle latency p50 by Inngest vs bare function", unit: "ms", values: fluxo, baselines: bare, goal: { of: "ratio", is: "<=", bound: 1.15 } }];
  },
};

/** The same with the fast lane on, as it is by default, and as the caller of a webhook sees it who waits for the result. */
export const lane: Scenario = {
  name: "lane",
  title: "Fast lane and synchronous webhooks on an idle system",
  run: async (bench, rounds) => {
    const hook = await createHook(bench, chainOf(NODES));
    const { target } = await createHook(bench, chainOf(NODES, SYNCHRONOUS_HOOK));
    const { fluxo, synchronous, bare } = await alternate(rounds, {
      fluxo: () => medianOf(() => runOne(bench, hook)),
      bare: () => medianOf(() => runOneBare(bench, NODES)),
      synchronous: () => medianOf(() => answered(target)),
    });
    return [
      { name: "fast lane p50, event to SUCCESS, vs bare function", unit: "ms", values: fluxo, baselines: bare, goal: { of: "ratio", is: "<=", bound: 0.3 } },
      { name: "synchronous webhook p50, request to result, vs bare function", unit: "ms", values: synchronous, baselines: bare, goal: { of: "ratio", is: "<=", bound: 0.3 } },
    ];
  },
};

/** From the request to its answer, which is the result of the execution. @throws Error when it came without the result */
async function answered(target: Target): Promise<Pick<Sample, "sentAtMs" | "finishedAtMs">> {
  const { status, sentAtMs, answeredAtMs } = await sendOne(target);
  if (status !== 200) throw new Error(`The synchronous webhook answered ${status}.`);
  return { sentAtMs, finishedAtMs: answeredAtMs };
}
