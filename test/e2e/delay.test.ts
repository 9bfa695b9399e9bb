import { chain, graph, MANUAL, set } from "@fluxo/test/support/graphs";
import { createClient } from "@fluxo/test/support/client";
import { afterAll, expect, inject, test } from "vitest";

const client = createClient({ ...inject("system") });
afterAll(() => client.close());

const pause = (durationMs: number) => ({ id: "pause", type: "delay", params: { durationMs } });

test("a delay suspends without a slot, and Inngest's timer resumes it after its instant and not before", async () => {
  const tenant = await client.createTenant();
  const executionId = await tenant.run(chain(MANUAL, set("before", { n: "{{ trigger.n }}" }), pause(8_000), set("after", { n: "{{ before.n }}", at: "{{ pause.resumedAt }}" })), { n: 5 });
  const waiting = await tenant.waitForStatus(executionId, "WAITING");
  expect(waiting).toMatchObject({ reason: "DELAY", completedAt: null, output: null });
  expect((await tenant.usage()).concurrency.running).toBe(0);
  const { journal, events } = await tenant.timeline(executionId);
  expect(journal.map(({ nodeId, status }) => [nodeId, status])).toEqual([["start", "SUCCESS"], ["before", "SUCCESS"], ["pause", "WAITING"]]);
  expect(journal[2]).toMatchObject({ reason: "DELAY", resumeAt: waiting.resumeAt, completedAt: null });
  expect(events.map(({ type }) => type)).toEqual(["queued", "started", "waiting"]);

  const ended = await tenant.waitForStatus(executionId, "SUCCESS");
  expect(ended.output).toEqual({ results: { after: { n: 5, at: waiting.resumeAt } }, failures: [] });
  // The sweep of overdue executions would have sent another event, the second wake-up.
  expect(ended.inngestEventId).toBe(`${executionId}:1`);
  const after = (await tenant.timeline(executionId)).journal.at(-1);
  const resumeAt = Date.parse(waiting.resumeAt ?? "");
  expect(Date.parse(after?.startedAt ?? "")).toBeGreaterThanOrEqual(resumeAt - 1);
  expect(ended.startedAt).toBe(waiting.startedAt);
});

test("waiting executions hold no slot: with two of them on a plan with two slots, a third one runs", async () => {
  const tenant = await client.createTenant("FREE");
  const { workflowId } = await tenant.publish(chain(MANUAL, pause(3_600_000)));
  const waiting = await Promise.all([tenant.start(workflowId), tenant.start(workflowId)]);
  for (const executionId of waiting) await tenant.waitForStatus(executionId, "WAITING");
  expect((await tenant.usage()).concurrency).toEqual({ running: 0, max: 2 });
  await tenant.waitForStatus(await tenant.run(chain(MANUAL, set("quick"))), "SUCCESS");
  for (const executionId of waiting) expect(await tenant.execution(executionId)).toMatchObject({ status: "WAITING", reason: "DELAY" });
});

test("a branch beside a delay goes on meanwhile; what it did is not repeated after the resume", async () => {
  const tenant = await client.createTenant();
  const path = `/echo/${tenant.id}/beside`;
  const executionId = await tenant.run(
    graph(
      [MANUAL, pause(6_000), { id: "beside", type: "http.request", params: { url: `${client.sinkUrl}${path}`, method: "POST" } }, { id: "join", type: "merge" }, set("end", { count: "{{ beside.body.received }}" })],
      ["start > pause", "start > beside", "pause > join", "beside > join", "join > end"],
    ),
  );
  const waiting = await tenant.waitForStatus(executionId, "WAITING");
  const { journal } = await tenant.timeline(executionId);
  expect(journal.map(({ nodeId, status }) => [nodeId, status])).toEqual([["start", "SUCCESS"], ["beside", "SUCCESS"], ["pause", "WAITING"]]);
  expect(waiting.reason).toBe("DELAY");
  expect((await tenant.waitForStatus(executionId, "SUCCESS")).output).toMatchObject({ results: { end: { count: 1 } } });
  expect(await client.received(path)).toHaveLength(1);
});

test("a delay until an instant that has passed is no wait", async () => {
  const tenant = await client.createTenant();
  const executionId = await tenant.run(chain(MANUAL, { id: "pause", type: "delay", params: { until: "{{ trigger.at }}" } }), { at: "2020-01-01T00:00:00Z" });
  const { inngestEventId } = await tenant.waitForStatus(executionId, "SUCCESS");
  expect(inngestEventId).not.toBe(`${executionId}:1`);
  const { journal } = await tenant.timeline(executionId);
  expect(journal.at(-1)).toMatchObject({ nodeId: "pause", status: "SUCCESS", resumeAt: null });
});
