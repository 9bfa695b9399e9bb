import type { Json, JsonObject } from "@fluxo/core/json";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { doneOf } from "../testing/done.ts";
import { nodeErrorOf } from "../testing/failures.ts";
import { MemoryMemory } from "../testing/memory-memory.ts";
import { nodeContext } from "../testing/node-context.ts";
import { differencesOf } from "./difference.ts";

async function compared(memory: MemoryMemory, execution: string, params: JsonObject, item = 0): Promise<ReturnType<typeof doneOf>> {
  return doneOf(await executeNode("compare", params, nodeContext({ memory: memory.of(execution, item), executionId: execution, item })));
}

describe("compare", () => {
  test("knows nothing the first time, and takes the port that it is told", async () => {
    const output = { isFirst: true, isChanged: false, added: [], removed: [], changed: [], isCut: false, previous: null };
    await expect(compared(new MemoryMemory(), "1", { value: 1 })).resolves.toEqual({ kind: "done", output, ports: ["unchanged"] });
    await expect(compared(new MemoryMemory(), "1", { value: 1, onFirst: "changed" })).resolves.toEqual({ kind: "done", output, ports: ["changed"] });
  });

  test("tells what is added, removed and changed, and the same again to another attempt", async () => {
    const memory = new MemoryMemory();
    const before = { a: 1, b: [1, { x: 1 }], "c/d": 1, e: null };
    await compared(memory, "1", { value: before });
    const second = await compared(memory, "2", { value: { e: 0, b: [1, { x: 2 }, 3], a: 1, f: {} } });
    expect(second).toEqual({
      kind: "done",
      output: { isFirst: false, isChanged: true, added: ["/f", "/b/2"], removed: ["/c~1d"], changed: ["/b/1/x", "/e"], isCut: false, previous: before },
      ports: ["changed"],
    });
    await compared(memory, "3", { value: "other" });
    expect(await compared(memory, "2", { value: { e: 0, b: [1, { x: 2 }, 3], a: 1, f: {} } })).toEqual(second);
  });

  test("takes unchanged for the same value in another order of keys; null is a value", async () => {
    const memory = new MemoryMemory();
    await compared(memory, "1", { value: { a: 1, b: { c: [], d: null } } });
    await expect(compared(memory, "2", { value: { b: { d: null, c: [] }, a: 1 } })).resolves.toMatchObject({ ports: ["unchanged"], output: { isFirst: false, isChanged: false } });
    await expect(compared(memory, "3", { value: null })).resolves.toMatchObject({ output: { changed: [""] } });
    await expect(compared(memory, "4", { value: null })).resolves.toMatchObject({ output: { isFirst: false, isChanged: false, previous: null } });
  });

  test("compares elements by key, wherever they stand", async () => {
    const memory = new MemoryMemory();
    await compared(memory, "1", { value: [{ id: 1, p: 1 }, { id: 2, p: 1 }, { id: "__proto__", p: 1 }], keyPath: "id" });
    const value = [{ id: "__proto__", p: 1 }, { id: 2, p: 5 }, { id: 3, p: 1 }];
    await expect(compared(memory, "2", { value, keyPath: "id" })).resolves.toMatchObject({ output: { added: ["/3"], removed: ["/1"], changed: ["/2/p"] } });
  });

  test("goes on when what was kept does not fit keyPath", async () => {
    const memory = new MemoryMemory();
    await compared(memory, "1", { value: "text" });
    await expect(compared(memory, "2", { value: [{ id: 1 }], keyPath: "id" })).resolves.toMatchObject({ output: { isChanged: true, changed: [""] } });
  });

  test("keeps values apart by name, and without one by the item of the loop", async () => {
    const memory = new MemoryMemory();
    await compared(memory, "1", { value: 1, name: "a" });
    await compared(memory, "1", { value: 5 }, 3);
    for (const [params, item, isFirst] of [[{ value: 1, name: "b" }, 0, true], [{ value: 1 }, 0, true], [{ value: 5 }, 3, false], [{ value: 1, name: "a" }, 9, false]] as const) {
      await expect(compared(memory, "2", params, item)).resolves.toMatchObject({ output: { isFirst, isChanged: false } });
    }
  });

});

describe("the differences", () => {
  test("are named up to 1,000 of a kind, and the output says so", async () => {
    const memory = new MemoryMemory();
    await compared(memory, "1", { value: [] });
    const { output } = await compared(memory, "2", { value: Array.from({ length: 1_500 }, () => 0) });
    expect(output).toMatchObject({ isCut: true, isChanged: true });
    expect(Object(output).added).toHaveLength(1_000);
  });

  test("are there exactly when the values differ, whatever they are", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (left, right) => {
        const [before, now]: Json[] = [JSON.parse(JSON.stringify(left)), JSON.parse(JSON.stringify(right))];
        if (before === undefined || now === undefined) return;
        const { added, removed, changed } = differencesOf(before, now, 1_000);
        const back = differencesOf(now, before, 1_000);
        expect(back.added.toSorted()).toEqual(removed.toSorted());
        expect(back.changed.toSorted()).toEqual(changed.toSorted());
        expect(differencesOf(before, before, 1)).toEqual({ added: [], removed: [], changed: [], isCut: false });
        expect(added.length + removed.length + changed.length === 0).toBe(sorted(before) === sorted(now));
      }),
    );
  });

  test.each<[JsonObject, string, string]>([
    [{ value: "x".repeat(262_144) }, "DATA_TOO_LARGE", "262144 bytes"],
    [{ value: { a: 1 }, keyPath: "id" }, "PARAMS_INVALID", "value must be a list"],
    [{ value: [{ id: 1 }, { id: {} }], keyPath: "id" }, "PARAMS_INVALID", "/value/1/id must be a text"],
    [{ value: [{ id: 1 }, { id: "1" }], keyPath: "id" }, "PARAMS_INVALID", "/value/1/id must differ"],
    [{ value: [{}], keyPath: "constructor" }, "PARAMS_INVALID", "/value/0/constructor must be a text"],
    [{}, "PARAMS_INVALID", "/value"],
  ])("refuses a value that it cannot take, and keeps nothing: %#", async (params, code, named) => {
    const memory = new MemoryMemory();
    const error = await nodeErrorOf(compared(memory, "1", params));
    expect(error).toMatchObject({ errorClass: "DATA", code });
    expect(error.message).toContain(named);
    await expect(compared(memory, "2", { value: 1 })).resolves.toMatchObject({ output: { isFirst: true } });
  });
});

/** JSON text with sorted keys; -0 is 0. */
function sorted(value: Json): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(sorted).join()}]`;
  return `{${Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, member]) => `${JSON.stringify(key)}:${sorted(member)}`).join()}}`;
}
