import { expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { nodeErrorOf } from "../testing/failures.ts";
import { nodeContext } from "../testing/node-context.ts";

test("hands over the items in their order, one at a time unless told", async () => {
  const items = [3, { a: 1 }, null];
  await expect(executeNode("for-each", { items }, nodeContext())).resolves.toEqual({ kind: "loop", work: { items, concurrency: 1, onItemError: "stop" } });
  const params = { items: [], concurrency: 20, onItemError: "continue" };
  await expect(executeNode("for-each", params, nodeContext())).resolves.toEqual({ kind: "loop", work: params });
});

test("refuses a longer list than allowed, and what is no list", async () => {
  const error = await nodeErrorOf(executeNode("for-each", { items: [1, 2, 3], itemsMax: 2 }, nodeContext()));
  expect(error).toMatchObject({ errorClass: "DATA", code: "PARAMS_INVALID", message: "The list has 3 elements; itemsMax allows 2." });
  for (const params of [{ items: "abc" }, { items: Array.from({ length: 10_001 }, () => 1) }, { items: [], concurrency: 21 }, { items: [], itemsMax: 10_001 }]) {
    await expect(executeNode("for-each", params, nodeContext())).rejects.toMatchObject({ code: "PARAMS_INVALID" });
  }
});
