import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import type { BenchRun } from "../bench-run.ts";
import { formatTable, toRow, type Measured, type MeasuredRow } from "../report.ts";
import { measureAdmission } from "./admission.ts";
import { measureClaims } from "./claims.ts";
import { measureFeeds } from "./feeds.ts";
import { measureMailboxes } from "./mailboxes.ts";
import { measureMinute } from "./minute.ts";
import { measureSchedules } from "./schedules.ts";
import { seedTenants } from "./seed.ts";
import { startStage, type DispatchStage } from "./stage.ts";

/** One part of the benchmark of dispatchers, chosen by its name. */
export interface DispatchScenario {
  readonly name: string;
  readonly title: string;
  readonly run: (stage: DispatchStage, rounds: number) => Promise<readonly Measured[]>;
}

/** Every part, in the order in which they run. */
export const DISPATCH_SCENARIOS: readonly DispatchScenario[] = [
  { name: "schedules", title: "Schedules: lag under a uniform load, drain of a burst", run: measureSchedules },
  { name: "minute", title: "Cron schedules of one minute, beside pg-boss", run: measureMinute },
  { name: "claims", title: "Cost of a claim with few and with many triggers", run: measureClaims },
  { name: "admission", title: "Cost of admission with one tenant and with 10,000", run: measureAdmission },
  { name: "feeds", title: "Looks at 10,000 feeds on local servers", run: (stage, rounds) => measureFeeds(stage, rounds) },
  { name: "mailboxes", title: "Looks at 500 mailboxes on Dovecot", run: (stage, rounds) => measureMailboxes(stage, rounds) },
];

/** Runs the scenarios on stores of their own and prints their rows. @returns whether every goal was met */
export async function runDispatchBench({ scenarios, rounds, jsonFile, print, onStarted }: BenchRun<DispatchScenario>): Promise<boolean> {
  const load = (): string => loadavg().map((value) => value.toFixed(1)).join(" ");
  print(`${availableParallelism()} cores of ${cpus()[0]?.model ?? "an unknown kind"}, load ${load()}, Node ${process.version}`);
  const dir = mkdtempSync(join(tmpdir(), "fluxo-bench-dispatch-"));
  const stage = await startStage({ dir, print });
  let isStopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (isStopped ??= stage.stop().finally(() => rmSync(dir, { recursive: true, force: true })));
  onStarted(stop);
  const rows: MeasuredRow[] = [];
  try {
    await seedTenants(stage.owner);
    for (const scenario of scenarios) {
      print(`\n${scenario.title}`);
      rows.push(...(await scenario.run(stage, rounds)).map(toRow));
    }
  } finally {
    await stop();
  }
  print(`\nMedians of ${rounds} rounds, in brackets the lowest and the highest; load ${load()}.\n\n${formatTable(rows)}`);
  if (jsonFile !== undefined) writeFileSync(jsonFile, `${JSON.stringify(rows.map(({ row }) => row), null, 2)}\n`);
  return rows.every(({ row }) => row.met !== false);
}
