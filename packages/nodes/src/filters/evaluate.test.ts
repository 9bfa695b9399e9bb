import type { JsonObject } from "@fluxo/core/json";
import { describe, expect, test } from "vitest";
import { catalog } from "../catalog.ts";
import { filterOf, filterRefusal } from "./evaluate.ts";
import { triggerFilterSchema } from "./schema.ts";

const payload: JsonObject = JSON.parse('{"body":{"kind":"order","amount":12,"tags":["a","B"],"isPaid":true,"__proto__":{"own":1}},"headers":{}}');

function refusalOf(conditions: unknown[], match: "all" | "any" = "all"): string | undefined {
  return filterRefusal(triggerFilterSchema.parse({ match, conditions }), payload);
}

describe("a filter", () => {
  test.each([
    [{ path: "body.kind", operator: "equals", right: "order" }],
    [{ path: "body.kind", operator: "startsWith", right: "ORD", caseSensitive: false }],
    [{ path: "body.amount", operator: "greaterOrEqual", right: 12 }],
    [{ path: "body.amount", operator: "lessThan", right: "13" }],
    [{ path: "body.tags", operator: "contains", right: "B" }],
    [{ path: "body.tags.0", operator: "equals", right: "a" }],
    [{ path: "body.isPaid", operator: "isTrue" }],
    [{ path: "body.absent", operator: "notExists" }],
    [{ path: "body.absent", operator: "notContains", right: "x" }],
    [{ path: "body.__proto__.own", operator: "equals", right: 1 }],
  ])("matches %j", (condition) => {
    expect(refusalOf([condition])).toBeUndefined();
  });

  test.each([
    [{ path: "body.kind", operator: "equals", right: "refund" }, "body.kind: equals does not hold."],
    [{ path: "body.absent", operator: "equals", right: "x" }, "body.absent is not there, so equals does not hold."],
    [{ path: "constructor.name", operator: "exists" }, "constructor.name is not there, so exists does not hold."],
    [{ path: "body.kind.length", operator: "greaterThan", right: 1 }, "body.kind.length is not there, so greaterThan does not hold."],
  ])("does not match %j", (condition, detail) => {
    expect(refusalOf([condition])).toBe(detail);
  });

  test.each([
    [{ path: "body.kind", operator: "greaterThan", right: 3 }, "body.kind is a text, which greaterThan cannot look at."],
    [{ path: "body.amount", operator: "notContains", right: "1" }, "body.amount is a number, which notContains cannot look at."],
    [{ path: "body", operator: "startsWith", right: "x" }, "body is an object, which startsWith cannot look at."],
    [{ path: "body.kind", operator: "isFalse" }, "body.kind is a text, which isFalse cannot look at."],
    [{ path: "body.tags", operator: "lessThan", right: 1 }, "body.tags is an array, which lessThan cannot look at."],
    [{ path: "body.isPaid", operator: "endsWith", right: "e" }, "body.isPaid is a boolean, which endsWith cannot look at."],
  ])("that cannot be evaluated does not match, and says so: %j", (condition, detail) => {
    expect(refusalOf([condition])).toBe(detail);
  });

  test("needs all of its conditions or any, and names every one that failed without a value", () => {
    const [good, bad] = [{ path: "body.kind", operator: "equals", right: "order" }, { path: "body.amount", operator: "equals", right: 99_887 }];
    expect(refusalOf([good, bad])).toBe("body.amount: equals does not hold.");
    expect(refusalOf([bad, good], "any")).toBeUndefined();
    expect(refusalOf([bad, { path: "body.x", operator: "exists" }], "any")).toBe("body.amount: equals does not hold. body.x is not there, so exists does not hold.");
  });
});

describe("the parameter", () => {
  test("refuses conditions without a right side, without a path, and none at all", () => {
    for (const conditions of [[], [{ path: "a", operator: "equals" }], [{ path: "a..b", operator: "exists" }], [{ path: "a", operator: "like", right: 1 }], Array.from({ length: 21 }, () => ({ path: "a", operator: "exists" }))]) {
      expect(triggerFilterSchema.safeParse({ conditions }).success).toBe(false);
    }
  });

  test("is read from what a trigger keeps", () => {
    const filter = { match: "all", conditions: [{ path: "a", operator: "exists", caseSensitive: true }] };
    expect(filterOf({ filter })).toEqual(filter);
    for (const config of [{}, null, [], "x"]) expect(filterOf(config)).toBeUndefined();
    expect(() => filterOf({ filter: { conditions: "x" } })).toThrow("conditions");
  });

  test.each(["trigger.webhook", "trigger.schedule"] as const)("belongs to %s", (type) => {
    const rest = type === "trigger.webhook" ? { authentication: { mode: "none" } } : { when: { kind: "interval", everySeconds: 60 } };
    const params = catalog[type].params.parse({ ...rest, filter: { conditions: [{ path: "a", operator: "exists" }] } });
    expect(params).toMatchObject({ filter: { match: "all", conditions: [{ path: "a" }] } });
  });
});
