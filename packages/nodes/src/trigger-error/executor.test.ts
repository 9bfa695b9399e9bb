import { expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { nodeContext } from "../testing/node-context.ts";

test("trigger.error gives what failed", async () => {
  const trigger = { execution: { id: "e-1" }, workflow: { id: "w-1", name: "Orders" } };
  await expect(executeNode("trigger.error", {}, nodeContext({ trigger }))).resolves.toEqual({ kind: "done", output: trigger });
});
