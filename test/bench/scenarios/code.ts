import { setTimeout as sleep } from "node:timers/promises";
import { Engine } from "@fluxo/sandbox/child/engine";
import { SandboxPool } from "@fluxo/sandbox/pool";
import { alternate, type Scenario } from "./scenario.ts";

const CALLS = 100;
const TENANTS = 4;
const MEMORY_BYTES = 64 * 1024 * 1024;
const LIMITS = { timeoutMs: 10_000, memoryBytesMax: MEMORY_BYTES, outputBytesMax: 1024 * 1024 };
const INPUT = { items: Array.from({ length: 100 }, (_, index) => ({ id: index, price: index * 1.5, name: `item ${index}` })) };
const JOBS = {
  javascript: "return { total: input.items.reduce((sum, item) => sum + item.price, 0), names: input.items.map((item) => item.name.toUpperCase()) };",
  jsonata: "{ 'total': $sum(items.price), 'names': items.$uppercase(name) }",
} as const;
type Language = keyof typeof JOBS;

async function perSecond(calls: number, work: () => unknown): Promise<number> {
  const begun = performance.now();
  await work();
  return (calls * 1_000) / (performance.now() - begun);
}

/** Calls of tenants' code per second, through the pool and its processes, against the same engine called in this process. */
export const code: Scenario = {
  name: "code",
  title: `Calls of tenants' code, ${INPUT.items.length} items each`,
  run: async (_bench, rounds) => {
    const pool = new SandboxPool({ processes: 2, memoryBytesMax: MEMORY_BYTES, waitingPerTenantMax: CALLS, waitingMax: CALLS * TENANTS, clock: { now: () => new Date(), sleep: (ms, signal) => sleep(ms, undefined, { signal }) } });
    const engine = await Engine.create(2 * MEMORY_BYTES);
    const pooled = (language: Language, tenants: number): Promise<unknown> =>
      Promise.all(Array.from({ length: CALLS }, (_, index) => pool.run({ tenantId: `tenant ${index % tenants}`, language, source: JOBS[language], input: INPUT, ...LIMITS })));
    const inProcess = (language: Language): void => {
      const input = JSON.stringify(INPUT);
      for (let call = 0; call < CALLS; call += 1) engine.run({ language, source: JOBS[language], ...LIMITS }, input);
    };
    try {
      const measured = [];
      for (const language of ["javascript", "jsonata"] as const) {
        const { one, two, four, bare } = await alternate(rounds, {
          one: () => perSecond(CALLS, () => pooled(language, 1)),
          two: () => perSecond(CALLS, () => pooled(language, 2)),
          four: () => perSecond(CALLS, () => pooled(language, TENANTS)),
          bare: () => perSecond(CALLS, () => inProcess(language)),
        });
        const name = `${language === "javascript" ? "code" : "transform"} node calls vs the engine without processes`;
        measured.push(
          { name: `${name}, 1 tenant`, unit: "calls/s", values: one, baselines: bare },
          { name: `${name}, 2 tenants, 2 processes`, unit: "calls/s", values: two, baselines: bare },
          { name: `${name}, ${TENANTS} tenants, 2 processes`, unit: "calls/s", values: four, baselines: bare },
        );
      }
      return measured;
    } finally {
      pool.stop();
    }
  },
};
