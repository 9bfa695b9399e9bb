import type { Json, JsonObject } from "@fluxo/core/json";
import type { NodeInput, NodeResult } from "@fluxo/core/node/executor";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { nodeErrorOf } from "../testing/failures.ts";
import { nodeContext } from "../testing/node-context.ts";

function run(mode: string | undefined, inputs: readonly NodeInput[]): Promise<NodeResult> {
  return executeNode("merge", mode === undefined ? {} : { mode }, nodeContext({ inputs }));
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
