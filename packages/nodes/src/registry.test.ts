import { describe, expect, test } from "vitest";
import { executeNode } from "./registry.ts";
import { MAX_JSON_DEPTH } from "./schemas/json.ts";
import { nodeErrorOf } from "./testing/failures.ts";
import { nodeContext } from "./testing/node-context.ts";

describe("executeNode", () => {
  test.each(["unknown", "constructor", "__proto__"])("knows no type %s", async (type) => {
    const error = await nodeErrorOf(executeNode(type, {}, nodeContext()));
    expect(error).toMatchObject({ errorClass: "INTERNAL", code: "EXECUTION_UNREADABLE" });
  });

  test("names the fields at fault, a few of many, and none of their values", async () => {
    const conditions = Array.from({ length: 9 }, (_, index) => ({ left: 1, operator: `s3cret-${index}` }));
    const error = await nodeErrorOf(executeNode("if", { match: "s3cret", conditions }, nodeContext()));
    expect(error).toMatchObject({ errorClass: "DATA", code: "PARAMS_INVALID" });
    expect(error.message).toMatch(/^The parameters of if do not fit: \/match .*; \/conditions\/0\/operator .*; and 5 more\.$/);
    expect(error.message).not.toContain("s3cret");
  });

  test.each([null, [], "text", 7, undefined])("takes %j for no parameters", async (params) => {
    await expect(executeNode("trigger.manual", params, nodeContext())).rejects.toMatchObject({ code: "PARAMS_INVALID" });
  });

  test("refuses values that are nested too deep, in parameters and outputs, whatever their depth", async () => {
    for (const depth of [MAX_JSON_DEPTH, 50_000]) {
      const left: unknown = JSON.parse("[".repeat(depth + 1) + "]".repeat(depth + 1));
      const params = { conditions: [{ left, operator: "exists" }] };
      await expect(executeNode("if", params, nodeContext())).rejects.toMatchObject({ errorClass: "DATA", code: "PARAMS_INVALID" });
      const trigger = { body: JSON.parse("[".repeat(depth) + "]".repeat(depth)) };
      await expect(executeNode("trigger.manual", {}, nodeContext({ trigger }))).rejects.toMatchObject({ errorClass: "DATA", code: "OUTPUT_TOO_LARGE" });
    }
  });

  test("calls an output that breaks the contract a defect of ours", async () => {
    const http = { send: () => Promise.resolve({ status: 99, headers: {}, body: new Uint8Array(), url: "" }) };
    const error = await nodeErrorOf(executeNode("http.request", { url: "https://example.com/" }, nodeContext({ http })));
    expect(error).toMatchObject({ errorClass: "INTERNAL", code: "OUTPUT_INVALID" });
    expect(error.message).toContain("/status");
  });
});
