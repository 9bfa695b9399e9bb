import type { Json, JsonObject } from "@fluxo/core/json";
import * as fc from "fast-check";
import { isDeepStrictEqual } from "node:util";
import { describe, expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { doneOf } from "../testing/done.ts";
import { nodeErrorOf } from "../testing/failures.ts";
import { MemoryMemory } from "../testing/memory-memory.ts";
import { nodeContext } from "../testing/node-context.ts";

async function deduplicated(params: JsonObject, memory = new MemoryMemory(), execution = "execution-1", item = 0): Promise<Json> {
  return doneOf(await executeNode("deduplicate", params, nodeContext({ memory: memory.of(execution, item), executionId: execution, item }))).output;
}

describe("deduplicate", () => {
  test("lets the first of equal elements pass, by their key", async () => {
    const items = [{ id: 1, at: 1 }, { id: "1" }, { id: 1, at: 2 }, { id: { b: 1, a: 2 } }, { id: { a: 2, b: 1 } }];
    await expect(deduplicated({ items, keyPath: "id" })).resolves.toEqual({ isNew: true, items: [items[0], items[1], items[3]], count: 3, duplicates: 2 });
  });

  test("remembers over executions, and answers an attempt or item as before", async () => {
    const memory = new MemoryMemory();
    const first = await deduplicated({ items: ["a", "b"] }, memory);
    expect(await deduplicated({ items: ["b", "c"] }, memory, "execution-2")).toEqual({ isNew: true, items: ["c"], count: 1, duplicates: 1 });
    expect(await deduplicated({ items: ["a", "b"] }, memory)).toEqual(first);
    expect(await deduplicated({ items: ["a", "b"] }, memory, "execution-1", 1)).toEqual({ isNew: false, items: [], count: 0, duplicates: 2 });
  });

  test("takes one key, and asks for the window in milliseconds", async () => {
    const memory = new MemoryMemory();
    await expect(deduplicated({ key: 7, windowHours: 2_160 }, memory)).resolves.toEqual({ isNew: true, items: [7], count: 1, duplicates: 0 });
    await expect(deduplicated({ key: 7 }, memory, "execution-2")).resolves.toEqual({ isNew: false, items: [], count: 0, duplicates: 1 });
    await expect(deduplicated({ key: "7" }, memory, "execution-2")).resolves.toMatchObject({ isNew: true });
    expect(memory.windowMs).toBe(86_400_000);
  });

  test("an empty list has nothing new", async () => {
    await expect(deduplicated({ items: [] })).resolves.toEqual({ isNew: false, items: [], count: 0, duplicates: 0 });
  });

  test("keeps exactly one of each, in order, whatever the elements", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constantFrom("0", "1", null, true), fc.dictionary(fc.constantFrom("a", "__proto__", "constructor"), fc.nat(2)))), async (list) => {
        const items: Json[] = JSON.parse(JSON.stringify(list));
        const expected = items.filter((one, index) => items.findIndex((other) => isDeepStrictEqual(one, other)) === index);
        await expect(deduplicated({ items })).resolves.toMatchObject({ items: expected, duplicates: items.length - expected.length });
      }),
    );
  });

  test.each<[JsonObject, string]>([
    [{ items: [{ id: 1 }, {}], keyPath: "id" }, "/items/1/id must be there"],
    [{ items: [{ id: null }], keyPath: "id" }, "/items/0/id must be there"],
    [{ items: [{}], keyPath: "constructor.name" }, "/items/0/constructor/name must be there"],
    [{}, "/items"],
    [{ items: [], key: "a" }, "/items"],
    [{ key: "a", keyPath: "id" }, "/keyPath"],
    [{ key: { a: 1 } }, "/key"],
    [{ key: "a", windowHours: 2_161 }, "/windowHours"],
    [{ key: "a", windowHours: 0 }, "/windowHours"],
  ])("refuses %j", async (params, named) => {
    const error = await nodeErrorOf(deduplicated(params));
    expect(error).toMatchObject({ errorClass: "DATA", code: "PARAMS_INVALID" });
    expect(error.message).toContain(named);
  });
});
