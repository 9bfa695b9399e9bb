import type { Comparison } from "./deliveries.ts";
import type { IngressUse } from "./ingress-watch.ts";
import type { K6Result } from "./k6.ts";
import type { ScenarioName } from "./options.ts";
import type { Completion } from "./records.ts";
import type { Verdict } from "./verdicts.ts";

export interface ScenarioReport {
  readonly name: ScenarioName;
  readonly verdicts: readonly Verdict[];
  readonly metrics: K6Result["metrics"];
  /** Requests by the answer that refused them. */
  readonly refusals: Readonly<Record<string, number>>;
  /** Absent where there are no records to look at. */
  readonly comparison?: Comparison;
  readonly completion?: Completion;
  readonly ingress?: IngressUse;
}

/** The lines of one scenario: what was sent, how long it took, and every check that failed. */
export function describeScenario({ metrics, refusals, comparison, completion, ingress, verdicts }: ScenarioReport): string {
  const value = (metric: string, key: string): number => metrics[metric]?.values[key] ?? 0;
  const lines = [
    `answers:    ${value("accepted", "count")} accepted, ${value("refused", "count")} refused with 429 or 503, ${value("dropped_iterations", "count")} not sent for lack of users`,
    `latency:    accepted p50 ${ms(value("accepted_duration", "p(50)"))}, p95 ${ms(value("accepted_duration", "p(95)"))}, p99 ${ms(value("accepted_duration", "p(99)"))}; refused p99 ${ms(value("refused_duration", "p(99)"))}`,
  ];
  const refused = Object.entries(refusals).map(([answer, count]) => `${count} × ${answer}`);
  if (refused.length > 0) lines.push(`refusals:   ${refused.join(", ")}`);
  if (comparison !== undefined && completion !== undefined) {
    lines.push(`records:    ${completion.count} ended, ${comparison.lost.length} lost, ${comparison.doubled.length} doubled; accept → end p50 ${ms(completion.p50Ms)}, p95 ${ms(completion.p95Ms)}; ${Math.round(completion.perSecond)} executions/s`);
  }
  if (ingress !== undefined) lines.push(`ingress:    ${Math.round(ingress.startMib)} MiB at the start, ${Math.round(ingress.peakMib)} MiB at most`);
  return [...lines, ...verdicts.filter(({ isPassed }) => !isPassed).map(describeFailure)].map((line) => `    ${line}`).join("\n");
}

function describeFailure({ title, found }: Verdict): string {
  return `✖ ${title}: found ${found}`;
}

function ms(value: number): string {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}

/** How many checks passed and failed in all. */
export function summarize(reports: readonly ScenarioReport[]): { readonly passed: number; readonly failed: number } {
  const verdicts = reports.flatMap((report) => report.verdicts);
  const passed = verdicts.filter(({ isPassed }) => isPassed).length;
  return { passed, failed: verdicts.length - passed };
}
