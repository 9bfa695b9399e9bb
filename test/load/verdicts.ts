import type { Comparison } from "./deliveries.ts";
import type { IngressUse } from "./ingress-watch.ts";
import type { K6Result } from "./k6.ts";
import type { ScenarioName } from "./options.ts";
import type { Completion } from "./records.ts";

/** One thing that was judged. */
export interface Verdict {
  readonly title: string;
  readonly isPassed: boolean;
  /** What was found. */
  readonly found: string;
}

/** Most resident memory of the ingress: its body budget (64 MiB) twice over, and Node. */
export const RSS_MAX_MIB = 450;
/** Longest p95 of the quiet tenants' completion while another one floods. */
export const QUIET_P95_MAX_MS = 10_000;
const EXAMPLES_MAX = 3;

/** k6's thresholds, each as one verdict. */
export function judgeThresholds({ metrics }: Pick<K6Result, "metrics">): Verdict[] {
  return Object.entries(metrics).flatMap(([name, { values, thresholds = {} }]) =>
    Object.entries(thresholds).map(([expression, { ok }]) => ({ title: `${name} ${expression}`, isPassed: ok, found: foundOf(expression, values) })),
  );
}

function foundOf(expression: string, values: Readonly<Record<string, number>>): string {
  const value = values[/^[a-z]+(?:\([\d.]+\))?/.exec(expression)?.[0] ?? ""];
  return value === undefined ? "not measured" : String(Math.round(value * 1_000) / 1_000);
}

/** What is recorded, held against what callers were told. @param left executions that did not end */
export function judgeRecords(comparison: Comparison, left: number): Verdict[] {
  const none = (title: string, ids: readonly string[]): Verdict => ({ title, isPassed: ids.length === 0, found: ids.length === 0 ? "0" : `${ids.length}: ${ids.slice(0, EXAMPLES_MAX).join(", ")}` });
  return [
    { title: "something was accepted", isPassed: comparison.accepted > 0, found: String(comparison.accepted) },
    { title: "everything accepted ended by itself", isPassed: left === 0, found: `${left} left` },
    none("lost", comparison.lost),
    none("doubled", comparison.doubled),
    none("ended otherwise than SUCCESS", comparison.notSucceeded),
    none("recorded though refused for good", comparison.wronglyRecorded),
  ];
}

/** Memory, whatever the scenario. */
export function judgeIngress(use: IngressUse): Verdict[] {
  return [
    { title: `the ingress stays under ${RSS_MAX_MIB} MiB`, isPassed: use.samples > 1 && use.peakMib < RSS_MAX_MIB, found: `${Math.round(use.peakMib)} MiB, ${use.samples} samples` },
    { title: "the ingress is never restarted", isPassed: use.isSameProcess, found: use.isSameProcess ? "same process" : "another process or no answer" },
  ];
}

/** What only one scenario is about. */
export function judgeScenario(name: ScenarioName, comparison: Comparison, quiet: Completion | undefined): Verdict[] {
  switch (name) {
    case "noisy-tenant":
      return quiet === undefined ? [] : [{ title: `quiet tenants' completion p95 under ${QUIET_P95_MAX_MS / 1_000} s`, isPassed: quiet.count > 0 && quiet.p95Ms < QUIET_P95_MAX_MS, found: `${Math.round(quiet.p95Ms)} ms` }];
    case "overload":
      return [{ title: "more is accepted than goes without an answer", isPassed: comparison.accepted > comparison.unanswered, found: `${comparison.accepted} accepted, ${comparison.refused} refused, ${comparison.unanswered} unanswered` }];
    case "smoke":
    case "baseline":
    case "spike":
    case "bad-input":
      return [];
    default:
      return name satisfies never;
  }
}
