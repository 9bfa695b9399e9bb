import { expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { nodeContext } from "../testing/node-context.ts";

test("trigger.workflow gives the input of the call", async () => {
  const trigger = { customer: "c-1" };
  await expect(executeNode("trigger.workflow", {}, nodeContext({ trigger }))).resolves.toEqual({ kind: "done", output: trigger });
});
