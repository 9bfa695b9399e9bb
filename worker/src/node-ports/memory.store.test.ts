import { queueExecutions, seedWorkflow } from "@fluxo/prisma/testing/seed";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import pg from "pg";
import { expect, test } from "vitest";
import { createMemory } from "./memory.ts";

const { owner, app } = await useTestDatabase();

test("every port speaks for its own execution, node and item", async () => {
  const workflow = await seedWorkflow(owner, { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] });
  const [first = "", second = ""] = await queueExecutions(app, workflow, [{}, {}]);
  const memory = createMemory(app);
  const of = (executionId: string, nodeId = "node", item = 0): ReturnType<typeof memory> => memory({ ...workflow, executionId, nodeId, item });
  expect(await of(first).remember(["a", "b"], 60_000)).toEqual([true, true]);
  expect(await of(second).remember(["b", "c"], 60_000)).toEqual([false, true]);
  expect(await of(first).remember(["a", "b"], 60_000)).toEqual([true, true]);
  expect(await of(first, "other").remember(["a"], 60_000)).toEqual([true]);
  expect(await of(first, "node", 1).remember(["a"], 60_000)).toEqual([false]);
  expect(await of(first).exchange("n", [1])).toBeUndefined();
  expect(await of(second).exchange("n", [2])).toEqual([1]);
});

test("a store that does not answer is a reason to try again, another failure is not", async () => {
  const away = new pg.Pool({ host: "127.0.0.1", port: 1 });
  const scope = { tenantId: "6b1f0f4e-55a0-4f9c-8a55-0d3c1f4b2a01", workflowId: "6b1f0f4e-55a0-4f9c-8a55-0d3c1f4b2a02", executionId: "6b1f0f4e-55a0-4f9c-8a55-0d3c1f4b2a03", nodeId: "node", item: 0 };
  await expect(createMemory(away)(scope).remember(["a"], 1)).rejects.toMatchObject({ errorClass: "CONNECTION", code: "UNAVAILABLE" });
  await expect(createMemory(app)(scope).exchange("n", 1)).rejects.toThrow(/foreign key/);
  await away.end();
});
