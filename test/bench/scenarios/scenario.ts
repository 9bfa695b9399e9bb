import type { Bench } from "../environment.ts";
import type { Measured } from "../report.ts";

/** One part of the benchmark, chosen by its name. */
export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** Which rows it gives. @param rounds how often each side is measured, in turns */
  readonly run: (bench: Bench, rounds: number) => Promise<readonly Measured[]>;
}

/** Measures each side once per round, in turns, after a first round that does not count. */
export async function alternate<Side extends string>(rounds: number, sides: Readonly<Record<Side, () => Promise<number>>>): Promise<Record<Side, number[]>> {
  const names = Object.keys(sides) as Side[];
  const values = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Side, number[]>;
  for (const name of names) await sides[name]();
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) values[name].push(await sides[name]());
  }
  return values;
}
