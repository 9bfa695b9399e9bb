import { childOutput } from "@fluxo/core/node/child";
import { describe, expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { nodeErrorOf } from "../testing/failures.ts";
import { nodeContext } from "../testing/node-context.ts";
import { subWorkflow } from "./definition.ts";

const ID = "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b";

describe("workflow.execute", () => {
  test("asks for a child that it waits for, unless told otherwise", async () => {
    const start = { workflowId: ID, input: {}, isAwaited: true, toleratesFailure: false };
    await expect(executeNode("workflow.execute", { workflowId: ID }, nodeContext())).resolves.toEqual({ kind: "child", start });
    const params = { workflowId: ID, input: { n: 1 }, mode: "detach", onChildFailure: "continue" };
    await expect(executeNode("workflow.execute", params, nodeContext())).resolves.toEqual({ kind: "child", start: { workflowId: ID, input: { n: 1 }, isAwaited: false, toleratesFailure: true } });
  });

  test.each([
    [{}, "/workflowId"],
    [{ workflowId: "a workflow" }, "/workflowId"],
    [{ workflowId: ID, input: [1] }, "/input"],
    [{ workflowId: ID, mode: "later" }, "/mode"],
  ])("refuses %j", async (params, named) => {
    const error = await nodeErrorOf(executeNode("workflow.execute", params, nodeContext()));
    expect(error).toMatchObject({ errorClass: "DATA", code: "PARAMS_INVALID" });
    expect(error.message).toContain(named);
  });

  test("what ends of a child make an output that fits the schema, or a failure that names it", () => {
    const ended = { executionId: ID, status: "SUCCESS", results: { last: 1 }, errorCode: null, errorMessage: null } as const;
    const failed = { ...ended, status: "BLOCKED", results: null, errorCode: "QUOTA_EXCEEDED", errorMessage: "Used up." } as const;
    expect(subWorkflow.output.parse(childOutput(ended, false))).toEqual({ executionId: ID, status: "SUCCESS", results: { last: 1 } });
    expect(subWorkflow.output.parse(childOutput(failed, true))).toEqual({ executionId: ID, status: "BLOCKED", results: {}, error: { code: "QUOTA_EXCEEDED", message: "Used up." } });
    expect(() => childOutput(failed, false)).toThrow(expect.objectContaining({ code: "CHILD_FAILED", errorClass: "DATA", message: `The called execution ${ID} ended with BLOCKED: QUOTA_EXCEEDED, Used up.` }));
  });
});
