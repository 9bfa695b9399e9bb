import type { JsonObject } from "@fluxo/core/json";
import { describe, expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { nodeErrorOf } from "../testing/failures.ts";
import { nodeContext } from "../testing/node-context.ts";
import { switchNode } from "./definition.ts";

const over10 = { name: "over-10", conditions: [{ left: 50, operator: "greaterThan", right: 10 }] };
const over20 = { name: "over-20", conditions: [{ left: 50, operator: "greaterThan", right: 20 }] };
const over90 = { name: "over-90", conditions: [{ left: 50, operator: "greaterThan", right: 90 }] };

function run(params: JsonObject): Promise<unknown> {
  return executeNode("switch", params, nodeContext());
}

describe("switch", () => {
  test.each<[string, JsonObject, string[], string[]]>([
    ["the first case that holds", { cases: [over90, over20, over10] }, ["over-20"], ["case:over-20"]],
    ["every case that holds, in their order", { mode: "all", cases: [over20, over90, over10] }, ["over-20", "over-10"], ["case:over-20", "case:over-10"]],
    ["no port when there is no fallback", { fallback: false, cases: [over90] }, [], []],
    ["the case of the value", { value: 2, cases: [{ name: "one", equals: 1 }, { name: "two", equals: "2" }] }, ["two"], ["case:two"]],
    ["null as a value like any other", { value: null, cases: [{ name: "none", equals: null }] }, ["none"], ["case:none"]],
    ["any of a case's conditions", { cases: [{ name: "either", match: "any", conditions: [...over90.conditions, ...over10.conditions] }] }, ["either"], ["case:either"]],
  ])("takes %s", async (_what, params, matched, ports) => {
    await expect(run(params)).resolves.toEqual({ kind: "done", output: { matched, isFallback: false }, ports });
  });

  test("takes the fallback when no case holds", async () => {
    await expect(run({ cases: [over90] })).resolves.toEqual({ kind: "done", output: { matched: [], isFallback: true }, ports: ["default"] });
  });

  test.each<[string, JsonObject, string]>([
    ["two cases of one name", { cases: [over10, over10] }, "/cases/1/name"],
    ["a case without a rule", { cases: [{ name: "a" }] }, "/cases/0/name"],
    ["a case with both rules", { value: 1, cases: [{ ...over10, equals: 1 }] }, "/cases/0/name"],
    ["equals without a value", { cases: [{ name: "a", equals: 1 }] }, "/value"],
    ["a name that is no port", { value: 1, cases: [{ name: "a b", equals: 1 }] }, "/cases/0/name"],
    ["a name that is too long", { value: 1, cases: [{ name: "a".repeat(60), equals: 1 }] }, "/cases/0/name"],
    ["no case", { cases: [] }, "/cases"],
  ])("refuses %s", async (_what, params, field) => {
    const error = await nodeErrorOf(run(params));
    expect(error).toMatchObject({ errorClass: "DATA", code: "PARAMS_INVALID" });
    expect(error.message).toContain(field);
  });
});

describe("the ports of a switch", () => {
  test("are its cases and the fallback", () => {
    expect(switchNode.ports({ cases: [over10, over20] })).toEqual(["case:over-10", "case:over-20", "default"]);
    expect(switchNode.ports({ cases: [over10], fallback: false })).toEqual(["case:over-10"]);
    expect(switchNode.ports({ cases: [{ name: "a".repeat(59) }] })[0]).toHaveLength(64);
  });

  test("leave out what a template would make, and answer for anything", () => {
    expect(switchNode.ports({ cases: [{ name: "{{ trigger.body.name }}" }, over10], fallback: "{{ trigger.body.fallback }}" })).toEqual(["case:over-10", "default"]);
    for (const cases of [undefined, null, "{{ trigger.body.cases }}", 7, {}, [null, 1, "a", {}, { name: 1 }]]) {
      expect(switchNode.ports({ cases, fallback: false })).toEqual(["default"]);
    }
  });
});
