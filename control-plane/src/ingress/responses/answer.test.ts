import type { RequestError } from "@fluxo/core/errors/request-error";
import { describe, expect, test } from "vitest";
import { ExecutionEndedError, toAnswer } from "./answer.ts";

const last = { tenantId: "t", executionId: "e", mode: "lastNode" } as const;
const awaited = { ...last, mode: "respondNode" } as const;
const JSON_HEADERS = { "content-type": "application/json" };

describe("the answer", () => {
  test.each([
    ["the only result", { a: { n: 1 } }, '{"n":1}'],
    ["a result that is a text", { a: "x" }, '"x"'],
    ["a result that is null", { a: null }, "null"],
    ["several results by name", { a: 1, b: 2 }, '{"a":1,"b":2}'],
    ["no result", {}, "{}"],
  ])("of the last node is %s", (_what, results, text) => {
    expect(toAnswer(last, { kind: "succeeded", results })).toEqual({ status: 200, headers: JSON_HEADERS, text });
  });

  test("of a respond node is what it gave: texts as they are, other values as JSON, no type no body", () => {
    const respond = (output: { status: number; headers: Record<string, string>; body: unknown }) => toAnswer(awaited, { kind: "responded", output: output as never });
    expect(respond({ status: 201, headers: { "content-type": "text/html", "x-a": "1" }, body: "<p>" })).toEqual({ status: 201, headers: { "content-type": "text/html", "x-a": "1" }, text: "<p>" });
    expect(respond({ status: 200, headers: JSON_HEADERS, body: [1] }).text).toBe("[1]");
    expect(respond({ status: 200, headers: JSON_HEADERS, body: null }).text).toBe("null");
    expect(respond({ status: 204, headers: {}, body: null }).text).toBeUndefined();
  });

  test("of an execution that ended without a respond node names the execution", () => {
    expect(toAnswer(awaited, { kind: "succeeded", results: {} })).toEqual({ status: 200, headers: JSON_HEADERS, text: '{"executionId":"e"}' });
  });

  test.each([
    ["FAILED", "PROVIDER_REJECTED", "EXECUTION_FAILED", 500],
    ["FAILED", null, "EXECUTION_FAILED", 500],
    ["CANCELED", "EXECUTION_CANCELED", "EXECUTION_CANCELED", 409],
    ["BLOCKED", "WORKFLOW_INACTIVE", "WORKFLOW_INACTIVE", 409],
    ["BLOCKED", "TENANT_SUSPENDED", "TENANT_SUSPENDED", 409],
    ["BLOCKED", "NODE_NOT_IN_PLAN", "NODE_NOT_IN_PLAN", 409],
    ["BLOCKED", "TOO_MANY_NODES", "TOO_MANY_NODES", 409],
    ["BLOCKED", "QUOTA_EXCEEDED", "QUOTA_EXCEEDED", 429],
  ] as const)("of %s with %s is %s", (status, reason, code, http) => {
    const error = refusalOf(() => toAnswer(last, { kind: "ended", status, code: reason }));
    expect(error).toMatchObject({ code, status: http, executionId: "e", reason });
  });

  test("of results that are too large is a refusal", () => {
    expect(refusalOf(() => toAnswer(last, { kind: "succeeded", results: undefined }))).toMatchObject({ code: "OUTPUT_TOO_LARGE", status: 500, executionId: "e" });
  });
});

function refusalOf(work: () => unknown): RequestError {
  try {
    work();
  } catch (error) {
    if (error instanceof ExecutionEndedError) return error;
    throw error;
  }
  throw new Error("It did not throw.");
}
