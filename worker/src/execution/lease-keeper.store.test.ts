import { nodeTiers } from "@fluxo/nodes/catalog";
import { claimExecutions } from "@fluxo/prisma/executions/claim";
import { queueExecutions, seedWorkflow } from "@fluxo/prisma/testing/seed";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { systemClock } from "@fluxo/runtime/clock";
import { createLogger } from "@fluxo/runtime/logger";
import { createMetrics, createRegistry, type Metrics } from "@fluxo/runtime/metrics";
import { expect, test } from "vitest";
import { LeaseKeeper, type Holder } from "./lease-keeper.ts";

/** Real time that has to pass; a busy machine only makes it longer. */
const SHORT_LEASE_MS = 150;
const LONG_LEASE_MS = 600_000;

const { owner, app, system } = await useTestDatabase();

interface Kept {
  readonly leases: LeaseKeeper;
  readonly metrics: Metrics;
  /** The execution, held in the database by the first epoch. */
  readonly id: string;
  /** A holder of it, who writes down what it is told. */
  readonly holder: (epoch: number) => Holder & { readonly told: string[] };
  /** As if this worker had taken the execution over from itself: the next epoch. */
  readonly takeOver: () => Promise<unknown>;
}

async function keep(leaseMs: number): Promise<Kept> {
  const name = `keeper-${leaseMs}`;
  const metrics = createMetrics(createRegistry());
  const leases = new LeaseKeeper({ pool: system, owner: name, leaseMs, clock: systemClock, logger: createLogger({ service: "test", level: "silent" }), metrics });
  const workflow = await seedWorkflow(owner, { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] });
  const [id = ""] = await queueExecutions(app, workflow, [{}]);
  await claimExecutions(app, { tenantId: workflow.tenantId, executionIds: [id], owner: name, leaseMs: LONG_LEASE_MS, nodeTiers: nodeTiers(), keepStarved: "never" });
  const holder = (epoch: number): ReturnType<Kept["holder"]> => {
    const told: string[] = [];
    return { tenantId: workflow.tenantId, executionId: id, epoch, told, lose: () => void told.push("lost"), cancel: () => void told.push("canceled") };
  };
  return { leases, metrics, id, holder, takeOver: () => owner.query("UPDATE executions SET lease_epoch = lease_epoch + 1 WHERE id = $1", [id]) };
}

/** Does something while a heartbeat waits for the row of an execution, and lets the heartbeat end. */
async function duringHeartbeat({ leases, id }: Kept, act: () => Promise<unknown> | void): Promise<void> {
  const locker = await owner.connect();
  try {
    await locker.query("BEGIN");
    await locker.query("SELECT FROM executions WHERE id = $1 FOR UPDATE", [id]);
    const beat = leases.tick();
    await expect.poll(async () => (await owner.query("SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")).rowCount).toBe(1);
    await act();
    await locker.query("COMMIT");
    await beat;
  } finally {
    locker.release();
  }
}

async function lost({ metrics }: Kept): Promise<number> {
  return (await metrics.leasesLost.get()).values[0]?.value ?? 0;
}

test("a heartbeat is good for a lease from its beginning, not from its answer", async () => {
  const kept = await keep(SHORT_LEASE_MS);
  const holder = kept.holder(1);
  kept.leases.add(holder, performance.now());
  // The database extends the lease; the answer comes too late to rely on it.
  await duringHeartbeat(kept, () => systemClock.sleep(SHORT_LEASE_MS + 10));
  expect([kept.leases.size, kept.leases.isHeld(kept.id, 1), holder.told, await lost(kept)]).toEqual([0, false, ["lost"], 1]);
});

test("of a worker that takes over from itself the later epoch holds the lease, whichever comes first, and the earlier one is told", async () => {
  const kept = await keep(LONG_LEASE_MS);
  const { leases, id } = kept;
  const [first, second] = [kept.holder(1), kept.holder(2)];
  leases.add(first, performance.now());
  leases.add(second, performance.now());
  expect([leases.isHeld(id, 1), leases.isHeld(id, 2), first.told, second.told]).toEqual([false, true, ["lost"], []]);
  const late = kept.holder(1);
  leases.add(late, performance.now());
  expect([leases.isHeld(id, 2), late.told, second.told]).toEqual([true, ["lost"], []]);
  // Its run ends later than the other one began.
  leases.remove(id, 1);
  expect([leases.isHeld(id, 2), leases.size]).toEqual([true, 1]);
  leases.cancel(id);
  expect([first.told, second.told]).toEqual([["lost"], ["canceled"]]);
  leases.remove(id, 2);
  expect(leases.size).toBe(0);
});

test("what a heartbeat says of an earlier epoch, or of what ended meanwhile, is nothing to the later one", async () => {
  const kept = await keep(LONG_LEASE_MS);
  const { leases, id } = kept;
  const [first, second] = [kept.holder(1), kept.holder(2)];
  await kept.takeOver();
  leases.add(first, performance.now());
  await duringHeartbeat(kept, () => {
    // It ends, and goes on as another epoch, such as after a short delay.
    leases.remove(id, 1);
    leases.add(second, performance.now());
  });
  expect([leases.isHeld(id, 2), first.told, second.told, await lost(kept)]).toEqual([true, [], [], 0]);
  await leases.tick();
  expect([leases.isHeld(id, 2), second.told]).toEqual([true, []]);
});

test("a heartbeat that fails ends nothing that is held still, and what is not at once", async () => {
  const kept = await keep(LONG_LEASE_MS);
  const [young, old] = [kept.holder(1), { ...kept.holder(1), executionId: "no-uuid", told: [] as string[] }];
  kept.leases.add(young, performance.now());
  kept.leases.add({ ...old, lose: () => void old.told.push("lost") }, performance.now() - LONG_LEASE_MS - 1);
  await kept.leases.tick();
  expect([kept.leases.size, young.told, old.told]).toEqual([1, [], ["lost"]]);
});
