import { chain, graph, MANUAL, set, SIGNED_WEBHOOK } from "@fluxo/test/support/graphs";
import { createClient, type Tenant } from "@fluxo/test/support/client";
import { afterAll, beforeAll, expect, inject, test } from "vitest";

const client = createClient({ ...inject("system") });
let tenant: Tenant;

beforeAll(async () => {
  tenant = await client.createTenant();
});
afterAll(() => client.close());

const echo = chain(MANUAL, set("copy", { n: "{{ trigger.n }}" }));

/** Starts with an idempotency key. */
function parts(workflowId: string, key: string, input: unknown) {
  return { params: { workflowId }, headers: { "idempotency-key": key }, body: { input } };
}

test("a repeat with the same idempotency key is answered with the first execution, also after it ended and however the input is written", async () => {
  const { workflowId } = await tenant.publish(chain(MANUAL, set("copy", { n: "{{ trigger.n }}", m: "{{ trigger.m }}" })));
  const first = await tenant.api.call("startExecution", parts(workflowId, "order-1", { n: 1, m: { a: 1, b: 2 } }));
  expect(first).toMatchObject({ status: 202, body: { duplicate: false } });
  const { executionId } = first.body;
  expect(first.headers.get("location")).toBe(`/v1/executions/${executionId}`);
  await tenant.waitForStatus(executionId, "SUCCESS");
  const repeat = await tenant.api.call("startExecution", parts(workflowId, "order-1", { m: { b: 2, a: 1 }, n: 1 }));
  expect(repeat).toMatchObject({ status: 200, body: { executionId, duplicate: true } });
  const listed = await tenant.api.call("listExecutions", { query: { workflowId } });
  expect(listed.body.data.map(({ id }) => id)).toEqual([executionId]);
});

test("the same key with another body is refused and starts nothing", async () => {
  const { workflowId } = await tenant.publish(echo);
  const { executionId } = (await tenant.api.call("startExecution", parts(workflowId, "order-2", { n: 1 }))).body;
  const problem = await tenant.api.refusal("startExecution", parts(workflowId, "order-2", { n: 2 }));
  expect(problem).toMatchObject({ status: 422, code: "IDEMPOTENCY_KEY_REUSED", detail: expect.stringContaining(executionId) });
  expect((await tenant.waitForStatus(executionId, "SUCCESS")).output).toMatchObject({ results: { copy: { n: 1 } } });
  expect((await tenant.api.call("listExecutions", { query: { workflowId } })).body.data).toHaveLength(1);
});

test("twenty requests with one key at once are one execution", async () => {
  const { workflowId } = await tenant.publish(echo);
  const answers = await Promise.all(Array.from({ length: 20 }, () => tenant.api.call("startExecution", parts(workflowId, "order-3", { n: 3 }))));
  expect(new Set(answers.map(({ body }) => body.executionId)).size).toBe(1);
  expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
  await tenant.waitForStatus(answers[0]?.body.executionId ?? "", "SUCCESS");
});

test("a key counts for one workflow; without a key every request is a new execution", async () => {
  const [one, two] = [await tenant.publish(echo), await tenant.publish(echo)];
  const bodies = [
    (await tenant.api.call("startExecution", parts(one.workflowId, "order-4", { n: 1 }))).body,
    (await tenant.api.call("startExecution", parts(two.workflowId, "order-4", { n: 1 }))).body,
  ];
  const plain = [await tenant.start(one.workflowId, { n: 1 }), await tenant.start(one.workflowId, { n: 1 })];
  expect(new Set([...bodies.map(({ executionId }) => executionId), ...plain]).size).toBe(4);
});

test("a start needs a published version with a manual trigger, and its name where there are several", async () => {
  const draft = await tenant.api.call("createWorkflow", { body: { name: "Only a draft", graph: echo } });
  expect(await tenant.api.refusal("startExecution", { params: { workflowId: draft.body.id }, body: {} })).toMatchObject({ status: 409, code: "WORKFLOW_NOT_PUBLISHED" });
  const hookOnly = await tenant.publish(chain(SIGNED_WEBHOOK, set("a")));
  expect(await tenant.api.refusal("startExecution", { params: { workflowId: hookOnly.workflowId }, body: {} })).toMatchObject({ status: 409, code: "STATE_CONFLICT" });

  const both = await tenant.publish(graph([MANUAL, { ...MANUAL, id: "again" }, set("a"), set("b")], ["start > a", "again > b"]));
  expect(await tenant.api.refusal("startExecution", { params: { workflowId: both.workflowId }, body: {} })).toMatchObject({ status: 409, detail: expect.stringContaining("again, start") });
  const { executionId } = (await tenant.api.call("startExecution", { params: { workflowId: both.workflowId }, body: { nodeId: "again" } })).body;
  await tenant.waitForStatus(executionId, "SUCCESS");
  const { journal } = await tenant.timeline(executionId);
  expect(journal.filter(({ status }) => status === "SUCCESS").map(({ nodeId }) => nodeId)).toEqual(["again", "b"]);
});

test("a new version is what new executions take; one that waits keeps its own", async () => {
  const { workflowId } = await tenant.publish(chain(MANUAL, { id: "pause", type: "delay", params: { durationMs: 6_000 } }, set("say", { text: "old" })));
  const old = await tenant.start(workflowId);
  await tenant.waitForStatus(old, "WAITING");
  await tenant.api.call("replaceDraft", { params: { workflowId }, body: { graph: chain(MANUAL, set("say", { text: "new" })) } });
  await tenant.api.call("publishWorkflow", { params: { workflowId } });
  const fresh = await tenant.waitForStatus(await tenant.start(workflowId), "SUCCESS");
  expect(fresh).toMatchObject({ version: { number: 2 }, output: { results: { say: { text: "new" } } } });
  expect(await tenant.waitForStatus(old, "SUCCESS")).toMatchObject({ version: { number: 1 }, output: { results: { say: { text: "old" } } } });
});

test("a graph with a cycle, a dangling edge or an unknown port is refused at publish, with the nodes named", async () => {
  const created = await tenant.api.call("createWorkflow", {
    body: { name: "Broken", graph: graph([MANUAL, set("a"), set("b"), set("lone")], ["start > a", "a > b", "b > a", "b > ghost", "a:nowhere > b"]) },
  });
  const problem = await tenant.api.refusal("publishWorkflow", { params: { workflowId: created.body.id } });
  expect(problem).toMatchObject({ status: 422, code: "GRAPH_INVALID" });
  const found = problem.issues?.map(({ code, nodeId }) => `${code} ${nodeId}`) ?? [];
  for (const code of ["GRAPH_CYCLE", "EDGE_DANGLING", "PORT_UNKNOWN"]) expect(found.some((issue) => issue.startsWith(`${code} `)), `${code} in ${found.join(", ")}`).toBe(true);
});
