import { expect, test } from "vitest";
import { toRow, type Goal } from "./report.ts";
import { alternate } from "./scenarios/scenario.ts";

const rowOf = (values: readonly number[], baselines?: readonly number[], goal?: Goal) => toRow({ name: "row", unit: "ms", values, ...(baselines === undefined ? {} : { baselines }), ...(goal === undefined ? {} : { goal }) }).row;
const atLeast: Goal = { of: "ratio", is: ">=", bound: 2 };
const atMost: Goal = { of: "value", is: "<=", bound: 10 };

test("a row has the medians of its rounds and the ratio of these, whatever one round was", () => {
  expect(rowOf([30, 10, 9_000], [10, 5, 1])).toEqual({ name: "row", unit: "ms", value: 30, baseline: 5, ratio: 6, goal: null, met: null });
  expect(rowOf([1, 2])).toMatchObject({ value: 1.5, baseline: null, ratio: null });
});

test("a goal is met at its bound and not beyond it, before anything is rounded", () => {
  expect([[20], [19.999], [21]].map((values) => rowOf(values, [10], atLeast).met)).toEqual([true, false, true]);
  expect([[10], [10.001], [9]].map((values) => rowOf(values, [1], atMost).met)).toEqual([true, false, true]);
  expect(rowOf([20], [10], atLeast).goal).toBe(">= 2x");
  expect(rowOf([10], undefined, atMost).goal).toBe("<= 10");
});

test("what was not measured meets no goal", () => {
  expect([rowOf([], [10], atLeast), rowOf([20], [], atLeast), rowOf([20], undefined, atLeast), rowOf([], undefined, atMost), rowOf([Number.NaN], undefined, atMost)].map(({ met }) => met)).toEqual([false, false, false, false, false]);
});

test("sides are measured in turns, after a round that does not count", async () => {
  const calls: string[] = [];
  const side = (name: string) => () => Promise.resolve(calls.push(name));
  expect(await alternate(2, { ours: side("ours"), bare: side("bare") })).toEqual({ ours: [3, 5], bare: [4, 6] });
  expect(calls).toEqual(["ours", "bare", "ours", "bare", "ours", "bare"]);
});
