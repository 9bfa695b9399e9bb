import type { Json } from "@fluxo/core/json";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { areEqual, evaluateConditions, holds } from "./evaluate.ts";
import { BINARY_OPERATORS, CONDITION_DOCS, conditionSchema, conditionsSchema, UNARY_OPERATORS, type Condition } from "./schema.ts";

type Operator = Condition["operator"];

const OPERATORS: readonly Operator[] = [...BINARY_OPERATORS, ...UNARY_OPERATORS];

/** Values that meet: the same few texts and numbers in many forms. */
const json = fc.oneof(
  fc.constantFrom<Json>(0, 1, -1, 1.5, "0", "1", "1.0", "01", " 1", "-1", "1e0", "", "a", "A", null, true, false, "true", [], {}, [1], ["1"], { a: 1 }),
  fc.jsonValue().map((value): Json => JSON.parse(JSON.stringify(value))),
);

function is(left: Json, operator: Operator, right: Json = null, caseSensitive = true): boolean {
  return holds({ left, operator, right, caseSensitive });
}

describe("every operator", () => {
  test("is total: a boolean for arbitrary JSON, the same one each time", () => {
    fc.assert(
      fc.property(json, json, fc.constantFrom(...OPERATORS), fc.boolean(), (left, right, operator, caseSensitive) => {
        const condition = { left, operator, right, caseSensitive };
        const held = holds(condition);
        expect(typeof held).toBe("boolean");
        expect(holds(structuredClone(condition))).toBe(held);
      }),
      { numRuns: 1_000 },
    );
  });

  test("works at any depth", () => {
    let deep: Json = [];
    for (let level = 0; level < 50_000; level += 1) {
      deep = [deep];
    }
    for (const operator of OPERATORS) {
      expect(typeof is(deep, operator, deep)).toBe("boolean");
    }
  });

  test("is documented", () => {
    expect(OPERATORS.filter((operator) => !CONDITION_DOCS.includes(`\`${operator}\``))).toEqual([]);
  });

  test.each<[Operator, Operator]>([
    ["equals", "notEquals"],
    ["contains", "notContains"],
    ["isEmpty", "isNotEmpty"],
    ["exists", "notExists"],
  ])("%s is the exact opposite of %s", (operator, opposite) => {
    fc.assert(
      fc.property(json, json, fc.boolean(), (left, right, caseSensitive) => {
        expect(is(left, operator, right, caseSensitive)).toBe(!is(left, opposite, right, caseSensitive));
      }),
    );
  });
});

describe("equals", () => {
  test("is reflexive and symmetric", () => {
    fc.assert(
      fc.property(json, json, fc.boolean(), (left, right, caseSensitive) => {
        expect(areEqual(left, left, caseSensitive)).toBe(true);
        expect(areEqual(left, right, caseSensitive)).toBe(areEqual(right, left, caseSensitive));
      }),
    );
  });

  test.each<[Json, Json, boolean]>([
    [1, 1, true],
    [0, -0, true],
    [1, "1", true],
    ["1.50", 1.5, true],
    ["1e3", 1000, true],
    [1, "01", false],
    [1, " 1", false],
    [1, "1,0", false],
    [0, "", false],
    [16, "0x10", false],
    [9_007_199_254_740_992, "9007199254740993", false],
    ["1", "1.0", false],
    [1, true, false],
    ["true", true, false],
    [null, "", false],
    [null, 0, false],
    [null, null, true],
    [{ a: 1, b: [2] }, { b: [2], a: 1 }, true],
    [{ a: 1 }, { a: "1" }, false],
    [[1, 2], [2, 1], false],
    [[], {}, false],
    ["é", "e\u0301", false],
  ])("%j and %j: %s", (left, right, expected) => {
    expect(is(left, "equals", right)).toBe(expected);
  });

  test("can leave upper and lower case aside, for texts alone", () => {
    expect(is("Ada", "equals", "aDA", false)).toBe(true);
    expect(is("Ada", "equals", "aDA")).toBe(false);
    expect(is(["Ada"], "equals", ["ada"], false)).toBe(false);
  });
});

describe("the ordering operators", () => {
  test("agree with each other: at most one of <, =, > holds, and the mirrored one with it", () => {
    fc.assert(
      fc.property(json, json, fc.boolean(), (left, right, caseSensitive) => {
        const [less, greater] = [is(left, "lessThan", right, caseSensitive), is(left, "greaterThan", right, caseSensitive)];
        expect(less && greater).toBe(false);
        expect(is(right, "greaterThan", left, caseSensitive)).toBe(less);
        expect(is(right, "greaterOrEqual", left, caseSensitive)).toBe(is(left, "lessOrEqual", right, caseSensitive));
        expect(less || is(left, "equals", right, caseSensitive) || !is(left, "lessOrEqual", right, caseSensitive)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test.each<[Json, Operator, Json, boolean]>([
    [2, "greaterThan", 1, true],
    [1, "greaterOrEqual", 1, true],
    ["12", "greaterThan", 9, true],
    [9, "lessThan", "12", true],
    ["12", "greaterThan", "9", false],
    ["2026-01-05", "lessThan", "2026-02-01", true],
    ["twelve", "greaterThan", 9, false],
    ["twelve", "lessOrEqual", 9, false],
    [null, "lessThan", 1, false],
    [null, "greaterOrEqual", null, false],
    [true, "greaterThan", false, false],
    [[2], "greaterThan", [1], false],
    [1e308, "greaterThan", -1e308, true],
  ])("%j %s %j: %s", (left, operator, right, expected) => {
    expect(is(left, operator, right)).toBe(expected);
  });
});

describe("the operators of texts and lists", () => {
  test.each<[Json, Operator, Json, boolean]>([
    ["invoice 7", "contains", "voice", true],
    ["invoice", "contains", "Voice", false],
    ["abc", "contains", "", true],
    ["a5", "contains", 5, false],
    [[1, "b", { c: 1 }], "contains", { c: 1 }, true],
    [["1"], "contains", 1, true],
    [[[1]], "contains", 1, false],
    [{ a: 1 }, "contains", "a", false],
    [null, "notContains", "a", true],
    ["report.pdf", "endsWith", ".pdf", true],
    ["report.pdf", "startsWith", "re", true],
    [["re"], "startsWith", "re", false],
    [12, "startsWith", 1, false],
  ])("%j %s %j: %s", (left, operator, right, expected) => {
    expect(is(left, operator, right)).toBe(expected);
  });

  test("can leave upper and lower case aside", () => {
    expect(is("INVOICE", "contains", "voice", false)).toBe(true);
    expect(is(["New"], "contains", "NEW", false)).toBe(true);
    expect(is("Report.PDF", "endsWith", ".pdf", false)).toBe(true);
    expect(is("report", "startsWith", "RE", false)).toBe(true);
  });
});

describe("the operators of one side", () => {
  test.each<[Operator, Json[], Json[]]>([
    ["isEmpty", [null, "", [], {}], [0, false, " ", [null], { a: null }]],
    ["isTrue", [true], [false, "true", 1, null, {}]],
    ["isFalse", [false], [true, "false", 0, null, ""]],
    ["exists", [0, "", false, [], {}], [null]],
  ])("%s holds for the first, not for the second values", (operator, holding, others) => {
    expect(holding.filter((value) => !is(value, operator))).toEqual([]);
    expect(others.filter((value) => is(value, operator))).toEqual([]);
  });
});

describe("several conditions", () => {
  const yes: Condition = { left: true, operator: "isTrue", caseSensitive: true };
  const no: Condition = { left: true, operator: "isFalse", caseSensitive: true };

  test("tell which ones hold, and decide together", () => {
    expect(evaluateConditions([yes, no], "all")).toEqual({ result: false, conditions: [true, false] });
    expect(evaluateConditions([yes, no], "any")).toEqual({ result: true, conditions: [true, false] });
    expect(evaluateConditions([yes, yes], "all").result).toBe(true);
    expect(evaluateConditions([no, no], "any").result).toBe(false);
  });

  test("are 1 to 20", () => {
    const condition = { left: 1, operator: "exists" };
    expect(conditionsSchema.safeParse([]).success).toBe(false);
    expect(conditionsSchema.safeParse(Array.from({ length: 20 }, () => condition)).success).toBe(true);
    expect(conditionsSchema.safeParse(Array.from({ length: 21 }, () => condition)).success).toBe(false);
  });

  test("need `right` where they compare, also when it is null", () => {
    expect(conditionSchema.safeParse({ left: 1, operator: "equals" }).error?.issues).toMatchObject([{ path: ["right"] }]);
    expect(conditionSchema.safeParse({ left: 1, operator: "equals", right: null }).success).toBe(true);
    expect(conditionSchema.safeParse({ operator: "exists" }).error?.issues).toMatchObject([{ path: ["left"] }]);
    for (const operator of UNARY_OPERATORS) {
      expect(conditionSchema.safeParse({ left: null, operator }).success).toBe(true);
    }
  });
});
