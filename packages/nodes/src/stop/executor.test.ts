import { describe, expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { nodeErrorOf } from "../testing/failures.ts";
import { nodeContext } from "../testing/node-context.ts";

describe("stop", () => {
  test("fails with its message", async () => {
    const error = await nodeErrorOf(executeNode("stop", { message: "No items." }, nodeContext()));
    expect(error).toMatchObject({ errorClass: "DATA", code: "STOPPED_BY_WORKFLOW", message: "No items." });
  });

  test("puts a code of its own before it", async () => {
    const error = await nodeErrorOf(executeNode("stop", { message: "Blocked.", code: "CUSTOMER_BLOCKED" }, nodeContext()));
    expect(error).toMatchObject({ code: "STOPPED_BY_WORKFLOW", message: "[CUSTOMER_BLOCKED] Blocked." });
  });

  test.each([{}, { message: "" }, { message: 7 }, { message: "a", code: "no spaces" }])("refuses %j", async (params) => {
    await expect(executeNode("stop", params, nodeContext())).rejects.toMatchObject({ code: "PARAMS_INVALID" });
  });
});
