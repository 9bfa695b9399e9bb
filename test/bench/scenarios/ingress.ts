import type { Target } from "../load/job.ts";
import { baselineTarget, createHook, type Bench } from "../environment.ts";
import { chainOf } from "./graphs.ts";
import { alternate, type Scenario } from "./scenario.ts";

const CONNECTIONS = 64;
const DURATION_MS = 3_000;

/**
 * Acknowledged requests per second. Relay and worker stand still meanwhile, as a pod of the ingress has its cores for itself; what was accepted is
 * removed before they start again.
 */
export const ingress: Scenario = {
  name: "ingress",
  title: "Ingress: acknowledged requests per second",
  run: async (bench, rounds) => {
    const hook = await createHook(bench, chainOf(5));
    await bench.system.terminate("relay");
    await bench.system.terminate("worker");
    let cores = 0;
    const rate = (target: Target) => async (): Promise<number> => {
      const report = await bench.load.runAccepted({ targets: [target], connections: CONNECTIONS, durationMs: DURATION_MS });
      cores = Math.max(cores, report.cores);
      return report.accepted / (report.durationMs / 1_000);
    };
    const { fluxo, bare, insert } = await alternate(rounds, {
      bare: rate(baselineTarget(bench.ports.bare, hook.tenantId)),
      fluxo: rate(hook.target),
      insert: rate(baselineTarget(bench.ports.insert, hook.tenantId)),
    });
    bench.print(`  the load generator took up to ${cores.toFixed(2)} cores`);
    await forget(bench);
    await bench.system.start("worker");
    await bench.system.start("relay");
    return [
      { name: "ingress acknowledgements vs bare Express", unit: "requests/s", values: fluxo, baselines: bare, goal: { of: "ratio", is: ">=", bound: 0.5 } },
      { name: "ingress acknowledgements vs Express + INSERT", unit: "requests/s", values: fluxo, baselines: insert, goal: { of: "ratio", is: ">=", bound: 1 } },
    ];
  },
};

/** Removes every execution. */
async function forget({ client }: Bench): Promise<void> {
  await client.sql("TRUNCATE executions, occurrences CASCADE");
  await client.sql("VACUUM ANALYZE");
}
