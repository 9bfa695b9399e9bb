import type { Json, JsonObject } from "@fluxo/core/json";
import type { NodeInput, NodeResult } from "@fluxo/core/node/executor";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { nodeErrorOf } from "../testing/failures.ts";
import { nodeContext } from "../testing/node-context.ts";

async function run(mode: string | undefined, inputs: readonly NodeInput[]): Promise<Extract<NodeResult, { kind: "done" }>> {
  const result = await executeNode("merge", mode === undefined ? {} : { mode }, nodeContext({ inputs }));
  if (result.kind !== "done") throw new TypeError("A merge is done at once.");
  return result;
}

function inputsOf(outputs: readonly Json[]): NodeInput[] {
  return outputs.map((output, index) => ({ nodeId: `node-${index}`, port: "main", output }));
}

const json = fc.jsonValue().map((value): Json => JSON.parse(JSON.stringify(value)));
const safeKey = fc.string().filter((key) => !["__proto__", "constructor", "prototype"].includes(key));
const jsonObject = fc.dictionary(safeKey, json, { noNullPrototype: true });

describe("waitAll", () => {
  test("gives the outputs by node id, a node once", async () => {
    const inputs = [
      { nodeId: "a", port: "true", output: 1 },
      { nodeId: "b", port: "case:x", output: { c: 2 } },
      { nodeId: "b", port: "case:y", output: { c: 2 } },
    ];
    await expect(run(undefined, inputs)).resolves.toEqual({ kind: "done", output: { inputs: { a: 1, b: { c: 2 } } } });
  });

  test("holds every output", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(json), async (outputs) => {
        const { output } = await run("waitAll", inputsOf(outputs));
        expect(output).toEqual({ inputs: Object.fromEntries(inputsOf(outputs).map((input) => [input.nodeId, input.output])) });
      }),
    );
  });
});

describe("append", () => {
  test("joins arrays and takes anything else as one element", async () => {
    const { output } = await run("append", inputsOf([[1, [2]], { a: 1 }, [], null, "text"]));
    expect(output).toEqual([1, [2], { a: 1 }, null, "text"]);
  });

  test("keeps all elements, in plan order, and is associative over arrays", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(json), fc.array(json), fc.array(json), async (first, second, third) => {
        const { output } = await run("append", inputsOf([first, second, third]));
        expect(output).toEqual([...first, ...second, ...third]);
        const pair = await run("append", inputsOf([first, second]));
        expect((await run("append", inputsOf([pair.output, third]))).output).toEqual(output);
      }),
    );
  });

  test("counts a node once that leads in through two ports", async () => {
    const inputs = ["x", "y"].map((port) => ({ nodeId: "a", port, output: [1] }));
    expect((await run("append", inputs)).output).toEqual([1]);
  });
});

describe("combine", () => {
  test("lets the later output win, and does not go deeper", async () => {
    const { output } = await run("combine", inputsOf([{ a: 1, b: { c: 1 } }, { b: { d: 2 } }, {}]));
    expect(output).toEqual({ a: 1, b: { d: 2 } });
  });

  test("holds, for every key, the last value given", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(jsonObject), async (outputs) => {
        const { output } = await run("combine", inputsOf(outputs));
        const expected = new Map(outputs.flatMap((member) => Object.entries(member)));
        expect(new Map(Object.entries(output ?? {}))).toEqual(expected);
      }),
    );
  });

  test("does not change what it was given", async () => {
    const first: JsonObject = Object.freeze({ a: 1 });
    await expect(run("combine", inputsOf([first, Object.freeze({ a: 2 })]))).resolves.toMatchObject({ output: { a: 2 } });
    expect(first).toEqual({ a: 1 });
  });

  test.each(["__proto__", "constructor", "prototype"])("refuses an output with a member %s", async (key) => {
    const output: Json = JSON.parse(`{ ${JSON.stringify(key)}: { "polluted": true } }`);
    const error = await nodeErrorOf(run("combine", inputsOf([{}, output])));
    expect(error).toMatchObject({ errorClass: "DATA", code: "PARAMS_INVALID" });
    expect(error.message).toContain('"node-1"');
    expect("polluted" in {}).toBe(false);
  });

  test.each<[Json]>([[null], [[1]], ["text"], [7]])("refuses the output %j", async (output) => {
    const error = await nodeErrorOf(run("combine", inputsOf([{}, output])));
    expect(error).toMatchObject({ errorClass: "DATA", code: "PARAMS_INVALID" });
    expect(error.message).toContain('"node-1" is no object');
  });
});

describe("first", () => {
  test("gives the winner's name and output", async () => {
    await expect(run("first", [{ nodeId: "fast", port: "main", output: { a: 1 } }])).resolves.toEqual({ kind: "done", output: { nodeId: "fast", output: { a: 1 } } });
  });
});

const JOINS = ["inner", "left", "outer"] as const;
const row = fc.record({ k: fc.constantFrom<Json>(1, 2, "1", true, null, [1]), v: fc.integer({ min: 0, max: 9 }) }, { requiredKeys: ["v"] });
const rows = fc.array(row.map((value): JsonObject => ({ ...value })), { maxLength: 6 });

async function join(params: JsonObject, lists: readonly Json[]): Promise<Json> {
  const result = await executeNode("merge", params, nodeContext({ inputs: inputsOf(lists) }));
  return result.kind === "done" ? result.output : null;
}

describe("combineByPosition", () => {
  test("joins element by element, the later member winning", async () => {
    const lists = [[{ a: 1, x: 1 }, { a: 2 }], [{ b: 1, x: 2 }, { b: 2 }, { b: 3 }]];
    expect(await join({ mode: "combineByPosition" }, lists)).toEqual([{ a: 1, x: 2, b: 1 }, { a: 2, b: 2 }]);
    expect(await join({ mode: "combineByPosition", join: "outer" }, lists)).toEqual([{ a: 1, x: 2, b: 1 }, { a: 2, b: 2 }, { b: 3 }]);
    expect(await join({ mode: "combineByPosition", join: "left" }, lists.toReversed())).toHaveLength(3);
    expect(await join({ mode: "combineByPosition", list: "body.rows" }, lists.map((list) => ({ body: { rows: list } })))).toHaveLength(2);
  });

  test("is as long as the join asks, and element i holds the last value of each member at i", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(rows, { minLength: 1, maxLength: 3 }), fc.constantFrom(...JOINS), async (lists, kind) => {
        const lengths = lists.map(({ length }) => length);
        const output = await join({ mode: "combineByPosition", join: kind }, lists);
        const length = { inner: Math.min(...lengths), left: lengths[0] ?? 0, outer: Math.max(...lengths) }[kind];
        expect(output).toEqual(Array.from({ length }, (_, index) => Object.assign({}, ...lists.map((list) => list[index]))));
      }),
    );
  });
});

describe("combineByKey", () => {
  test("pairs equal keys, in the order of the first list", async () => {
    const lists = [[{ id: 1, a: "x" }, { id: 2, a: "y" }, { id: 3, a: "z" }], [{ id: 3, b: 1 }, { id: 1, b: 2 }, { id: 1, b: 3 }, { id: "2", b: 4 }]];
    const inner = [{ id: 1, a: "x", b: 2 }, { id: 1, a: "x", b: 3 }, { id: 3, a: "z", b: 1 }];
    expect(await join({ mode: "combineByKey", field: "id" }, lists)).toEqual(inner);
    expect(await join({ mode: "combineByKey", field: "id", join: "left" }, lists)).toEqual([...inner.slice(0, 2), { id: 2, a: "y" }, ...inner.slice(2)]);
    expect(await join({ mode: "combineByKey", field: "id", join: "outer" }, lists)).toEqual([...inner.slice(0, 2), { id: 2, a: "y" }, ...inner.slice(2), { id: "2", b: 4 }]);
  });

  /** The join in nested loops, as SQL defines it. */
  function expectedJoin(left: readonly JsonObject[], right: readonly JsonObject[], kind: (typeof JOINS)[number]): JsonObject[] {
    const isKey = (value: Json | undefined): boolean => ["string", "number", "boolean"].includes(typeof value);
    const meet = (one: JsonObject, other: JsonObject): boolean => isKey(one["k"]) && one["k"] === other["k"];
    const joined = left.flatMap((one) => {
      const partners = right.filter((other) => meet(one, other));
      return partners.length > 0 ? partners.map((other) => ({ ...one, ...other })) : kind === "inner" ? [] : [one];
    });
    return kind === "outer" ? [...joined, ...right.filter((other) => !left.some((one) => meet(one, other)))] : joined;
  }

  test("is the join of SQL", async () => {
    await fc.assert(
      fc.asyncProperty(rows, rows, fc.constantFrom(...JOINS), async (left, right, kind) => {
        expect(await join({ mode: "combineByKey", field: "k", join: kind }, [left, right])).toEqual(expectedJoin(left, right, kind));
      }),
    );
  });

  test("bounds the pairs", async () => {
    const list = Array.from({ length: 400 }, (_, index) => ({ id: 1, index }));
    await expect(join({ mode: "combineByKey", field: "id" }, [list, list])).rejects.toThrow("more than 100000 elements");
  });

  test("asks for its field, and no other mode does", async () => {
    await expect(join({ mode: "combineByKey" }, [[]])).rejects.toThrow(/\/field must be there/);
    await expect(join({ mode: "combine", field: "id" }, [{}])).rejects.toThrow(/\/field must not be there/);
  });
});

describe("lists", () => {
  test.each<[Json, string]>([
    [{ rows: 1 }, 'the output of "node-0" is no list'],
    [[{}, 1], 'element 1 of the output of "node-0" is no object'],
    [JSON.parse('[{"__proto__":{"polluted":true}}]'), "has a member named __proto__"],
    [Array.from({ length: 10_001 }, () => ({})), "has 10001 elements; 10000 are allowed"],
  ])("refuses %#", async (output, message) => {
    for (const params of [{ mode: "combineByPosition" }, { mode: "combineByKey", field: "id" }]) {
      await expect(join(params, [output])).rejects.toThrow(message);
    }
    expect("polluted" in {}).toBe(false);
  });
});
