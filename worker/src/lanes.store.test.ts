import { addPlan, queueExecutions, seedWorkflow } from "@fluxo/prisma/testing/seed";
import { countQueries } from "@fluxo/prisma/testing/statements";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { uuidV7 } from "@fluxo/prisma/ids";
import { systemClock } from "@fluxo/runtime/clock";
import { createGuardedClient } from "@fluxo/runtime/http/guarded-client";
import { Lifecycle } from "@fluxo/runtime/lifecycle";
import { createLogger } from "@fluxo/runtime/logger";
import { createMetrics, createRegistry } from "@fluxo/runtime/metrics";
import { PATIENCE_MS } from "@fluxo/test/support/eventually";
import { startSink, type Sink } from "@fluxo/test/support/sink";
import { afterAll, beforeAll, expect, test } from "vitest";
import { EngineStoppingError } from "./execution/engine.ts";
import { LeaseKeeper } from "./execution/lease-keeper.ts";
import { createEngine } from "./execution/testing/pod.ts";
import { createLanes, type Lanes } from "./lanes.ts";
import { createNodePorts } from "./node-ports/node-ports.ts";

const LEASE_MS = 600_000;
const logger = createLogger({ service: "test", level: "fatal" });

const pools = await useTestDatabase();
let sink: Sink;
const asked = countQueries(pools.app);

beforeAll(async () => {
  sink = await startSink();
});

afterAll(() => sink.stop());

/** The lanes of a pod of its own, with how it stops. */
function createPod(owner: string): { readonly lanes: Lanes; readonly lifecycle: Lifecycle } {
  const { app, system } = pools;
  const [lifecycle, metrics] = [new Lifecycle({ logger }), createMetrics(createRegistry())];
  const ports = createNodePorts({ http: createGuardedClient({ allowedPrivateHosts: [`127.0.0.1:${sink.port}`] }) });
  const leases = new LeaseKeeper({ pool: system, owner, leaseMs: LEASE_MS, clock: systemClock, logger, metrics });
  const engine = { leases, ids: uuidV7, logger, announce: () => undefined, tools: { clock: systemClock, random: () => 0, ports, metrics } };
  return { lifecycle, lanes: createLanes({ store: { pool: app, owner, leaseMs: LEASE_MS, clock: systemClock, metrics }, engine, stopDeadlineMs: 100 }, lifecycle) };
}

async function queue(path: string): Promise<{ readonly tenantId: string; readonly id: string }> {
  const nodes = [{ id: "start", type: "trigger.manual" }, { id: "call", type: "http.request", params: { url: `${sink.url}${path}`, method: "POST" } }];
  const workflow = await seedWorkflow(pools.owner, { nodes, edges: [{ from: "start", to: "call" }] }, await addPlan(pools.owner, { executionsPerMonth: 10, concurrencyMax: 1 }));
  const [id = ""] = await queueExecutions(pools.app, workflow, [{}]);
  return { tenantId: workflow.tenantId, id };
}

const rowOf = async (id: string): Promise<unknown> => (await pools.owner.query("SELECT status, lease_epoch AS epoch FROM executions WHERE id = $1", [id])).rows[0];

test("the event of an execution that the fast lane has run to its end costs no statement", async () => {
  const { lanes, lifecycle } = createPod("pod");
  const { tenantId, id } = await queue("/echo/lanes");
  expect(await lanes.fast.claimAndRun(tenantId, [id])).toMatchObject({ claimed: 1 });
  asked.count = 0;
  expect(await lanes.events.claimAndRun(tenantId, [id, id])).toEqual({ claimed: 0, blocked: 0, parked: 0, skipped: 1, starved: 0 });
  expect(asked.count).toBe(0);
  await lifecycle.stop("test");
});

test("a pod that stops takes nothing more, writes nothing more of what is left, and hands its lease back for another pod to go on at once", async () => {
  const { lanes, lifecycle } = createPod("stopping");
  const { tenantId, id } = await queue("/slow/3000/handed-back");
  const running = lanes.fast.claimAndRun(tenantId, [id]);
  await expect.poll(() => sink.received("/slow/3000/handed-back").length, { timeout: PATIENCE_MS }).toBe(1);
  const { isClean } = await lifecycle.stop("test");
  await running;
  expect(isClean).toBe(true);
  expect(await rowOf(id)).toEqual({ status: "RUNNING", epoch: 1 });
  for (const engine of Object.values(lanes)) await expect(engine.claimAndRun(tenantId, [id])).rejects.toThrow(EngineStoppingError);
  const successor = createEngine(pools, "successor", { privateHosts: [`127.0.0.1:${sink.port}`] });
  expect(await successor.claimAndRun(tenantId, [id])).toMatchObject({ claimed: 1 });
  expect(await rowOf(id)).toEqual({ status: "SUCCESS", epoch: 2 });
  expect(new Set(sink.received("/slow/3000/handed-back").map(({ headers }) => headers["idempotency-key"]))).toEqual(new Set([`${id}:call:0`]));
});
