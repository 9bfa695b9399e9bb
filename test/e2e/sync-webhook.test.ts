import { randomUUID } from "node:crypto";
import { createClient, type Graph } from "@fluxo/test/support/client";
import { eventually } from "@fluxo/test/support/eventually";
import { chain, graph, post, set } from "@fluxo/test/support/graphs";
import { deliver, sendHook } from "@fluxo/test/support/hooks";
import { afterAll, expect, inject, test } from "vitest";

const system = inject("system");
const client = createClient({ ...system });
afterAll(() => client.close());

type Node = Graph["nodes"][number];

/** A signed webhook whose callers wait. */
function waiting(mode: "lastNode" | "respondNode", timeoutSeconds = 20): Node {
  return { id: "start", type: "trigger.webhook", params: { authentication: { mode: "standard" }, response: { mode, timeoutSeconds } } };
}

function respond(id: string, params: NonNullable<Node["params"]>): Node {
  return { id, type: "respond", params };
}

test("lastNode: the caller gets the only result, or all of them by name", async () => {
  const tenant = await client.createTenant();
  const one = await tenant.publish(chain(waiting("lastNode"), set("a", { n: "{{ trigger.body.n }}" }), set("b", { twice: "{{ a.n }}-{{ a.n }}" })));
  const answer = await deliver(one, { body: { n: 7 } });
  expect([answer.status, JSON.parse(answer.text)]).toEqual([200, { twice: "7-7" }]);
  expect(answer.headers.get("content-type")).toBe("application/json");
  expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
  const [execution] = await tenant.executions();
  expect(execution).toMatchObject({ status: "SUCCESS", id: answer.headers.get("fluxo-execution-id") });
  const two = await tenant.publish(graph([waiting("lastNode"), set("a", { n: 1 }), set("b", { n: 2 }, { alias: "second" })], ["start > a", "start > b"]));
  expect(JSON.parse((await deliver(two)).text)).toEqual({ a: { n: 1 }, second: { n: 2 } });
});

test("lastNode: an execution that pauses in between is waited for", async () => {
  const tenant = await client.createTenant();
  const workflow = await tenant.publish(chain(waiting("lastNode", 30), { id: "pause", type: "delay", params: { durationMs: 300 } }, set("after", { ok: true })));
  const answer = await deliver(workflow);
  expect([answer.status, JSON.parse(answer.text)]).toEqual([200, { ok: true }]);
});

test("respondNode: the answer goes out in the middle, and the execution goes on after it", async () => {
  const tenant = await client.createTenant();
  const path = `/gated/${tenant.id}/later`;
  const answerNode = respond("answer", { status: 201, headers: { "X-Order": "{{ trigger.body.id }}" }, contentType: "text/html", body: "<h1>Order {{ trigger.body.id }}</h1>" });
  const workflow = await tenant.publish(chain(waiting("respondNode"), set("a"), answerNode, post("later", `${system.sinkUrl}${path}`), set("end", { said: "{{ answer.status }}" })));
  const answer = await deliver(workflow, { body: { id: 7 } });
  expect([answer.status, answer.text]).toEqual([201, "<h1>Order 7</h1>"]);
  expect(Object.fromEntries(answer.headers)).toMatchObject({ "content-type": "text/html; charset=utf-8", "content-security-policy": "sandbox", "x-order": "7" });
  const executionId = answer.headers.get("fluxo-execution-id") ?? "";
  expect((await tenant.execution(executionId)).status).toBe("RUNNING");
  await client.open(path);
  expect((await tenant.waitForStatus(executionId, "SUCCESS")).output).toMatchObject({ results: { end: { said: 201 } } });
});

test("respondNode: a branch that answers nothing is an answer that names the execution", async () => {
  const tenant = await client.createTenant();
  const condition: Node = { id: "check", type: "if", params: { conditions: [{ left: "{{ trigger.body.answer }}", operator: "equals", right: true }] } };
  const workflow = await tenant.publish(graph([waiting("respondNode"), condition, respond("answer", { body: { ok: true } }), set("silent")], ["start > check", "check:true > answer", "check:false > silent"]));
  expect(JSON.parse((await deliver(workflow, { body: { answer: true } })).text)).toEqual({ ok: true });
  const silent = await deliver(workflow, { body: { answer: false } });
  expect(silent.status).toBe(200);
  expect((await tenant.execution(silent.executionId)).status).toBe("SUCCESS");
});

test("after its time the caller gets 202 with the id, and the execution ends without it", async () => {
  const tenant = await client.createTenant();
  const path = `/gated/${tenant.id}/slow`;
  const workflow = await tenant.publish(chain(waiting("lastNode", 1), post("slow", `${system.sinkUrl}${path}`), set("after", { ok: true })));
  const startedAt = performance.now();
  const answer = await deliver(workflow);
  expect(performance.now() - startedAt).toBeGreaterThan(900);
  expect([answer.status, JSON.parse(answer.text)]).toEqual([202, { executionId: expect.any(String), duplicate: false }]);
  await client.open(path);
  expect((await tenant.waitForStatus(answer.executionId, "SUCCESS")).output).toMatchObject({ results: { after: { ok: true } } });
});

test("a caller that hangs up loses nothing: the execution ends, and the repeat of the delivery gets its result", async () => {
  const tenant = await client.createTenant();
  const path = `/gated/${tenant.id}/hang-up`;
  const open: Node = { id: "start", type: "trigger.webhook", params: { authentication: { mode: "none" }, deliveryIdHeader: "x-delivery", response: { mode: "lastNode" } } };
  const { hookUrl } = await tenant.publish(chain(open, post("slow", `${system.sinkUrl}${path}`), set("after", { ok: true })));
  const headers = { "x-delivery": randomUUID() };
  const hungUp = new AbortController();
  const pending = fetch(hookUrl, { method: "POST", headers, signal: hungUp.signal }).catch((error: unknown) => error);
  await eventually(async () => expect(await client.received(path)).toHaveLength(1));
  hungUp.abort();
  expect(await pending).toMatchObject({ name: "AbortError" });
  const repeated = sendHook(hookUrl, { headers });
  await client.open(path);
  const repeat = await repeated;
  expect([repeat.status, JSON.parse(repeat.text)]).toEqual([200, { ok: true }]);
  expect(await tenant.executions()).toMatchObject([{ status: "SUCCESS" }]);
  expect(await client.received(path)).toHaveLength(1);
});

test("a failure, a refusal and a cancel are problems with their code, and tell nothing of the record", async () => {
  const tenant = await client.createTenant();
  const halting = await tenant.publish(chain(waiting("lastNode"), { id: "halt", type: "stop", params: { message: "inside information" } }));
  const failed = await deliver(halting);
  expect([failed.status, JSON.parse(failed.text)]).toMatchObject([500, { code: "EXECUTION_FAILED", reason: "STOPPED_BY_WORKFLOW", executionId: expect.any(String) }]);
  expect(failed.text).not.toContain("inside information");
  expect((await tenant.execution(failed.executionId)).status).toBe("FAILED");

  await tenant.api.call("updateWorkflow", { params: { workflowId: halting.workflowId }, body: { isActive: false } });
  const blocked = await deliver(halting);
  expect(blocked).toMatchObject({ status: 409, code: "WORKFLOW_INACTIVE" });
  expect((await tenant.execution(blocked.executionId)).status).toBe("BLOCKED");

  const hanging = await tenant.publish(chain(waiting("lastNode"), post("hang", `${system.sinkUrl}/hang/${tenant.id}`)));
  const pending = deliver(hanging);
  await eventually(async () => expect(await client.received(`/hang/${tenant.id}`)).toHaveLength(1));
  const [running] = await tenant.executions();
  await tenant.api.call("cancelExecution", { params: { executionId: running?.id ?? "" } });
  expect(await pending).toMatchObject({ status: 409, code: "EXECUTION_CANCELED", executionId: running?.id });
});

test("the same delivery 20 times at once is one execution, and everybody gets its answer", async () => {
  const tenant = await client.createTenant();
  const path = `/slow/300/${tenant.id}`;
  const workflow = await tenant.publish(chain(waiting("respondNode"), post("act", `${system.sinkUrl}${path}`), respond("answer", { body: { id: "{{ execution.id }}" } })));
  const delivery = { id: `msg_${randomUUID()}`, sentAt: new Date() };
  const answers = await Promise.all(Array.from({ length: 20 }, () => deliver(workflow, delivery)));
  const later = await deliver(workflow, { ...delivery, sentAt: new Date() });
  const [execution] = await tenant.executions();
  expect(new Set([...answers, later].map(({ status, text }) => `${status} ${text}`))).toEqual(new Set([`200 ${JSON.stringify({ id: execution?.id })}`]));
  expect(await tenant.executions()).toHaveLength(1);
  expect(await client.received(path)).toHaveLength(1);
});

test("an answer that could harm the other webhooks of the host fails its node", async () => {
  const tenant = await client.createTenant();
  const workflow = chain(waiting("respondNode"), respond("answer", { headers: { "Set-Cookie": "a=b" }, body: "x" }));
  const created = await tenant.api.call("createWorkflow", { body: { name: randomUUID(), graph: workflow } });
  expect(await tenant.api.refusal("publishWorkflow", { params: { workflowId: created.body.id } })).toMatchObject({ code: "GRAPH_INVALID" });
  const late = await tenant.publish(chain(waiting("respondNode"), respond("answer", { headers: { "X-A": "{{ trigger.body.a }}" }, body: "x" })));
  expect(await deliver(late, { body: { a: "1\r\nSet-Cookie: a=b" } })).toMatchObject({ status: 500, code: "EXECUTION_FAILED" });
});
