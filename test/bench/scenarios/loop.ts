import { graph, set } from "../../support/graphs.ts";
import { createHook, HOOK } from "../environment.ts";
import { runOne, runOneBare, type Sample } from "../events.ts";
import { alternate, type Scenario } from "./scenario.ts";

const ITEMS = 1_000;
const CONCURRENCY = 10;
/** Inngest allows a function 1,000 steps; half of them tell what one costs. */
const BARE_STEPS = 500;

/** A loop with one node in its body, against a function with a step per item. Both record every one. */
export const loop: Scenario = {
  name: "loop",
  title: `A loop of ${ITEMS.toLocaleString("en-US")} items, ${CONCURRENCY} at a time`,
  run: async (bench, rounds) => {
    const each = { id: "each", type: "for-each", params: { items: Array.from({ length: ITEMS }, (_, index) => index), concurrency: CONCURRENCY } };
    const hook = await createHook(bench, graph([HOOK, each, set("node", { order: "{{ trigger.body.orderId }}", step: "{{ item }}" })], ["start > each", "each:item > node"]));
    const perItem = async (run: () => Promise<Sample>, items: number): Promise<number> => {
      const { startedAtMs, finishedAtMs } = await run();
      return (finishedAtMs - startedAtMs) / items;
    };
    const { fluxo, bare } = await alternate(rounds, { fluxo: () => perItem(() => runOne(bench, hook), ITEMS), bare: () => perItem(() => runOneBare(bench, BARE_STEPS), BARE_STEPS) });
    return [{ name: "for-each 1,000 items, per item, vs step of the bare function", unit: "ms", values: fluxo, baselines: bare }];
  },
};
