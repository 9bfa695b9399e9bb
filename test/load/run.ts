import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findK6 } from "../../scripts/environment/k6-binary.ts";
import type { Steps } from "../../scripts/environment/steps.ts";
import { compare, countRefusals } from "./deliveries.ts";
import { IngressWatch } from "./ingress-watch.ts";
import { runK6, type K6Result } from "./k6.ts";
import type { LoadOptions, ScenarioName, Target } from "./options.ts";
import { measureCompletion, readRecords, waitUntilAllEnded } from "./records.ts";
import { describeScenario, type ScenarioReport, summarize } from "./report.ts";
import type { LoadHook, LoadPlan } from "./scenarios/plan.ts";
import { type LoadSystem, startLoadSystem } from "./system.ts";
import { judgeIngress, judgeRecords, judgeScenario, judgeThresholds, type Verdict } from "./verdicts.ts";

/** Requests per second that were measured, before anything is judged. */
export interface Calibration {
  /** Acknowledged by the ingress. */
  readonly acknowledged: number;
  /** Completed by the whole system. */
  readonly completed: number;
}

interface Bench {
  readonly binary: string;
  readonly dir: string;
  /** Begins all delivery ids of this run. */
  readonly testId: string;
  readonly steps: Steps;
  readonly options: LoadOptions;
}

type Rates = Pick<LoadPlan, "capacity" | "baseline">;

const CALIBRATION_SECONDS = 4;
/** The usual moment's share of what the system completes and of what the ingress acknowledges. */
const BASELINE_SHARE = 0.4;
/** The metric whose thresholds ask for refusals. */
const REFUSALS = "refused count";
const ATTEMPTS_MAX = 3;

/** Runs the chosen scenarios one after the other. What was started is stopped by `stack`. @returns how many checks passed and failed */
export async function runLoad(options: LoadOptions, steps: Steps, stack: AsyncDisposableStack): Promise<{ readonly passed: number; readonly failed: number }> {
  const dir = mkdtempSync(join(tmpdir(), "fluxo-k6-"));
  stack.defer(() => rmSync(dir, { recursive: true, force: true }));
  const binary = await steps.run("k6", findK6);
  const bench: Bench = { binary, dir, testId: randomBytes(4).toString("hex"), steps, options };
  const reports = options.target === undefined ? await loadOwnSystem(bench, stack) : await loadTarget(bench, options.target);
  if (options.jsonFile !== undefined) writeFileSync(options.jsonFile, `${JSON.stringify({ testId: bench.testId, durationSeconds: options.durationSeconds, scenarios: reports }, null, 2)}\n`);
  return summarize(reports);
}

async function loadOwnSystem(bench: Bench, stack: AsyncDisposableStack): Promise<ScenarioReport[]> {
  const { steps, options } = bench;
  const system = await steps.run("Fluxo", async () => stack.use(await startLoadSystem()), ({ hooks }) => `${hooks.length} tenants with a hook each`);
  const { acknowledged, completed } = await steps.run(
    "Calibration",
    () => calibrate(bench, system),
    (measured) => `${Math.round(measured.acknowledged)} requests/s acknowledged, ${Math.round(measured.completed)} executions/s completed`,
  );
  const rates: Rates = { capacity: acknowledged, baseline: Math.max(2, Math.min(acknowledged, completed) * BASELINE_SHARE) };
  steps.note(`  baseline: ${Math.round(rates.baseline)} requests/s (${BASELINE_SHARE * 100} % of the lesser)`);
  const reports: ScenarioReport[] = [];
  for (const name of options.scenarios) {
    const report = await steps.run(name, (progress) => runScenario(bench, system, name, rates, progress), ({ verdicts }) => verdictCount(verdicts));
    steps.note(describeScenario(report));
    reports.push(report);
  }
  return reports;
}

/** An installation's records are not ours to look at: k6's thresholds decide. */
async function loadTarget(bench: Bench, { hookUrl, secret, deliveryIdHeader, rate }: Target): Promise<ScenarioReport[]> {
  const hooks = [{ url: hookUrl, secret, deliveryIdHeader }];
  const reports: ScenarioReport[] = [];
  for (const name of bench.options.scenarios) {
    const report = await bench.steps.run(
      name,
      async () => {
        const { metrics, deliveries } = await send(bench, hooks, name, { capacity: rate / BASELINE_SHARE, baseline: rate });
        return { name, metrics, refusals: countRefusals(deliveries), verdicts: judgeThresholds({ metrics }) };
      },
      ({ verdicts }) => verdictCount(verdicts),
    );
    bench.steps.note(describeScenario(report));
    reports.push(report);
  }
  return reports;
}

async function calibrate(bench: Bench, system: LoadSystem): Promise<Calibration> {
  const { metrics, deliveries } = await send(bench, system.hooks, "calibrate", { capacity: 0, baseline: 0 }, CALIBRATION_SECONDS);
  await waitUntilAllEnded(system.client, () => undefined);
  const { perSecond } = await measureCompletion(system.client, `${bench.testId}-calibrate-`);
  return { acknowledged: metrics["accepted"]?.values["rate"] ?? deliveries.length / CALIBRATION_SECONDS, completed: perSecond };
}

/** An overload that the ingress did not notice proves nothing: it is repeated with a higher rate. */
async function runScenario(bench: Bench, system: LoadSystem, name: ScenarioName, rates: Rates, progress: (text: string) => void): Promise<ScenarioReport> {
  for (let attempt = 1, { capacity } = rates; ; attempt += 1, capacity *= 2) {
    const report = await runOnce(bench, system, { name, id: attempt === 1 ? name : `${name}-${attempt}` }, { ...rates, capacity }, progress);
    const failed = report.verdicts.filter(({ isPassed }) => !isPassed);
    const isUnnoticed = failed.length > 0 && failed.every(({ title }) => title.startsWith(REFUSALS));
    if (!isUnnoticed || attempt === ATTEMPTS_MAX) return report;
    progress("nothing was refused: once more with twice the rate");
  }
}

async function runOnce(bench: Bench, system: LoadSystem, { name, id }: { readonly name: ScenarioName; readonly id: string }, rates: Rates, progress: (text: string) => void): Promise<ScenarioReport> {
  const watch = await IngressWatch.start(system.ingressUrl);
  progress("sending");
  const { metrics, deliveries } = await send(bench, system.hooks, name, rates, bench.options.durationSeconds, id);
  const ingress = await watch.stop();
  const left = await waitUntilAllEnded(system.client, (count) => progress(count === 0 ? "comparing with the records" : "waiting until everything accepted has ended"));
  const prefix = `${bench.testId}-${id}-`;
  const comparison = compare(deliveries, await readRecords(system.client, prefix));
  const completion = await measureCompletion(system.client, prefix);
  const quiet = name === "noisy-tenant" ? await measureCompletion(system.client, `${prefix}quiet-`) : undefined;
  const verdicts = [...judgeThresholds({ metrics }), ...judgeRecords(comparison, left), ...judgeScenario(name, comparison, quiet), ...judgeIngress(ingress)];
  return { name, verdicts, metrics, refusals: countRefusals(deliveries), comparison, completion, ingress };
}

function send(bench: Bench, hooks: readonly LoadHook[], script: ScenarioName | "calibrate", rates: Rates, durationSeconds = bench.options.durationSeconds, id: string = script): Promise<K6Result> {
  return runK6({ binary: bench.binary, script, dir: bench.dir, plan: { prefix: `${bench.testId}-${id}`, hooks, ...rates, durationSeconds } });
}

function verdictCount(verdicts: readonly Verdict[]): string {
  const failed = verdicts.filter(({ isPassed }) => !isPassed).length;
  return failed === 0 ? `${verdicts.length} checks passed` : `${failed} of ${verdicts.length} checks FAILED`;
}
