import { expect, test } from "vitest";
import { toNodeFailure } from "./failure.ts";
import { NodeError } from "./node-error.ts";

const now = new Date("2026-01-02T03:04:05.678Z");
const node = { id: "h", name: "Fetch", type: "http", integration: "HTTP", attempt: 2 };

test("a NodeError keeps its class and code", () => {
  const failure = toNodeFailure(new NodeError("refused: token=abc", { errorClass: "CREDENTIAL", code: "CREDENTIAL_REJECTED" }), node, now);
  const { stack, ...rest } = failure;
  expect(rest).toEqual({
    nodeId: "h",
    name: "Fetch",
    type: "http",
    integration: "HTTP",
    message: "refused: token=***",
    errorClass: "CREDENTIAL",
    code: "CREDENTIAL_REJECTED",
    occurredAt: "2026-01-02T03:04:05.678Z",
    attempt: 2,
  });
  expect(stack).toContain("refused: token=***");
});

test.each([
  [new TypeError("x is not a function"), "x is not a function"],
  [new Error(""), "The node failed without a message."],
  ["thrown text", "thrown text"],
  ["", "The node failed without a message."],
  [{ toString: null }, "The node failed without a message."],
  [undefined, "The node failed without a message."],
])("anything else is a defect: %j", (error, message) => {
  const failure = toNodeFailure(error, { ...node, name: undefined, integration: null }, now);
  expect(failure).toMatchObject({ name: "h", integration: null, message, errorClass: "INTERNAL", code: "NODE_INTERNAL" });
  expect("stack" in failure).toBe(error instanceof Error);
});

test("an error without a stack has none", () => {
  const error = new Error("m");
  delete error.stack;
  expect("stack" in toNodeFailure(error, node, now)).toBe(false);
});
