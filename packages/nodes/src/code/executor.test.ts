import { compileTemplates } from "@fluxo/core/templates/render";
import { templateContext } from "@fluxo/core/templates/context";
import { graphSchema } from "@fluxo/core/graph/graph";
import { validateGraph } from "@fluxo/core/graph/validate";
import { describe, expect, test } from "vitest";
import { findDefinition } from "../catalog.ts";
import { executeNode } from "../registry.ts";
import { nodeErrorOf } from "../testing/failures.ts";
import { nodeContext } from "../testing/node-context.ts";
import { testSandbox } from "../testing/sandbox.ts";
import { code } from "./definition.ts";

const context = nodeContext({ sandbox: testSandbox });

function issuesOf(params: Record<string, unknown>, type = "code"): unknown {
  const graph = graphSchema.parse({ nodes: [{ id: "start", type: "trigger.manual" }, { id: "node", type, params }], edges: [{ from: "start", to: "node" }] });
  return validateGraph(graph, { get: findDefinition });
}

describe("code", () => {
  test("gives what the source returns and what it printed", async () => {
    const params = { source: "console.log('seen', input.a); return { b: input.a + 1 };", input: { a: 1 } };
    await expect(executeNode("code", params, context)).resolves.toEqual({ kind: "done", output: { result: { b: 2 }, logs: ["seen 1"] } });
  });

  test("fails with what the code threw", async () => {
    const error = await nodeErrorOf(executeNode("code", { source: "throw new Error('mine')" }, context));
    expect(error).toMatchObject({ errorClass: "DATA", code: "CODE_FAILED", message: expect.stringContaining("mine") });
  });

  test("ends after the time that its parameters give", async () => {
    const error = await nodeErrorOf(executeNode("code", { source: "for (;;);", timeoutMs: 50 }, context));
    expect(error).toMatchObject({ errorClass: "DATA", code: "CODE_TIMEOUT", message: expect.stringContaining("50 ms") });
  });

  test.each([0, 30_001, 1.5])("refuses a time of %d ms", async (timeoutMs) => {
    await expect(executeNode("code", { source: "return 1", timeoutMs }, context)).rejects.toMatchObject({ code: "PARAMS_INVALID" });
  });

  test("reads no template in its source, so that no value becomes code", async () => {
    const source = "return '{{ trigger.body }}' + input;";
    const templates = templateContext({ trigger: { body: "'; throw 1; '" }, execution: {}, outputs: new Map(), aliases: new Map() });
    const params = compileTemplates({ source, input: "{{ trigger.body }}" }, code.literalParams).render(templates);
    expect(params).toEqual({ source, input: "'; throw 1; '" });
    await expect(executeNode("code", params, context)).resolves.toMatchObject({ output: { result: "{{ trigger.body }}'; throw 1; '" } });
    expect(issuesOf({ source: "return '{{ nowhere.x }} {{'" })).toEqual([]);
  });

  test("is found to be no JavaScript before it is published", () => {
    expect(issuesOf({ source: "return (;" })).toEqual([{ code: "CODE_INVALID", nodeId: "node", path: "/nodes/1/params/source", message: expect.stringContaining("(line 1)") }]);
    expect(issuesOf({ source: "{{ trigger body }}" })).toMatchObject([{ code: "CODE_INVALID", path: "/nodes/1/params/source" }]);
    expect(issuesOf({ source: "" })).toMatchObject([{ code: "PARAMS_INVALID", path: "/nodes/1/params/source" }]);
    expect(issuesOf({ source: 7 })).toMatchObject([{ code: "PARAMS_INVALID", path: "/nodes/1/params/source" }]);
  });
});

describe("transform", () => {
  test("gives what the expression gives", async () => {
    const params = { expression: "items[price > 1].{ 'name': name }", input: { items: [{ name: "a", price: 1 }, { name: "b", price: 2 }, { name: "c", price: 3 }] } };
    await expect(executeNode("transform", params, context)).resolves.toEqual({ kind: "done", output: [{ name: "b" }, { name: "c" }] });
    await expect(executeNode("transform", { expression: "missing" }, context)).resolves.toEqual({ kind: "done", output: null });
  });

  test("says where an expression fails", async () => {
    const error = await nodeErrorOf(executeNode("transform", { expression: "$uppercase(1)" }, context));
    expect(error).toMatchObject({ errorClass: "DATA", code: "CODE_FAILED", message: expect.stringContaining("T0410") });
  });

  test("is found to be no JSONata before it is published, and its braces are no templates", () => {
    expect(issuesOf({ expression: "a b" }, "transform")).toEqual([{ code: "CODE_INVALID", nodeId: "node", path: "/nodes/1/params/expression", message: expect.stringContaining("at character 3") }]);
    expect(issuesOf({ expression: "'{{ not a template' & '}}'" }, "transform")).toEqual([]);
  });
});
