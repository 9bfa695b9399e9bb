import { chain, graph, MANUAL, post, set } from "@fluxo/test/support/graphs";
import { createClient, type Tenant } from "@fluxo/test/support/client";
import { afterAll, beforeAll, expect, inject, test } from "vitest";

const system = inject("system");
const client = createClient({ ...system });
let tenant: Tenant;

beforeAll(async () => {
  tenant = await client.createTenant();
});
afterAll(() => client.close());

test("a failure is told with node, name, type, integration, message, class, code, time and attempt, in the output and in the timeline", async () => {
  const executionId = await tenant.run(
    graph(
      [MANUAL, post("call", `${system.sinkUrl}/status/404/shop`, { name: "Call the shop" }), set("after"), post("other", `${system.sinkUrl}/slow/100/other`)],
      ["start > call", "call > after", "start > other"],
    ),
  );
  const execution = await tenant.waitForStatus(executionId, "FAILED");
  expect(execution.error).toMatchObject({ code: "PROVIDER_REJECTED", nodeId: "call", message: expect.stringContaining("404") });
  expect(execution.error?.stack).toMatch(/^\s*at /m);
  const { failures } = execution.output as { failures: Record<string, unknown>[] };
  expect(failures).toEqual([
    {
      nodeId: "call",
      name: "Call the shop",
      type: "http.request",
      integration: "http",
      message: execution.error?.message,
      errorClass: "DATA",
      code: "PROVIDER_REJECTED",
      stack: expect.any(String),
      occurredAt: expect.any(String),
      attempt: 1,
    },
  ]);
  const occurredAt = Date.parse(String(failures[0]?.["occurredAt"]));
  expect(occurredAt).toBeGreaterThanOrEqual(Date.parse(execution.startedAt ?? "") - 1);
  expect(occurredAt).toBeLessThanOrEqual(Date.parse(execution.completedAt ?? "") + 1);

  const timeline = await tenant.timeline(executionId);
  expect(timeline.failures).toEqual(failures);
  expect(timeline.journal.map(({ nodeId, status }) => [nodeId, status])).toEqual([["start", "SUCCESS"], ["call", "FAILED"], ["other", "SUCCESS"], ["after", "SKIPPED"]]);
  expect(timeline.events.at(-1)).toMatchObject({ type: "completed", message: expect.stringContaining("PROVIDER_REJECTED") });
});

test("stop fails with the message and the code of the workflow", async () => {
  const executionId = await tenant.run(chain(MANUAL, { id: "halt", type: "stop", name: "No items", params: { message: "The order {{ trigger.id }} has no items.", code: "EMPTY_ORDER" } }, set("after")), { id: "o-1" });
  const { error } = await tenant.waitForStatus(executionId, "FAILED");
  expect(error).toMatchObject({ code: "STOPPED_BY_WORKFLOW", nodeId: "halt", message: "[EMPTY_ORDER] The order o-1 has no items." });
});

test("a template that names a missing value fails as a matter of data, with the path, and is not tried again", async () => {
  const executionId = await tenant.run(chain(MANUAL, set("greet", { text: "Hello {{ trigger.customer.name }}" })), { customer: {} });
  const { error } = await tenant.waitForStatus(executionId, "FAILED");
  expect(error).toMatchObject({ code: "TEMPLATE_REFERENCE_MISSING", nodeId: "greet", message: expect.stringContaining("trigger.customer.name") });
  const { failures } = await tenant.timeline(executionId);
  expect(failures).toMatchObject([{ errorClass: "DATA", attempt: 1 }]);
});

test("onError continue: the failure becomes the output and the execution goes on", async () => {
  const executionId = await tenant.run(
    chain(MANUAL, post("call", `${system.sinkUrl}/status/400/continue`, { onError: "continue" }), set("report", { code: "{{ call.error.code }}", kind: "{{ call.error.errorClass }}" })),
  );
  const { output, error } = await tenant.waitForStatus(executionId, "SUCCESS");
  expect(error).toBeNull();
  expect(output).toMatchObject({ results: { report: { code: "PROVIDER_REJECTED", kind: "DATA" } }, failures: [{ nodeId: "call", code: "PROVIDER_REJECTED", attempt: 1 }] });
  const { journal } = await tenant.timeline(executionId);
  expect(journal.map(({ nodeId, status, ports }) => [nodeId, status, ports])).toEqual([["start", "SUCCESS", ["main"]], ["call", "FAILED", ["main"]], ["report", "SUCCESS", ["main"]]]);
});

test.for([
  { status: 401, code: "CREDENTIAL_REJECTED", path: "status/401/branch", journal: ["start SUCCESS", "call FAILED", "normal SKIPPED", "rescue SUCCESS"], results: { rescue: { why: "CREDENTIAL_REJECTED" } } },
  { status: 200, code: undefined, path: "echo/branch", journal: ["start SUCCESS", "call SUCCESS", "normal SUCCESS", "rescue SKIPPED"], results: { normal: { status: 200 } } },
])("onError branch: with $status the right branch is taken", async ({ code, path, journal: expected, results }) => {
  const executionId = await tenant.run(
    graph(
      [MANUAL, post("call", `${system.sinkUrl}/${path}`, { onError: "branch" }), set("normal", { status: "{{ call.status }}" }), set("rescue", { why: "{{ call.error.code }}" })],
      ["start > call", "call > normal", "call:error > rescue"],
    ),
  );
  const { output } = await tenant.waitForStatus(executionId, "SUCCESS");
  expect(output).toMatchObject({ results, failures: code === undefined ? [] : [{ code }] });
  const { journal } = await tenant.timeline(executionId);
  expect(journal.map(({ nodeId, status }) => `${nodeId} ${status}`)).toEqual(expected);
});
