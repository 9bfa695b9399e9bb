import { chain, MANUAL } from "@fluxo/test/support/graphs";
import { createClient, type Tenant } from "@fluxo/test/support/client";
import { afterAll, beforeAll, expect, inject, test } from "vitest";

const client = createClient({ ...inject("system") });
let tenant: Tenant;

beforeAll(async () => {
  tenant = await client.createTenant();
});
afterAll(() => client.close());

/** The most that it may: a busy machine takes its time. */
const TIMEOUT_MS = 30_000;
const code = (source: string, timeoutMs = TIMEOUT_MS) => ({ id: "code", type: "code", params: { source, input: "{{ trigger }}", timeoutMs } });

test("code and expressions run on the data of an execution, and reach nothing else", async () => {
  const graph = chain(
    MANUAL,
    code("console.log(typeof process, typeof require, typeof fetch); return input.items.map((item) => ({ ...item, total: item.price * item.count }));"),
    { id: "shaped", type: "transform", params: { expression: "{ 'sum': $sum($.total), 'names': $.name }", input: "{{ code.result }}", timeoutMs: TIMEOUT_MS } },
  );
  const executionId = await tenant.run(graph, { items: [{ name: "a", price: 2, count: 3 }, { name: "b", price: 1, count: 1 }] });
  const { output } = await tenant.waitForStatus(executionId, "SUCCESS");
  expect(output).toMatchObject({ results: { shaped: { sum: 7, names: ["a", "b"] } } });
  const { journal } = await tenant.timeline(executionId);
  expect(journal.find(({ nodeId }) => nodeId === "code")).toMatchObject({ output: { logs: ["undefined undefined undefined"] } });
});

test.for([
  ["for (;;);", "CODE_TIMEOUT"],
  ["return process.env;", "CODE_FAILED"],
] as const)("%s fails the node as %s at its first attempt, and the execution with it", async ([source, failsWith]) => {
  const executionId = await tenant.run(chain(MANUAL, code(source, 2_000)), {});
  const { output } = await tenant.waitForStatus(executionId, "FAILED");
  expect(output).toMatchObject({ failures: [{ nodeId: "code", code: failsWith, errorClass: "DATA", attempt: 1 }] });
});
