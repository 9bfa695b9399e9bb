import { chain, MANUAL, post, set, SIGNED_WEBHOOK } from "@fluxo/test/support/graphs";
import { createClient, type PlanCode, type Tenant } from "@fluxo/test/support/client";
import { eventually } from "@fluxo/test/support/eventually";
import { deliver } from "@fluxo/test/support/hooks";
import { afterAll, expect, inject, test } from "vitest";

const system = inject("system");
const client = createClient({ ...system });
afterAll(() => client.close());

interface Span {
  readonly startedAt: string | null;
  readonly completedAt: string | null;
}

/** The most spans that hold at one instant. */
function mostAtOnce(spans: readonly Span[]): number {
  const times = spans.map(({ startedAt, completedAt }) => ({ from: Date.parse(startedAt ?? ""), to: Date.parse(completedAt ?? "") }));
  return Math.max(...times.map(({ from }) => times.filter((other) => other.from <= from && other.to > from).length));
}

/** Nothing is held or counted twice when all have ended. */
async function expectSettled(tenant: Tenant, executions: number): Promise<void> {
  expect(await tenant.usage()).toMatchObject({ executions: { used: executions, reserved: 0 }, concurrency: { running: 0 } });
  const rows = await client.sql<{ used: number; reservations: number }>(
    "SELECT used, (SELECT count(*)::int FROM reservations r WHERE r.tenant_id = s.tenant_id) AS reservations FROM concurrency_slots s WHERE tenant_id = $1",
    [tenant.id],
  );
  expect(rows).toEqual([{ used: 0, reservations: 0 }]);
}

test("with two slots, eight executions all succeed and never more than two run at once", async () => {
  const tenant = await client.createTenant("FREE");
  const path = `/slow/200/${tenant.id}`;
  const { workflowId } = await tenant.publish(chain(MANUAL, post("call", `${system.sinkUrl}${path}`), set("after")));
  const ids = await Promise.all(Array.from({ length: 8 }, () => tenant.start(workflowId)));
  for (const id of ids) await tenant.waitForStatus(id, "SUCCESS");
  const spans = await tenant.executions();
  expect(spans).toHaveLength(8);
  expect(mostAtOnce(spans)).toBe(2);
  // And by what the provider saw.
  const requests = await client.received(path);
  expect(new Set(requests.map(({ headers }) => headers["idempotency-key"])).size).toBe(8);
  expect(requests).toHaveLength(8);
  await expectSettled(tenant, 8);
});

test("a slot that a delay gives back is taken again for the rest", async () => {
  const tenant = await client.createTenant("FREE");
  const { workflowId } = await tenant.publish(chain(MANUAL, { id: "pause", type: "delay", params: { durationMs: 800 } }, post("call", `${system.sinkUrl}/slow/150/${tenant.id}`)));
  const ids = await Promise.all(Array.from({ length: 5 }, () => tenant.start(workflowId)));
  for (const id of ids) await tenant.waitForStatus(id, "SUCCESS");
  const calls = await Promise.all(ids.map(async (id) => (await tenant.timeline(id)).journal.filter(({ nodeId }) => nodeId === "call")));
  expect(mostAtOnce(calls.flat())).toBeLessThanOrEqual(2);
  await expectSettled(tenant, 5);
});

test("a burst of 200 deliveries over four tenants: every one ends, once, and the smallest plan is not starved", async () => {
  const plans: readonly PlanCode[] = ["FREE", "STARTER", "PRO", "AGENCY"];
  const runs = await Promise.all(
    plans.map(async (plan) => {
      const tenant = await client.createTenant(plan);
      return { tenant, workflow: await tenant.publish(chain(SIGNED_WEBHOOK, set("a", { n: "{{ trigger.body.n }}" }), post("call", `${system.sinkUrl}/echo/${tenant.id}/burst`), set("b", { n: "{{ a.n }}" }))) };
    }),
  );
  const answers = await Promise.all(runs.flatMap(({ workflow }) => Array.from({ length: 50 }, (_, n) => deliver(workflow, { body: { n } }))));
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 200 }, () => 202));
  for (const { tenant } of runs) {
    const executions = await eventually(async () => {
      const all = await tenant.executions();
      expect(all.filter(({ status }) => status === "SUCCESS")).toHaveLength(50);
      return all;
    });
    expect(executions).toHaveLength(50);
    const calls = await client.received(`/echo/${tenant.id}/burst`);
    expect(calls.map(({ headers }) => String(headers["idempotency-key"])).toSorted()).toEqual(executions.map(({ id }) => `${id}:call:0`).toSorted());
    await expectSettled(tenant, 50);
  }
  const [free] = runs;
  expect(mostAtOnce((await free?.tenant.executions()) ?? [])).toBeLessThanOrEqual(2);
});
