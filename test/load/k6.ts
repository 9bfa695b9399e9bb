import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../../scripts/environment/commands.ts";
import { Problem } from "../../scripts/environment/problem.ts";
import { describeExit } from "../../scripts/environment/processes.ts";
import { childEnv, readJson, ROOT, writePrivate } from "../../scripts/environment/state.ts";
import { type Delivery, readDeliveries } from "./deliveries.ts";
import type { LoadPlan } from "./scenarios/plan.ts";

/** One metric of k6's end-of-test summary. */
interface Metric {
  readonly values: Readonly<Record<string, number>>;
  readonly thresholds?: Readonly<Record<string, { readonly ok: boolean }>>;
}

export interface K6Result {
  readonly metrics: Readonly<Record<string, Metric>>;
  /** What became of each request, in the order of the answers. */
  readonly deliveries: readonly Delivery[];
}

export interface K6Run {
  readonly binary: string;
  /** A file of `scenarios/`, without its ending. */
  readonly script: string;
  /** For the plan, the log and the summary. */
  readonly dir: string;
  readonly plan: Omit<LoadPlan, "summaryFile">;
}

/** What k6 ends with when a threshold was crossed: a result like another. */
const THRESHOLDS_CROSSED = 99;
/** Time for starting users and for the last answers. */
const OVERHEAD_MS = 120_000;

/** Runs one scenario to its end. @throws Problem when k6 itself failed */
export async function runK6({ binary, script, dir, plan }: K6Run): Promise<K6Result> {
  const base = join(dir, plan.prefix);
  const planFile = `${base}.plan.json`;
  const summaryFile = `${base}.summary.json`;
  const logFile = `${base}.log`;
  writePrivate(planFile, JSON.stringify({ ...plan, summaryFile } satisfies LoadPlan));
  const result = await runCommand({
    command: binary,
    args: [
      // An answer that leads elsewhere is none that the ingress gives: nothing is sent to a place that was not named.
      "run", "--max-redirects", "0", "--quiet", "--no-color", "--no-usage-report", "--address", "", "--log-output", `file=${logFile}`, "--log-format", "raw",
      "--env", `FLUXO_LOAD_PLAN=${planFile}`, join(ROOT, "test", "load", "scenarios", `${script}.ts`),
    ],
    cwd: dir,
    env: childEnv({ K6_NO_USAGE_REPORT: "true" }),
    timeoutMs: plan.durationSeconds * 1_000 + OVERHEAD_MS,
  });
  const log = readText(logFile);
  const summary = readJson<{ readonly metrics: K6Result["metrics"] }>(summaryFile);
  if ((result.code !== 0 && result.code !== THRESHOLDS_CROSSED) || summary === undefined) {
    const told = log.split("\n").filter((line) => !line.startsWith("@"));
    throw new Problem({ what: `k6 failed in the scenario ${script}.`, why: `it ${describeExit(result)}.\n${[result.output.trim(), ...told].join("\n").slice(-2_000)}`, todo: "mind the reason above." });
  }
  return { metrics: summary.metrics, deliveries: readDeliveries(log) };
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
