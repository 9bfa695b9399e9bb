import { expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { nodeContext } from "../testing/node-context.ts";

test("trigger.manual gives the input of the start", async () => {
  const trigger = { customer: "c-1", items: [1, 2] };
  await expect(executeNode("trigger.manual", {}, nodeContext({ trigger }))).resolves.toEqual({ kind: "done", output: trigger });
});
