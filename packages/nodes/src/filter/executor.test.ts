import type { Json } from "@fluxo/core/json";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { nodeContext } from "../testing/node-context.ts";

async function run(items: readonly Json[], conditions: readonly object[], match = "all"): Promise<Json> {
  const result = await executeNode("filter", { items, conditions, match }, nodeContext());
  return result.kind === "done" ? result.output : null;
}

const orders = [{ id: 1, total: 50, customer: { country: "de" } }, { id: 2, total: 500 }, { id: 3, total: "700", customer: { country: "AT" } }, null, 7];

describe("filter", () => {
  test("looks at the field of each item; what is not there counts as null", async () => {
    expect(await run(orders, [{ field: "total", operator: "greaterThan", right: 100 }])).toEqual({ kept: [orders[1], orders[2]], dropped: 3 });
    expect(await run(orders, [{ field: "customer.country", operator: "equals", right: "at", caseSensitive: false }])).toEqual({ kept: [orders[2]], dropped: 4 });
    expect(await run(orders, [{ field: "customer", operator: "notExists" }])).toEqual({ kept: [orders[1], null, 7], dropped: 2 });
    expect(await run([1, 2, 3], [{ operator: "greaterThan", right: 1 }])).toEqual({ kept: [2, 3], dropped: 1 });
  });

  test("all or any of the conditions", async () => {
    const conditions = [{ field: "total", operator: "greaterThan", right: 100 }, { field: "id", operator: "equals", right: 1 }];
    expect(await run(orders, conditions)).toMatchObject({ kept: [] });
    expect(await run(orders, conditions, "any")).toMatchObject({ kept: [orders[0], orders[1], orders[2]] });
  });

  test("does not reach into the machinery of objects", async () => {
    expect(await run([{}, { constructor: 1 }], [{ field: "constructor", operator: "exists" }])).toEqual({ kept: [{ constructor: 1 }], dropped: 1 });
  });

  test("keeps the order, loses nothing, and parts the list with the opposite condition", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.record({ a: fc.option(fc.integer({ min: 0, max: 3 })) })), fc.integer({ min: 0, max: 3 }), async (items, right) => {
        const kept = await run(items, [{ field: "a", operator: "equals", right }]);
        const others = await run(items, [{ field: "a", operator: "notEquals", right }]);
        expect(kept).toEqual({ kept: items.filter(({ a }) => a === right), dropped: items.filter(({ a }) => a !== right).length });
        expect(others).toEqual({ kept: items.filter(({ a }) => a !== right), dropped: items.filter(({ a }) => a === right).length });
      }),
    );
  });

  test("names the condition at fault", async () => {
    await expect(run([], [{ field: "a", operator: "exists" }, { field: "a", operator: "equals" }])).rejects.toThrow(/\/conditions\/1\/right must be there/);
    await expect(run([], [{ field: "a..b", operator: "exists" }])).rejects.toThrow(/\/conditions\/0\/field/);
  });
});
