import { randomUUID } from "node:crypto";
import { releasedExecutions } from "@fluxo/contracts/events/execution-released";
import { intake } from "@fluxo/prisma/executions/intake";
import { uuidV7 } from "@fluxo/prisma/ids";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { systemClock } from "@fluxo/runtime/clock";
import { createLogger } from "@fluxo/runtime/logger";
import { createMetrics, createRegistry } from "@fluxo/runtime/metrics";
import { ManualClock } from "@fluxo/runtime/testing/manual-clock";
import { PATIENCE_MS } from "@fluxo/test/support/eventually";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { addTenant, PLAN } from "@fluxo/prisma/testing/seed";
import { createPool } from "@fluxo/prisma/database/pool";
import { addHook, type SeededHook } from "../testing/hooks.ts";
import { createEventApi, type EventApi } from "./event-api.ts";
import { OutboxListener } from "./outbox-listener.ts";
import { Relay, type RelayOptions } from "./relay.ts";
import { Sweeper } from "./sweeper.ts";
import { receiveEvents, type EventReceiver } from "./testing/event-receiver.ts";

const eventKey = "event-key";
const logger = createLogger({ service: "relay", level: "silent" });

const { database, owner, app, system } = await useTestDatabase({ system: 10 });
let receiver: EventReceiver;
const stops: (() => Promise<void>)[] = [];

beforeEach(async () => {
  receiver = await receiveEvents(eventKey);
  await owner.query("TRUNCATE outbox, executions, occurrences CASCADE");
});

afterEach(async () => {
  vi.restoreAllMocks();
  for (const stop of stops.splice(0).toReversed()) await stop();
  await receiver.close();
});

const apiOf = (): EventApi => createEventApi({ baseUrl: receiver.url, eventKey, timeoutMs: 20_000 });

function createRelay(options: Partial<RelayOptions> = {}): Relay {
  const metrics = createMetrics(createRegistry());
  return new Relay({ db: system, owner: randomUUID(), eventApi: apiOf(), clock: systemClock, random: () => 0.5, logger, metrics, outstandingMax: 200, gatherMs: 0, ...options });
}

/** Executions by event, in order of arrival. */
const released = (): string[][] => receiver.events.map(({ data }) => [...releasedExecutions(data)]);

/** Accepts `count` requests of a hook, as the ingress does. @returns the executions' ids in order */
async function accept(hook: SeededHook, count: number): Promise<string[]> {
  const { tenantId, triggerId } = hook;
  const items = Array.from({ length: count }, () => {
    const executionId = uuidV7.next();
    return { tenantId, triggerId, occurrenceKey: `id:${executionId}`, executionId, input: {}, payloadId: uuidV7.next(), occurredAt: new Date() };
  });
  await intake(app, items);
  return items.map(({ executionId }) => executionId);
}

const newHook = async (planId: string = PLAN.PRO): Promise<SeededHook> => addHook(owner, (await addTenant(owner, planId)).tenantId);
const outboxSize = async (): Promise<number> => (await owner.query<{ count: number }>("SELECT count(*)::int AS count FROM outbox")).rows[0]?.count ?? -1;

describe("a round", () => {
  test("sends what was accepted, remembers the event's id and empties the outbox", async () => {
    const hook = await newHook();
    const ids = await accept(hook, 2);
    expect(await createRelay().tick()).toEqual({ claimed: 2, sent: 2, failed: 0 });
    expect(receiver.events.map(({ id }) => id)).toEqual(ids);
    expect(receiver.events[0]).toEqual({ name: "fluxo/execution.released.large", id: ids[0], data: { version: 1, tenantId: hook.tenantId, executionId: ids[0], bulk: false } });
    const { rows } = await owner.query("SELECT inngest_event_id, released_at IS NOT NULL AS released FROM executions ORDER BY id");
    expect(rows).toEqual(ids.map((id) => ({ inngest_event_id: id, released: true })));
    expect(await outboxSize()).toBe(0);
    expect(await createRelay().tick()).toEqual({ claimed: 0, sent: 0, failed: 0 });
  });

  test("that dies between send and mark is repeated with the same id", async () => {
    const [id] = await accept(await newHook(), 1);
    const query = system.query.bind(system);
    vi.spyOn(system, "query").mockImplementation(((statement: { name?: string }) =>
      statement.name === "fluxo_relay_sent" ? Promise.reject(new Error("killed")) : query(statement as never)) as never);
    await expect(createRelay().tick()).rejects.toThrow("killed");
    vi.restoreAllMocks();
    expect(await outboxSize()).toBe(1);
    const survivor = createRelay();
    expect(await survivor.tick()).toEqual({ claimed: 0, sent: 0, failed: 0 });
    await owner.query("UPDATE outbox SET claimed_until = claimed_until - interval '1 day'");
    expect((await survivor.tick()).sent).toBe(1);
    expect(receiver.events.map((event) => event.id)).toEqual([id, id]);
    expect(await outboxSize()).toBe(0);
  });

  test.each(["fluxo_relay_claim", "fluxo_relay_sent"])("whose %s is done without an answer keeps nothing from the next round", async (lost) => {
    const [id] = await accept(await newHook(), 1);
    const query = system.query.bind(system) as (statement: unknown) => Promise<unknown>;
    vi.spyOn(system, "query").mockImplementation((async (statement: { name?: string }) => {
      const answer = await query(statement);
      if (statement.name === lost) throw new Error("Connection terminated unexpectedly");
      return answer;
    }) as never);
    const relay = createRelay();
    await expect(relay.tick()).rejects.toThrow("terminated");
    vi.restoreAllMocks();
    await relay.tick();
    expect(receiver.events.map((event) => event.id)).toEqual([id]);
    expect(await outboxSize()).toBe(0);
  });

  test("that Inngest refuses gives its entries back at once", async () => {
    const [id] = await accept(await newHook(), 1);
    receiver.behave(503);
    expect(await createRelay().tick()).toEqual({ claimed: 1, sent: 0, failed: 1 });
    receiver.behave("take");
    expect(await createRelay().tick(), "any relay may have them").toEqual({ claimed: 1, sent: 1, failed: 0 });
    expect(receiver.events.map((event) => event.id)).toEqual([id]);
  });

  test("does not begin to send under a claim that is half over", async () => {
    await accept(await newHook(), 1);
    expect(await createRelay({ leaseMs: 0 }).tick()).toEqual({ claimed: 1, sent: 0, failed: 1 });
    expect(receiver.events).toEqual([]);
    expect((await createRelay().tick()).sent).toBe(1);
  });
});

describe("events of a backlog", () => {
  test("are shared; every execution remembers the id of its event, and a timer has its own", async () => {
    const hook = await newHook();
    const ids = await accept(hook, 12);
    const due = new Date(Date.now() + 60_000);
    await owner.query("UPDATE outbox SET deliver_at = $2 WHERE execution_id = $1", [ids[11], due]);
    expect(await createRelay().tick()).toEqual({ claimed: 12, sent: 12, failed: 0 });
    expect(released()).toEqual([ids.slice(0, 11), ids.slice(11)]);
    expect(receiver.events[1]).toMatchObject({ id: ids[11], ts: due.getTime(), data: { bulk: false } });
    const { rows } = await owner.query("SELECT inngest_event_id AS event FROM executions ORDER BY id");
    expect(rows.map(({ event }) => event)).toEqual([...ids.slice(0, 11).map(() => receiver.events[0]?.id), ids[11]]);
  });

  test("are repeated with the same id when the relay dies between send and mark, also when more has come meanwhile", async () => {
    const hook = await newHook();
    const ids = await accept(hook, 5);
    const query = system.query.bind(system);
    vi.spyOn(system, "query").mockImplementation(((statement: { name?: string }) =>
      statement.name === "fluxo_relay_sent" ? Promise.reject(new Error("killed")) : query(statement as never)) as never);
    await expect(createRelay({ leaseMs: 1_000 }).tick()).rejects.toThrow("killed");
    vi.restoreAllMocks();
    await owner.query("UPDATE outbox SET claimed_until = now() - interval '1 second'");
    await createRelay().tick();
    const more = await accept(hook, 5);
    await createRelay().tick();
    expect(released()).toEqual([ids, ids, more]);
    expect(receiver.events[1]?.id).toBe(receiver.events[0]?.id);
    expect(receiver.events[2]?.id).not.toBe(receiver.events[0]?.id);
  });

  const age = (ms: number): Promise<unknown> => owner.query("UPDATE outbox SET created_at = clock_timestamp() - make_interval(secs => $1)", [ms / 1_000]);
  const enough = 50;

  test("gather until there is enough, time is over or the tenant's work has started; nobody else waits", async () => {
    const [busy, quiet] = [await newHook(), await newHook()];
    const first = await accept(busy, 3);
    const relay = createRelay({ gatherMs: 60_000, startMs: 60_000 });
    expect((await relay.tick()).sent).toBe(3);
    const gathered = await accept(busy, 2);
    const alone = await accept(quiet, 1);
    expect((await relay.tick()).sent).toBe(1);
    expect(released()).toEqual([first, alone]);
    await age(61_000);
    expect((await relay.tick()).sent).toBe(2);
    expect(receiver.events.at(-1)?.data).toMatchObject({ version: 2, executionIds: gathered, bulk: false });
    const many = await accept(busy, enough + 5);
    expect((await relay.tick()).sent).toBe(enough + 5);
    expect(released().at(-1), "what is beyond enough goes along").toEqual(many);
    await accept(busy, 1);
    expect((await relay.tick()).claimed).toBe(0);
    await owner.query("UPDATE executions SET status = 'CANCELED', completed_at = now() WHERE released_at IS NOT NULL");
    expect((await relay.tick()).sent).toBe(1);
  });

  test("gather no longer when nothing has come for as long as the turns of all who gather take", async () => {
    const hooks = [await newHook(), await newHook(), await newHook()];
    const relay = createRelay({ gatherMs: 60_000, startMs: 10_000 });
    for (const hook of hooks) await accept(hook, 3);
    expect((await relay.tick()).sent).toBe(9);
    const last: string[] = [];
    for (const hook of hooks) last.push(...(await accept(hook, 1)));
    await age(20_000);
    expect((await relay.tick()).claimed, "three turns are thirty seconds").toBe(0);
    await age(31_000);
    expect((await relay.tick()).sent).toBe(3);
    expect(receiver.events.slice(-3).map(({ data }) => data)).toEqual(expect.arrayContaining(last.map((executionId) => expect.objectContaining({ executionId, bulk: false }))));
  });

  test("are bulk when more tenants gather than there is time to start", async () => {
    const hooks = [await newHook(), await newHook()];
    const relay = createRelay({ gatherMs: 60_000, startMs: 31_000 });
    for (const hook of hooks) await accept(hook, 3);
    expect((await relay.tick()).sent).toBe(6);
    for (const hook of hooks) await accept(hook, 2);
    await age(59_000);
    expect((await relay.tick()).claimed).toBe(0);
    await age(61_000);
    expect((await relay.tick()).sent).toBe(4);
    expect(receiver.events.slice(-2).map(({ data }) => data.bulk)).toEqual([true, true]);
  });
});

describe("several relays", () => {
  test("never send the same entry at once", async () => {
    const hooks = [await newHook(), await newHook(), await newHook(PLAN.AGENCY)];
    const ids = (await Promise.all(hooks.map((hook) => accept(hook, 100)))).flat();
    const relays = Array.from({ length: 4 }, () => createRelay({ claimMax: 20 }));
    await Promise.all(
      relays.map(async (relay) => {
        for (let isDone = false; !isDone; ) isDone = (await relay.tick()).claimed === 0;
      }),
    );
    while ((await createRelay().tick()).claimed > 0);
    expect(released().flat().toSorted()).toEqual(ids.toSorted());
  });

  test("and one relay never runs two rounds at once", async () => {
    await accept(await newHook(), 5);
    const api = apiOf();
    let [sending, most] = [0, 0];
    const counting: EventApi = { ...api, send: async (events) => { most = Math.max(most, (sending += 1)); await api.send(events).finally(() => (sending -= 1)); } };
    const relay = createRelay({ claimMax: 1, eventApi: counting });
    const reports = await Promise.all([relay.tick(), relay.tick(), relay.tick()]);
    expect(reports.map(({ sent }) => sent)).toEqual([1, 1, 1]);
    expect(receiver.calls.map((events) => events.length)).toEqual([1, 1, 1]);
    expect(most).toBe(1);
  });
});

describe("shares", () => {
  test("follow the weights of the plans", async () => {
    const [small, huge] = [await newHook(PLAN.FREE), await newHook(PLAN.AGENCY)];
    await accept(small, 150);
    await accept(huge, 150);
    await createRelay({ claimMax: 110 }).tick();
    const countOf = (hook: SeededHook): number => receiver.events.flatMap(({ data }) => (data.tenantId === hook.tenantId ? releasedExecutions(data) : [])).length;
    expect([countOf(small), countOf(huge)]).toEqual([10, 100]);
  });

  test("what a tenant has outstanding is bounded, and others go on", async () => {
    const [flooding, quiet] = [await newHook(), await newHook()];
    const ids = await accept(flooding, 50);
    const relay = createRelay({ outstandingMax: 20 });
    while ((await relay.tick()).claimed > 0);
    expect(released().flat()).toHaveLength(20);
    await accept(quiet, 1);
    expect((await relay.tick()).sent).toBe(1);
    await owner.query("UPDATE executions SET status = 'CANCELED', completed_at = now() WHERE id = ANY($1)", [ids.slice(0, 5)]);
    expect((await relay.tick()).sent).toBe(5);
    expect(await outboxSize()).toBe(25);
  });
});

describe("a relay at work", () => {
  function startRelay(options: Partial<RelayOptions> = {}): Relay {
    const relay = createRelay(options);
    const listening = createPool({ connectionString: database.systemUrl, applicationName: "test", max: 1, role: "fluxo_system" });
    const listener = new OutboxListener({ db: listening, onWake: () => relay.wake(), clock: systemClock, random: () => 0.5, logger });
    stops.push(() => listening.end(), () => relay.stop(), () => listener.stop());
    relay.start();
    listener.start();
    return relay;
  }

  /** Accepts one and waits for its event. */
  async function expectArrival(hook: SeededHook): Promise<void> {
    const before = receiver.events.length;
    await accept(hook, 1);
    await vi.waitFor(() => expect(receiver.events.length).toBe(before + 1), { timeout: PATIENCE_MS });
  }

  test("is woken by a commit before its poll, also after it was idle", async () => {
    // No time passes for it: only a notification can end its pause. Each tenant has one entry, so that none has a backlog to gather.
    const clock = new ManualClock();
    startRelay({ clock });
    await expectArrival(await newHook());
    for (let second = 0; second < 5; second += 1) await clock.advance(1_000);
    for (let round = 0; round < 5; round += 1) await expectArrival(await newHook());
  });

  test("goes on by itself when its connections are cut, and when Inngest comes back", async () => {
    const hook = await newHook();
    // Claims that nobody gives back would last longer than the test.
    startRelay({ leaseMs: 600_000 });
    await expectArrival(hook);
    await owner.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'fluxo_system' AND datname = current_database()");
    await expectArrival(hook);
    receiver.behave(500);
    await accept(hook, 1);
    await systemClock.sleep(300);
    receiver.behave("take");
    const before = receiver.events.length;
    await vi.waitFor(() => expect(receiver.events.length).toBe(before + 1), { timeout: PATIENCE_MS });
    // The connection may have been cut between a send and its mark: that entry is sent again in the next round.
    await vi.waitFor(async () => expect(await outboxSize()).toBe(0), { timeout: PATIENCE_MS });
  });

  test("looks at its beat for what a tenant with a backlog gathers, also after a single event, and no longer", async () => {
    const hook = await newHook();
    await accept(hook, 3);
    expect((await createRelay().tick()).sent).toBe(3);
    await accept(hook, 1);
    await owner.query("UPDATE outbox SET created_at = clock_timestamp() - interval '2 minutes'");
    const pauses: number[] = [];
    const clock = { ...systemClock, sleep: (ms: number, signal?: AbortSignal) => { pauses.push(ms); return systemClock.sleep(ms, signal); } };
    const relay = createRelay({ clock, gatherMs: 60_000 });
    stops.push(() => relay.stop());
    relay.start();
    await expect.poll(() => pauses.length, { timeout: PATIENCE_MS }).toBeGreaterThan(5);
    expect(receiver.events.at(-1)?.data).toMatchObject({ version: 1 });
    expect(pauses.slice(0, 5)).toEqual([25, 25, 25, 25, 25]);
    const now = performance.now.bind(performance);
    vi.spyOn(performance, "now").mockImplementation(() => now() + 120_000);
    await expect.poll(() => pauses.at(-1), { message: "it rests again when nothing can be left to gather", timeout: PATIENCE_MS }).toBeGreaterThan(25);
  });

  test("finishes its round when it is stopped", async () => {
    const ids = await accept(await newHook(), 20);
    const gate = Promise.withResolvers<undefined>();
    const begun = Promise.withResolvers<undefined>();
    const api = apiOf();
    const slow: EventApi = { ping: () => api.ping(), send: async (events) => { begun.resolve(undefined); await gate.promise; await api.send(events); } };
    const relay = createRelay({ eventApi: slow });
    relay.start();
    await begun.promise;
    const stopped = relay.stop();
    gate.resolve(undefined);
    await stopped;
    expect(released().flat()).toEqual(ids);
    expect(await outboxSize()).toBe(0);
  });
});

describe("the sweep", () => {
  test("wakes what Inngest lost under a new event id, once per loss", async () => {
    const [id] = await accept(await newHook(), 1);
    const relay = createRelay();
    const woken: [string, number][] = [];
    const sweeper = new Sweeper({ db: system, clock: systemClock, logger, staleMs: 1_000, onWoken: (kind, count) => woken.push([kind, count]) });
    await relay.tick();
    expect(await sweeper.tick()).toBe(0);
    for (const wakeCount of [1, 2]) {
      await owner.query("UPDATE executions SET released_at = now() - interval '1 minute' WHERE id = $1", [id]);
      expect((await Promise.all([sweeper.tick(), sweeper.tick(), sweeper.tick()])).toSorted((a, b) => a - b)).toEqual([0, 0, 1]);
      await relay.tick();
      expect(receiver.events.at(-1)?.id).toBe(`${id}:${wakeCount}`);
    }
    expect(woken).toEqual([["queued", 1], ["queued", 1]]);
    const { rows } = await owner.query("SELECT inngest_event_id FROM executions WHERE id = $1", [id]);
    expect(rows).toEqual([{ inngest_event_id: `${id}:2` }]);
  });

  test("several at once wake each execution once", async () => {
    const ids = await accept(await newHook(), 40);
    const sweeper = new Sweeper({ db: system, clock: systemClock, logger, staleMs: 1_000 });
    let woken = 0;
    for (let round = 0; round < 20; round += 1) {
      await owner.query("DELETE FROM outbox");
      await owner.query("UPDATE executions SET released_at = now() - interval '1 minute'");
      for (const count of await Promise.all([1, 2, 3, 4].map(() => sweeper.tick()))) woken += count;
    }
    expect(woken).toBe(20 * ids.length);
  });

  test("goes on at once while there is more than it takes in one go", async () => {
    await accept(await newHook(), 5);
    await createRelay().tick();
    await owner.query("UPDATE executions SET released_at = now() - interval '1 minute'");
    const clock = new ManualClock();
    const sweeper = new Sweeper({ db: system, clock, logger, staleMs: 1_000, limit: 2 });
    stops.push(() => sweeper.stop());
    sweeper.start();
    await expect.poll(outboxSize, { timeout: PATIENCE_MS }).toBe(5);
    await expect.poll(() => clock.sleeping, { timeout: PATIENCE_MS }).toBe(1);
  });

  test("calls out what is parked when its look is due", async () => {
    const hook = await newHook();
    const [id] = await accept(hook, 1);
    await createRelay().tick();
    await owner.query("UPDATE executions SET status = 'WAITING', reason = 'QUOTA', parked_at = now(), park_expires_at = now() + interval '1 hour' WHERE id = $1", [id]);
    const sweeper = new Sweeper({ db: system, clock: systemClock, logger, staleMs: 1_000 });
    await owner.query("INSERT INTO concurrency_slots (tenant_id, drain_at) VALUES ($1, now() + interval '1 hour')", [hook.tenantId]);
    await sweeper.tick();
    expect(await outboxSize(), "not before").toBe(0);
    await owner.query("UPDATE concurrency_slots SET drain_at = now() WHERE tenant_id = $1", [hook.tenantId]);
    await sweeper.tick();
    expect(await outboxSize()).toBe(1);
  });

  test("runs by itself, wakes the relay, and stops", async () => {
    const [id] = await accept(await newHook(), 1);
    await createRelay().tick();
    await owner.query("UPDATE executions SET released_at = now() - interval '1 minute' WHERE id = $1", [id]);
    const sweeper = new Sweeper({ db: system, clock: systemClock, logger, staleMs: 1_000, intervalMs: 20 });
    sweeper.start();
    await vi.waitFor(async () => expect(await outboxSize()).toBe(1), PATIENCE_MS);
    await sweeper.stop();
  });
});
