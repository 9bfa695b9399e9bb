import { claimTurns, countParkedOperations, isTurnOver, type OperationTurn } from "@fluxo/prisma/operations/turns";
import { ManualClock } from "@fluxo/runtime/testing/manual-clock";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startHarness, type Harness } from "../api/testing/harness.ts";
import type { OperationWork } from "./operation-worker.ts";
import { kindsOf, type Connections, type KindUnderTest, type MadeOperation } from "./testing/kinds.ts";
import { createMortal } from "./testing/mortal.ts";
import { workerOf } from "./testing/workers.ts";

const KINDS = ["bulk", "backfill", "rollout", "off_boarding"] as const;
const NEVER = new AbortController().signal;

let api: Harness;
let kinds: readonly KindUnderTest[];

beforeAll(async () => {
  api = await startHarness();
  kinds = kindsOf(api);
});
/** Workers see the operations of all tenants. */
afterEach(async () => {
  await api.owner.query("DELETE FROM bulk_operations");
  await api.owner.query("DELETE FROM backfills");
  await api.owner.query("UPDATE template_rollouts SET status = 'ABORTED', completed_at = now() WHERE completed_at IS NULL");
  await api.owner.query("UPDATE off_boardings SET status = 'ABORTED', completed_at = now() WHERE completed_at IS NULL");
});
afterAll(() => api.stop());

/** What tests do with the operations of one kind. */
function benchOf(name: (typeof KINDS)[number]) {
  const kindOf = (): KindUnderTest => kinds.find((one) => one.kind === name) ?? expect.unreachable();
  const change = (columns: string): Promise<unknown> => api.owner.query(`UPDATE ${kindOf().table} SET ${columns} WHERE completed_at IS NULL`);
  const finish = async (operation: MadeOperation, turn: () => Promise<unknown>): Promise<void> => {
    for (let turns = 0; (await operation.status()) !== kindOf().done; turns += 1) {
      expect(turns).toBeLessThan(1_000);
      await turn();
      await pass();
    }
  };
  /** As if every lease had run out and every rest were over, with nothing remembered of failures. */
  const pass = (): Promise<unknown> => change("next_at = next_at - interval '1 day', lease_until = lease_until - interval '1 day', attempts = 0");
  return {
    make: () => kindOf().make(),
    workFor: (connections: Connections) => kindOf().work(connections),
    work: () => kindOf().work({ app: api.pool, system: api.system, tenantDb: api.tenantDb }),
    /** A work that does something else first. */
    workAfter: (first: (turn: OperationTurn) => Promise<unknown>): OperationWork => {
      const inner = kindOf().work({ app: api.pool, system: api.system, tenantDb: api.tenantDb });
      return { kind: name, intervalMs: 0, turn: async (turn, signal) => (await first(turn), inner.turn(turn, signal)) };
    },
    claim: async (): Promise<OperationTurn> => (await claimTurns(api.system, name, "other", 30_000, 10))[0] ?? expect.unreachable("nothing was claimed"),
    row: async ({ id }: MadeOperation) =>
      (await api.owner.query(`SELECT attempts, lease_owner, lease_until, extract(epoch FROM next_at - clock_timestamp())::float8 AS rest, extract(epoch FROM lease_until - clock_timestamp())::float8 AS leased FROM ${kindOf().table} WHERE id = $1`, [id])).rows[0],
    expectDoneOnce: async (operation: MadeOperation): Promise<void> => {
      const effects = await operation.effects();
      expect(effects).toHaveLength(kindOf().effects);
      expect(new Set(effects).size).toBe(kindOf().effects);
    },
    ...{ change, finish, pass },
  };
}

describe.each(KINDS)("%s: whoever works it, everything is done once", (name) => {
  const { make, work, workFor, workAfter, claim, row, pass, finish, expectDoneOnce } = benchOf(name);

  test("a process that dies between any two statements leaves nothing half done", async () => {
    const operation = await make();
    let statements = 0;
    await finish(operation, async () => {
      const mortal = createMortal(api, statements);
      await workerOf(workFor(mortal), mortal.system).tick().catch(() => undefined);
      statements = mortal.isDead() ? statements + 1 : 0;
      await mortal.bury();
      await api.owner.query("UPDATE template_rollout_items SET attempts = 0");
    });
    await expectDoneOnce(operation);
  });

  test("several workers share the work, and everything is done once", async () => {
    const operation = await make();
    const workers = Array.from({ length: 4 }, () => workerOf(work(), api.system));
    await finish(operation, () => Promise.all(workers.map((worker) => worker.tick())));
    await expectDoneOnce(operation);
  });

  test("one that was paused past its lease writes nothing", async () => {
    const operation = await make();
    const late = await claim();
    await pass();
    const taken = await claim();
    expect(taken.epoch).toBe(late.epoch + 1);
    await expect(work().turn(late, NEVER)).rejects.toSatisfy(isTurnOver);
    expect(await operation.effects()).toEqual([]);
    await pass();
    await expect(work().turn(taken, NEVER)).rejects.toSatisfy(isTurnOver);
    await finish(operation, () => workerOf(work(), api.system).tick());
    await expectDoneOnce(operation);
  });

  test("aborted in the middle it does nothing more, and its lease ends with the turn", async () => {
    const operation = await make();
    expect(await workerOf(workAfter(operation.abort), api.system).tick()).toBe(0);
    expect(await operation.effects()).toEqual([]);
    expect([await operation.status(), await row(operation)]).toMatchObject(["ABORTED", { lease_owner: null, attempts: 0 }]);
    expect(await workerOf(work(), api.system).tick()).toBe(0);
  });

  test("a worker that stops ends the turn that it has, and gives back what it did not begin", async () => {
    const [first, second] = [await make(), await make()];
    const begun = Promise.withResolvers<string>();
    const go = Promise.withResolvers<undefined>();
    const worker = workerOf(workAfter(({ id }) => (begun.resolve(id), go.promise)), api.system);
    worker.start();
    const [own, other] = (await begun.promise) === first.id ? [first, second] : [second, first];
    let isStopped = false;
    const stopped = worker.stop().then(() => (isStopped = true));
    expect(isStopped).toBe(false);
    go.resolve(undefined);
    await stopped;
    for (const operation of [own, other]) expect(await row(operation)).toMatchObject({ lease_owner: null, lease_until: null, attempts: 0 });
    expect(await other.effects()).toEqual([]);
  });
});

describe.each(KINDS)("%s: failures and leases", (name) => {
  const { make, work, claim, row, change } = benchOf(name);

  test("a turn that fails is repeated later and later by whoever comes, and parked after ten; one that succeeds forgets them", async () => {
    const operation = await make();
    const failing: OperationWork = { kind: name, intervalMs: 0, turn: () => Promise.reject(new Error("No.")) };
    for (let attempt = 1; attempt <= 10; attempt += 1) {
      await change("next_at = next_at - interval '1 day'");
      const begunMs = performance.now();
      await workerOf(failing, api.system).tick();
      const { attempts, rest } = await row(operation);
      expect(attempts).toBe(attempt);
      // What is left of the rest by now, and how much of it may have passed.
      const passed = (attempt < 10 ? Math.min(2 ** (attempt - 1), 300) : 3_600) - rest;
      expect(passed).toBeGreaterThan(-0.01);
      expect(passed).toBeLessThan((performance.now() - begunMs) / 1_000 + 0.01);
    }
    expect(await workerOf(work(), api.system).tick()).toBe(0);
    expect(await countParkedOperations(api.system, name)).toBe(1);
    await change("next_at = next_at - interval '1 day'");
    await workerOf(work(), api.system).tick();
    expect([await row(operation), await countParkedOperations(api.system, name)]).toMatchObject([{ attempts: 0, lease_owner: null }, 0]);
  });

  test("one that takes ten processes with it is left alone for an hour", async () => {
    await make();
    for (let attempt = 1; attempt <= 10; attempt += 1) {
      expect((await claim()).attempts).toBe(attempt);
      await change("lease_until = lease_until - interval '1 minute'");
    }
    expect(await claimTurns(api.system, name, "other", 30_000, 10)).toEqual([]);
    await change("lease_until = lease_until - interval '1 hour'");
    expect((await claim()).attempts).toBe(11);
  });

  test("a lease lasts as long as its turn, and a turn that is lost is told so", async () => {
    const operation = await make();
    const clock = new ManualClock();
    const begun = Promise.withResolvers<AbortSignal>();
    const go = Promise.withResolvers<undefined>();
    const slow: OperationWork = {
      ...{ kind: name, intervalMs: 0 },
      async turn(_turn, signal) {
        begun.resolve(signal);
        await go.promise;
        return { worked: 1 };
      },
    };
    const ticked = workerOf(slow, api.system, { clock, leaseMs: 60 * 60_000 }).tick();
    const signal = await begun.promise;
    // As if half of it had passed.
    await change("lease_until = lease_until - interval '30 minutes'");
    const { lease_until: before } = await row(operation);
    await clock.advance(20 * 60_000);
    await expect.poll(async () => (await row(operation)).lease_until > before).toBe(true);
    expect(signal.aborted).toBe(false);
    await change("lease_epoch = lease_epoch + 1");
    await expect.poll(async () => (await clock.advance(20 * 60_000), signal.aborted)).toBe(true);
    go.resolve(undefined);
    await ticked;
    expect((await row(operation)).lease_until).not.toBeNull();
  });
});
