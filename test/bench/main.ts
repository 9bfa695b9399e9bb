import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import type { BenchRun } from "./bench-run.ts";
import { startBench, type Bench } from "./environment.ts";
import { formatTable, toRow, type MeasuredRow } from "./report.ts";
import { burst } from "./scenarios/burst.ts";
import { code } from "./scenarios/code.ts";
import { fairness } from "./scenarios/fairness.ts";
import { ingress } from "./scenarios/ingress.ts";
import { keys } from "./scenarios/keys.ts";
import { idle, lane } from "./scenarios/latency.ts";
import { lists } from "./scenarios/lists.ts";
import { loop } from "./scenarios/loop.ts";
import { chains, parallel } from "./scenarios/overhead.ts";
import type { Scenario } from "./scenarios/scenario.ts";
import { statements } from "./scenarios/statements.ts";

/** Every part, in the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [ingress, burst, idle, lane, chains, parallel, loop, statements, fairness, code, keys, lists];

/** Runs the scenarios and prints their rows. @returns whether every goal was met */
export async function runBench(run: BenchRun<Scenario>): Promise<boolean> {
  const { print } = run;
  const begun = performance.now();
  const elapsed = (): string => `${Math.round((performance.now() - begun) / 1_000)} s`;
  print(`${availableParallelism()} cores of ${cpus()[0]?.model ?? "an unknown kind"}, load ${loadavg().map((load) => load.toFixed(1)).join(" ")}, Node ${process.version}`);
  const dir = mkdtempSync(join(tmpdir(), "fluxo-bench-"));
  const bench = await startBench({ dir, profileDir: run.profileDir, print });
  let isStopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (isStopped ??= bench.stop().finally(() => rmSync(dir, { recursive: true, force: true })));
  run.onStarted(stop);
  const rows: MeasuredRow[] = [];
  try {
    print(`started after ${elapsed()}`);
    for (const scenario of run.scenarios) rows.push(...(await measure(bench, scenario, run)));
  } finally {
    await stop();
  }
  print(`\nMedians of ${run.rounds} rounds, in brackets the lowest and the highest; ${elapsed()} in all; load ${loadavg().map((load) => load.toFixed(1)).join(" ")}.\n\n${formatTable(rows)}`);
  if (run.jsonFile !== undefined) writeFileSync(run.jsonFile, `${JSON.stringify(rows.map(({ row }) => row), null, 2)}\n`);
  return rows.every(({ row }) => row.met !== false);
}

async function measure(bench: Bench, scenario: Scenario, { rounds, print }: BenchRun<Scenario>): Promise<readonly MeasuredRow[]> {
  const begun = performance.now();
  print(`\n${scenario.title}`);
  const rows = (await scenario.run(bench, rounds)).map(toRow);
  for (const { row } of rows) print(`  ${row.name}: ${row.value} ${row.unit}${row.baseline === null ? "" : `, baseline ${row.baseline}, ratio ${row.ratio}`}${row.goal === null ? "" : `, goal ${row.goal}: ${row.met === true ? "met" : "NOT met"}`}`);
  print(`  (${((performance.now() - begun) / 1_000).toFixed(0)} s)`);
  return rows;
}
