import { describe, expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { nodeContext } from "../testing/node-context.ts";

const yes = { left: 2, operator: "greaterThan", right: 1 };
const no = { left: "a", operator: "equals", right: "b" };

describe("if", () => {
  test.each([
    [undefined, [yes, yes], true],
    ["all", [yes, no], false],
    ["any", [no, yes], true],
    ["any", [no, no], false],
  ])("%s of the conditions: takes the port that they decide on", async (match, conditions, expected) => {
    const params = { conditions, ...(match === undefined ? {} : { match }) };
    const result = await executeNode("if", params, nodeContext());
    expect(result).toEqual({ kind: "done", output: { result: expected, conditions: conditions.map((condition) => condition === yes) }, ports: [String(expected)] });
  });

  test("names the condition at fault", async () => {
    const params = { conditions: [yes, { left: 1, operator: "equals" }] };
    await expect(executeNode("if", params, nodeContext())).rejects.toThrow(/\/conditions\/1\/right must be there/);
  });
});
