import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient, type Client } from "@fluxo/test/support/client";
import { eventually } from "@fluxo/test/support/eventually";
import { chain, MANUAL, post, set, SIGNED_WEBHOOK } from "@fluxo/test/support/graphs";
import { deliver } from "@fluxo/test/support/hooks";
import { startSystem, type System } from "@fluxo/test/support/system";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { startRedis } from "../../scripts/environment/redis.ts";

/** Five nodes, the trigger among them. */
const CHAIN = chain(SIGNED_WEBHOOK, set("a", { n: "{{ trigger.body.n }}" }), set("b"), set("c"), set("d", { n: "{{ a.n }}" }));

async function metric(serviceUrl: string, name: string): Promise<number> {
  const text = await (await fetch(`${serviceUrl}/metrics`)).text();
  const values = text.split("\n").flatMap((line) => (line.startsWith(`${name} `) || line.startsWith(`${name}{`) ? [Number(line.split(" ").at(-1))] : []));
  return values.reduce((sum, value) => sum + value, 0);
}

describe("with the lane open", () => {
  const shared = inject("system");
  const client = createClient({ ...shared });
  afterAll(() => client.close());

  test("an execution starts by the lane; its event is sent all the same, and starts nothing a second time", async () => {
    const tenant = await client.createTenant();
    const path = `/echo/${tenant.id}/lane`;
    const workflow = await tenant.publish(chain(SIGNED_WEBHOOK, post("act", `${shared.sinkUrl}${path}`), set("after")));
    const before = { handed: await metric(shared.ingressUrl, "fluxo_fast_lane_handed_over_total"), taken: await metric(shared.workerUrl, "fluxo_fast_lane_taken_total") };
    const { executionId } = await deliver(workflow);
    await tenant.waitForStatus(executionId, "SUCCESS");
    expect(await metric(shared.ingressUrl, "fluxo_fast_lane_handed_over_total")).toBeGreaterThan(before.handed);
    expect(await metric(shared.workerUrl, "fluxo_fast_lane_taken_total")).toBeGreaterThan(before.taken);
    await eventually(async () => expect((await tenant.execution(executionId)).inngestEventId).toBe(executionId));
    // Another starter comes later: a second event of the same execution, as a sweep would send it.
    await client.sql(
      "INSERT INTO outbox (tenant_id, execution_id, concurrency_class, event_id) SELECT tenant_id, id, concurrency_class, id::text || ':1' FROM executions WHERE id = $1",
      [executionId],
    );
    await eventually(async () => expect((await tenant.execution(executionId)).inngestEventId).toBe(`${executionId}:1`));
    const [first] = await client.sql<{ lease_epoch: number }>("SELECT lease_epoch FROM executions WHERE id = $1", [executionId]);
    expect(first?.lease_epoch).toBe(1);
    const { journal } = await tenant.timeline(executionId);
    expect(journal.map(({ nodeId, status, attempt }) => [nodeId, status, attempt])).toEqual([["start", "SUCCESS", 1], ["act", "SUCCESS", 1], ["after", "SUCCESS", 1]]);
    expect(await client.received(path)).toHaveLength(1);
    expect(await tenant.usage()).toMatchObject({ executions: { used: 1, reserved: 0 }, concurrency: { running: 0 } });
  });

  test("a start by hand uses it too, and admission refuses there as everywhere", async () => {
    const tenant = await client.createTenant("FREE");
    const before = await metric(shared.apiUrl, "fluxo_fast_lane_handed_over_total");
    const workflowId = (await tenant.publish(chain(MANUAL, set("a")))).workflowId;
    await tenant.waitForStatus(await tenant.start(workflowId), "SUCCESS");
    expect(await metric(shared.apiUrl, "fluxo_fast_lane_handed_over_total")).toBeGreaterThan(before);
    await tenant.api.call("updateWorkflow", { params: { workflowId }, body: { isActive: false } });
    expect(await tenant.waitForStatus(await tenant.start(workflowId), "BLOCKED")).toMatchObject({ reason: "WORKFLOW_INACTIVE" });
  });

  test("a flood of one tenant does not go by the lane as a whole, all of it ends once, and a quiet tenant is served meanwhile", async () => {
    const [flood, quiet] = await Promise.all([client.createTenant("PRO"), client.createTenant()]);
    const [flooded, calm] = await Promise.all([flood.publish(CHAIN), quiet.publish(CHAIN)]);
    const count = 200;
    const handed = await metric(shared.ingressUrl, "fluxo_fast_lane_handed_over_total");
    const refused = await metric(shared.ingressUrl, "fluxo_fast_lane_refused_total");
    const dropped = await metric(shared.workerUrl, "fluxo_fast_lane_dropped_total");
    const answers = Promise.all(Array.from({ length: count }, (_, n) => deliver(flooded, { body: { n } })));
    const alone = await deliver(calm, { body: { n: 1 } });
    await quiet.waitForStatus(alone.executionId, "SUCCESS");
    const ids = (await answers).map(({ executionId }) => executionId);
    await eventually(async () => {
      const [row] = await client.sql<{ ended: number; epochs: number }>(
        "SELECT count(*) FILTER (WHERE status = 'SUCCESS')::int AS ended, max(lease_epoch) AS epochs FROM executions WHERE tenant_id = $1",
        [flood.id],
      );
      expect(row).toEqual({ ended: count, epochs: 1 });
    });
    expect(new Set(ids).size).toBe(count);
    const left = (await metric(shared.ingressUrl, "fluxo_fast_lane_refused_total")) - refused + (await metric(shared.workerUrl, "fluxo_fast_lane_dropped_total")) - dropped;
    expect((await metric(shared.ingressUrl, "fluxo_fast_lane_handed_over_total")) - handed).toBeLessThan(count);
    expect(left).toBeGreaterThan(0);
    expect(await flood.usage()).toMatchObject({ executions: { used: count, reserved: 0 }, concurrency: { running: 0 } });
  });
});

describe("on a system of its own", () => {
  const dir = mkdtempSync(join(tmpdir(), "fluxo-lane-"));
  let system: System;
  let client: Client;

  beforeAll(async () => {
    system = await startSystem({ dir, allowedPrivateHosts: [] });
    client = createClient({ ...system, sinkUrl: "" });
  });
  afterAll(async () => {
    await client?.close();
    await system?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  async function restart(env: Readonly<Record<string, string>>): Promise<void> {
    for (const name of ["api", "ingress", "worker"] as const) {
      expect(await system.terminate(name)).toBe(0);
      await system.start(name, env);
    }
  }

  test("without Redis requests are answered and executions run; the lane opens again with it", async () => {
    const tenant = await client.createTenant();
    const workflow = await tenant.publish(CHAIN);
    await tenant.waitForStatus((await deliver(workflow, { body: { n: 0 } })).executionId, "SUCCESS");
    const { supervisor, redis, ports } = system.stores;
    await supervisor.stop(redis.process);
    const answer = await deliver(workflow, { body: { n: 1 } });
    expect(answer.status).toBe(202);
    await tenant.waitForStatus(answer.executionId, "SUCCESS");
    await startRedis({ supervisor, dir: join(dir, "redis"), port: ports.redis, logFile: join(system.logDir, "redis-again.log"), isDurable: false });
    const before = await metric(system.workerUrl, "fluxo_fast_lane_taken_total");
    await eventually(async () => {
      await tenant.waitForStatus((await deliver(workflow, { body: { n: 2 } })).executionId, "SUCCESS");
      expect(await metric(system.workerUrl, "fluxo_fast_lane_taken_total")).toBeGreaterThan(before);
    });
  });

  test("it starts executions whose event was not sent, and off means off", async () => {
    const tenant = await client.createTenant();
    const workflow = await tenant.publish(CHAIN);
    await system.kill("relay");
    await eventually(async () => {
      const { executionId } = await deliver(workflow, { body: { n: 1 } });
      expect((await tenant.waitForStatus(executionId, "SUCCESS", 10_000)).inngestEventId).toBeNull();
    });
    await system.start("relay");
    await restart({ FLUXO_FAST_LANE: "off" });
    const { executionId } = await deliver(workflow, { body: { n: 2 } });
    await tenant.waitForStatus(executionId, "SUCCESS");
    for (const url of [system.ingressUrl, system.apiUrl]) expect(await metric(url, "fluxo_fast_lane_handed_over_total")).toBe(0);
  });
});
