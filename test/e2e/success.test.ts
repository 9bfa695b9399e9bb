import { chain, post, set, SIGNED_WEBHOOK } from "@fluxo/test/support/graphs";
import { createClient } from "@fluxo/test/support/client";
import { eventually } from "@fluxo/test/support/eventually";
import { deliver, sendHook } from "@fluxo/test/support/hooks";
import { afterAll, expect, inject, test } from "vitest";

const system = inject("system");
const client = createClient({ ...system });
afterAll(() => client.close());

const ORDER = { orderId: "o-17", customer: { email: "Ada@Example.com" }, total: 120.5, tags: ["new", "vip"] };

test("a signed webhook becomes an execution with output, masked input, journal in plan order and instants in order", async () => {
  const tenant = await client.createTenant();
  const path = `/echo/${tenant.id}/order`;
  const workflow = await tenant.publish(
    chain(
      SIGNED_WEBHOOK,
      set("order", { id: "{{ trigger.body.orderId }}", email: "{{ trigger.body.customer.email | lower }}", tags: "{{ trigger.body.tags }}" }, { alias: "customer" }),
      post("store", `${system.sinkUrl}${path}`, { name: "Store the order" }),
      set("summary", { line: "{{ customer.id }} of {{ customer.email }}: {{ store.status }}", total: "{{ trigger.body.total }}", tags: "{{ customer.tags }}" }),
    ),
  );
  const answer = await deliver(workflow, {
    body: ORDER,
    query: "?source=shop&source=web",
    headers: { authorization: "Bearer caller-credential", cookie: "session=1", "x-api-key": "caller-key", "x-request-source": "shop-7" },
  });
  expect(answer).toMatchObject({ status: 202, duplicate: false });

  const execution = await tenant.waitForStatus(answer.executionId, "SUCCESS");
  expect(execution).toMatchObject({
    workflowId: workflow.workflowId,
    version: { id: workflow.versionId, number: 1 },
    trigger: { nodeId: "start", kind: "webhook" },
    reason: null,
    error: null,
    rerunOf: null,
    output: { results: { summary: { line: "o-17 of ada@example.com: 200", total: 120.5, tags: ["new", "vip"] } }, failures: [] },
    input: { method: "POST", query: { source: ["shop", "web"] }, body: ORDER },
  });
  const { headers } = execution.input as { headers: Record<string, string> };
  expect(headers).toMatchObject({ "content-type": "application/json", "x-request-source": "shop-7" });
  for (const name of ["authorization", "cookie", "x-api-key", "webhook-signature"]) expect(headers).not.toHaveProperty([name]);

  const [sent] = await client.received(path);
  expect(sent).toMatchObject({ method: "POST", headers: { "idempotency-key": `${execution.id}:store:0` }, body: JSON.stringify({ from: "store" }) });
});

test("the timeline tells nodes in plan order with instants that follow each other, and the record names its Inngest event", async () => {
  const tenant = await client.createTenant();
  const workflow = await tenant.publish(chain(SIGNED_WEBHOOK, set("a", { n: 1 }), post("b", `${system.sinkUrl}/echo/${tenant.id}/b`, { name: "Call" }), set("c", { n: 2 })));
  const { executionId } = await deliver(workflow);
  const execution = await tenant.waitForStatus(executionId, "SUCCESS");
  const { events, journal, failures, status } = await tenant.timeline(executionId);

  expect(status).toBe("SUCCESS");
  expect(failures).toEqual([]);
  expect(events.map(({ type }) => type)).toEqual(["queued", "started", "completed"]);
  expect(journal.map(({ nodeId, name, type, integration, position, status, attempt, ports, failure }) => ({ nodeId, name, type, integration, position, status, attempt, ports, failure }))).toEqual([
    { nodeId: "start", name: "start", type: "trigger.webhook", integration: null, position: 0, status: "SUCCESS", attempt: 1, ports: ["main"], failure: null },
    { nodeId: "a", name: "a", type: "set", integration: null, position: 1, status: "SUCCESS", attempt: 1, ports: ["main"], failure: null },
    { nodeId: "b", name: "Call", type: "http.request", integration: "http", position: 2, status: "SUCCESS", attempt: 1, ports: ["main"], failure: null },
    { nodeId: "c", name: "c", type: "set", integration: null, position: 3, status: "SUCCESS", attempt: 1, ports: ["main"], failure: null },
  ]);
  const instants = [execution.queuedAt, execution.startedAt, ...journal.flatMap(({ startedAt, completedAt }) => [startedAt, completedAt]), execution.completedAt].map((at) => Date.parse(at ?? ""));
  for (const [index, at] of instants.slice(1).entries()) {
    // The database rounds to milliseconds, JavaScript cuts.
    expect(at, `instant ${index + 1} of ${instants.join(", ")}`).toBeGreaterThanOrEqual((instants[index] ?? Number.NaN) - 1);
  }
  await eventually(async () => {
    const { inngestEventId } = await tenant.execution(executionId);
    expect([executionId, `${executionId}:1`]).toContain(inngestEventId);
  });
});

test.for([
  ["a form", "application/x-www-form-urlencoded", "name=Ada+L&tag=a&tag=b", { name: "Ada L", tag: ["a", "b"] }],
  ["a text", "text/plain; charset=utf-8", "héllo", "héllo"],
  ["bytes", "application/octet-stream", "raw", { base64: Buffer.from("raw").toString("base64") }],
  ["nothing", "application/json", "", null],
] as const)("an open webhook takes %s", async ([, type, body, expected]) => {
  const tenant = await client.createTenant("FREE");
  const workflow = await tenant.publish(
    chain({ id: "start", type: "trigger.webhook", params: { methods: ["POST", "PUT"], authentication: { mode: "none" } } }, set("copy", { body: "{{ trigger.body }}", method: "{{ trigger.method }}" })),
  );
  const { status, executionId } = await sendHook(workflow.hookUrl, { method: "PUT", body, headers: { "content-type": type } });
  expect(status).toBe(202);
  const { output } = await tenant.waitForStatus(executionId, "SUCCESS");
  expect(output).toEqual({ results: { copy: { body: expected, method: "PUT" } }, failures: [] });
});
