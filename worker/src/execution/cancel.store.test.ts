import { nodeTiers } from "@fluxo/nodes/catalog";
import { cancelExecution } from "@fluxo/prisma/executions/cancel";
import { claimExecutions } from "@fluxo/prisma/executions/claim";
import { claimOutbox, markSent } from "@fluxo/prisma/relay/outbox";
import { sweep } from "@fluxo/prisma/relay/sweep";
import { PLAN, queueExecutions, seedWorkflow } from "@fluxo/prisma/testing/seed";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { startSink, type Sink } from "@fluxo/test/support/sink";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Engine } from "./engine.ts";
import { createEngine } from "./testing/pod.ts";

const pools = await useTestDatabase();
const { owner, app, system } = pools;
let sink: Sink;
let engine: Engine;

beforeAll(async () => {
  sink = await startSink();
  engine = createEngine(pools, "living", { leaseMs: 60_000, privateHosts: [`127.0.0.1:${sink.port}`] });
});

afterAll(() => sink.stop());

const graph = (path: string): Parameters<typeof seedWorkflow>[1] => ({
  nodes: [{ id: "start", type: "trigger.manual" }, { id: "call", type: "http.request", params: { url: `${sink.url}${path}`, method: "POST" } }],
  edges: [{ from: "start", to: "call" }],
});

async function execution(id: string): Promise<{ status: string; error_code: string | null; cancel_requested_at: Date | null }> {
  const { rows } = await owner.query("SELECT status, error_code, cancel_requested_at FROM executions WHERE id = $1", [id]);
  return rows[0];
}

test("the cancel of an execution whose worker died is honored by the one that takes it over, which runs nothing more of it", async () => {
  const workflow = await seedWorkflow(owner, graph("/echo/cancel-dead"));
  const [id] = (await queueExecutions(app, workflow, [{}])) as [string];
  await claimExecutions(app, { tenantId: workflow.tenantId, executionIds: [id], owner: "dead", leaseMs: 60_000, nodeTiers: nodeTiers(), keepStarved: "never" });
  await markSent(system, "test", await claimOutbox(system, { owner: "test", limit: 100, leaseMs: 10_000, outstandingMax: 100 }));
  expect(await cancelExecution(app, workflow.tenantId, id)).toEqual({ status: "RUNNING", isRequested: true });
  const { cancel_requested_at: asked } = await execution(id);
  expect(await cancelExecution(app, workflow.tenantId, id)).toEqual({ status: "RUNNING", isRequested: true });
  expect((await execution(id)).cancel_requested_at).toEqual(asked);
  await owner.query("UPDATE executions SET lease_until = now() - interval '1 second', released_at = now() - interval '1 minute' WHERE id = $1", [id]);
  expect((await sweep(system, 10_000, 100)).get("expired")).toBe(1);
  const ordered = await claimOutbox(system, { owner: "test", limit: 100, leaseMs: 10_000, outstandingMax: 100 });
  expect(ordered.map(({ executionId }) => executionId)).toEqual([id]);
  await engine.claimAndRun(workflow.tenantId, [id]);
  expect(await execution(id)).toMatchObject({ status: "CANCELED", error_code: "EXECUTION_CANCELED" });
  expect(sink.received("/echo/cancel-dead")).toHaveLength(0);
  const { rows } = await owner.query("SELECT (SELECT used FROM concurrency_slots WHERE tenant_id = $1) AS slots, (SELECT count(*)::int FROM reservations WHERE tenant_id = $1) AS reservations", [workflow.tenantId]);
  expect(rows[0]).toEqual({ slots: 0, reservations: 0 });
  expect(await cancelExecution(app, workflow.tenantId, id)).toEqual({ status: "CANCELED", isRequested: false });
});

test("what a cancel answers is true, however it races with start and end", async () => {
  const workflow = await seedWorkflow(owner, graph("/slow/15/cancel-race"), PLAN.FREE);
  const ids = await queueExecutions(app, workflow, Array.from({ length: 40 }, () => ({})));
  const running = engine.claimAndRun(workflow.tenantId, ids);
  const cancel = (some: readonly string[]) => Promise.all(some.map(async (id) => [id, await cancelExecution(app, workflow.tenantId, id)] as const));
  // Two have a slot at a time, the oldest first: these wait, of those some run and some end meanwhile, and the last ones have ended.
  const answers = await cancel(ids.slice(20));
  await expect.poll(() => sink.received("/slow/15/cancel-race").length).toBeGreaterThan(2);
  answers.push(...(await cancel(ids.slice(0, 12))));
  await running;
  answers.push(...(await cancel(ids.slice(12, 20))));
  const kinds = new Set<string>();
  for (const [id, answer] of answers) {
    const { status, cancel_requested_at: asked } = await execution(id);
    kinds.add(answer?.status ?? "");
    if (answer?.isRequested === true) expect(["CANCELED", "SUCCESS"]).toContain(status);
    else expect(status).toBe(answer?.status);
    expect(asked !== null).toBe(answer?.isRequested === true || answer?.status === "CANCELED");
  }
  expect([...kinds]).toEqual(expect.arrayContaining(["CANCELED", "SUCCESS"]));
  const { rows } = await owner.query("SELECT used FROM concurrency_slots WHERE tenant_id = $1", [workflow.tenantId]);
  expect(rows[0].used).toBe(0);
});
