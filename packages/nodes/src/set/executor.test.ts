import { describe, expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { nodeErrorOf } from "../testing/failures.ts";
import { nodeContext } from "../testing/node-context.ts";

describe("set", () => {
  test("gives the fields as they are, and nothing else", async () => {
    const fields = { text: "a", number: 1, nothing: null, list: [1, { constructor: "kept: it is data" }], "": true };
    await expect(executeNode("set", { fields }, nodeContext({ trigger: { other: 1 } }))).resolves.toEqual({ kind: "done", output: fields });
  });

  test.each(["__proto__", "constructor", "prototype"])("refuses a field named %s", async (name) => {
    const fields: unknown = JSON.parse(`{ "a": 1, ${JSON.stringify(name)}: { "b": 2 } }`);
    const error = await nodeErrorOf(executeNode("set", { fields }, nodeContext()));
    expect(error).toMatchObject({ errorClass: "DATA", code: "PARAMS_INVALID" });
    expect(error.message).toContain(`/fields/${name}`);
  });

  test.each([[[]], ["text"], [null], [7]])("refuses %j in place of fields", async (fields) => {
    await expect(executeNode("set", { fields }, nodeContext())).rejects.toMatchObject({ code: "PARAMS_INVALID" });
  });

  test("refuses another mode", async () => {
    await expect(executeNode("set", { fields: {}, mode: "extend" }, nodeContext())).rejects.toMatchObject({ code: "PARAMS_INVALID" });
  });
});
