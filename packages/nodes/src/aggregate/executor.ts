import { NodeError } from "@fluxo/core/errors/node-error";
import { canonicalJson } from "@fluxo/core/canonical-json";
import type { Json, JsonObject } from "@fluxo/core/json";
import type { NodeExecutor } from "@fluxo/core/node/executor";
import { numberOf } from "../paths/number.ts";
import { refuseItem, valueAt } from "../paths/path.ts";
import type { AggregateField, AggregateParams } from "./definition.ts";
import { decimalSum } from "./decimal-sum.ts";

interface Element {
  readonly item: Json;
  readonly index: number;
}

/** @throws NodeError DATA, PARAMS_INVALID for a value that is no number, or a sum that is none */
export const executeAggregate: NodeExecutor<AggregateParams> = ({ items, fields, groupBy }) => {
  const elements = items.map((item, index): Element => ({ item, index }));
  const grouped = groupBy.length === 0 ? [] : [...Map.groupBy(elements, ({ item }) => canonicalJson(keyOf(item, groupBy))).values()];
  const groups = grouped.map((group) => ({ key: group.slice(0, 1).flatMap(({ item }) => keyOf(item, groupBy)), count: group.length, values: valuesOf(group, fields) }));
  return { kind: "done", output: { count: items.length, values: valuesOf(elements, fields), groups } };
};

function keyOf(item: Json, groupBy: readonly string[]): Json[] {
  return groupBy.map((path) => valueAt(item, path) ?? null);
}

function valuesOf(elements: readonly Element[], fields: readonly AggregateField[]): JsonObject {
  return Object.fromEntries(fields.map((field) => [field.name, resultOf(elements, field)]));
}

function resultOf(elements: readonly Element[], { name, operation, path }: AggregateField): Json {
  const found = elements.map(({ item, index }) => ({ item: valueAt(item, path) ?? null, index })).filter(({ item }) => item !== null);
  switch (operation) {
    case "count":
      return found.length;
    case "sum":
      return sumOf(numbersOf(found, path), name);
    case "average":
      return found.length === 0 ? null : sumOf(numbersOf(found, path), name) / found.length;
    case "min":
      return found.length === 0 ? null : numbersOf(found, path).reduce((least, number) => Math.min(least, number));
    case "max":
      return found.length === 0 ? null : numbersOf(found, path).reduce((most, number) => Math.max(most, number));
    case "distinct":
      return distinctOf(found);
    case "collect":
      return found.map(({ item }) => item);
    default:
      return operation satisfies never;
  }
}

function distinctOf(found: readonly Element[]): Json[] {
  const seen = new Map<string, Json>();
  for (const { item } of found) {
    const text = canonicalJson(item);
    if (!seen.has(text)) {
      seen.set(text, item);
    }
  }
  return [...seen.values()];
}

function numbersOf(found: readonly Element[], path: string | undefined): number[] {
  return found.map(({ item, index }) => {
    const number = numberOf(item);
    if (number === undefined) {
      throw refuseItem("items", index, path, "must be a number");
    }
    return number;
  });
}

function sumOf(numbers: readonly number[], name: string): number {
  const sum = decimalSum(numbers);
  if (!Number.isFinite(sum)) {
    throw new NodeError(`The sum "${name}" is too large for a number.`, { errorClass: "DATA", code: "PARAMS_INVALID" });
  }
  return sum;
}
