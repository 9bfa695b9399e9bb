import { median } from "./statistics.ts";

/** A goal: the ratio to the baseline, or the value itself where there is no baseline, must be at least or at most the bound. */
export interface Goal {
  readonly of: "ratio" | "value";
  readonly is: ">=" | "<=";
  readonly bound: number;
}

/** One line of the benchmark as `--json` writes it. */
export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
  readonly baseline: number | null;
  readonly ratio: number | null;
  readonly goal: string | null;
  readonly met: boolean | null;
}

/** What a scenario measured: one number per round for us, and one for the baseline unless that is a constant or absent. */
export interface Measured {
  readonly name: string;
  readonly unit: string;
  readonly values: readonly number[];
  readonly baselines?: readonly number[];
  readonly goal?: Goal;
}

/** A row with its rounds. */
export interface MeasuredRow {
  readonly row: Row;
  readonly measured: Measured;
}

/** Medians over the rounds, the ratio of the medians, and whether the goal is met. */
export function toRow(measured: Measured): MeasuredRow {
  const { name, unit, values, baselines, goal } = measured;
  const value = median(values);
  const baseline = baselines === undefined ? null : median(baselines);
  const ratio = baseline === null ? null : value / baseline;
  const judged = goal?.of === "value" ? value : ratio;
  // What was not measured meets no goal.
  const met = goal === undefined ? null : judged !== null && (goal.is === ">=" ? judged >= goal.bound : judged <= goal.bound);
  return {
    measured,
    row: { name, unit, value: round(value), baseline: baseline === null ? null : round(baseline), ratio: ratio === null ? null : round(ratio), goal: goal === undefined ? null : describeGoal(goal), met },
  };
}

function describeGoal({ of, is, bound }: Goal): string {
  return of === "ratio" ? `${is} ${bound}x` : `${is} ${bound}`;
}

/** Three significant digits; whole numbers from 100 on. */
function round(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}

function spread(values: readonly number[]): string {
  const [low, high] = [Math.min(...values), Math.max(...values)].map(round);
  return `${low}–${high}`;
}

/** The rows as a table for people: medians, and in brackets the lowest and the highest round. */
export function formatTable(rows: readonly MeasuredRow[]): string {
  const lines = rows.map(({ row, measured }) => [
    row.name,
    row.unit,
    `${row.value} (${spread(measured.values)})`,
    row.baseline === null || measured.baselines === undefined ? "–" : `${row.baseline} (${spread(measured.baselines)})`,
    row.ratio === null ? "–" : `${row.ratio}`,
    row.goal ?? "–",
    row.met === null ? "–" : row.met ? "yes" : "NO",
  ]);
  const table = [["name", "unit", "Fluxo (min–max)", "baseline (min–max)", "ratio", "goal", "met"], ...lines];
  const widths = table[0]?.map((_, column) => Math.max(...table.map((line) => line[column]?.length ?? 0))) ?? [];
  const print = (line: readonly string[]): string => `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [print(table[0] ?? []), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...lines.map(print)].join("\n");
}
