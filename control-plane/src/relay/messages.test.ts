import { executionReleasedSchema, EXECUTIONS_PER_EVENT_MAX, releasedExecutions } from "@fluxo/contracts/events/execution-released";
import type { OutboxEntry } from "@fluxo/prisma/relay/outbox";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BULK_EXECUTIONS_MAX, BULK_THRESHOLD, EVENT_BYTES_MAX, EVENTS_MAX, toMessages } from "./messages.ts";

const at = new Date("2026-01-01T00:00:00.000Z");
const uuid = (index: number): string => `00000000-0000-7000-8000-${String(index).padStart(12, "0")}`;

function entryOf(id: number, tenant: number, more: Partial<OutboxEntry> = {}): OutboxEntry {
  return { id: String(id), tenantId: uuid(tenant), executionId: uuid(id), concurrencyClass: "large", eventId: uuid(id), deliverAt: null, createdAt: at, backlog: 0, isCrowded: false, ...more };
}

const entriesOf = (count: number, tenant: number, first = 1, more: Partial<OutboxEntry> = {}): OutboxEntry[] =>
  Array.from({ length: count }, (_, index) => entryOf(first + index, tenant, more));

const eventsOf = (entries: readonly OutboxEntry[]) => toMessages(entries).flatMap(({ events }) => events);

describe("events", () => {
  test("carry the class in their name, the stored id and references only", () => {
    const [event] = eventsOf([entryOf(1, 2, { concurrencyClass: "medium", eventId: `${uuid(1)}:3` })]);
    expect(event).toEqual({ name: "fluxo/execution.released.medium", id: `${uuid(1)}:3`, data: { version: 1, tenantId: uuid(2), executionId: uuid(1), bulk: false } });
  });

  test("of a class that this version does not know go to the smallest", () => {
    expect(eventsOf([entryOf(1, 1, { concurrencyClass: "gigantic" })])[0]?.name).toBe("fluxo/execution.released.small");
  });

  test("with a future time carry it", () => {
    expect(eventsOf([entryOf(1, 1, { deliverAt: at })])[0]).toMatchObject({ ts: at.getTime(), data: { bulk: false } });
  });
});

describe("a backlog", () => {
  test("shares events from the threshold on, for that tenant only", () => {
    expect(eventsOf(entriesOf(BULK_THRESHOLD - 1, 1)).map(({ data }) => data.version)).toEqual(Array.from({ length: BULK_THRESHOLD - 1 }, () => 1));
    const events = eventsOf([...entriesOf(BULK_THRESHOLD, 1), ...entriesOf(2, 2, 100)]);
    expect(events.map(({ data }) => [data.tenantId, releasedExecutions(data).length])).toEqual([[uuid(1), BULK_THRESHOLD], [uuid(2), 1], [uuid(2), 1]]);
  });

  test("has no more executions in an event than may be, and none of another class", () => {
    const events = eventsOf([...entriesOf(EXECUTIONS_PER_EVENT_MAX + 1, 1), ...entriesOf(2, 1, 200, { concurrencyClass: "small" })]);
    expect(events.map(({ name, data }) => [name, releasedExecutions(data).length])).toEqual([
      ["fluxo/execution.released.large", EXECUTIONS_PER_EVENT_MAX / 2 + 1],
      ["fluxo/execution.released.large", EXECUTIONS_PER_EVENT_MAX / 2],
      ["fluxo/execution.released.small", 2],
    ]);
  });

  test("is bulk when it is crowded, something is outstanding and the event is small", () => {
    const bulkOf = (count: number, backlog: number, isCrowded = true): boolean[] => eventsOf(entriesOf(count, 1, 1, { backlog, isCrowded })).map(({ data }) => data.bulk);
    expect(bulkOf(1, BULK_THRESHOLD, false)).toEqual([false]);
    expect(bulkOf(2, BULK_THRESHOLD, false)).toEqual([false]);
    expect(bulkOf(BULK_THRESHOLD, 0)).toEqual([false]);
    expect(bulkOf(1, BULK_THRESHOLD)).toEqual([true]);
    expect(bulkOf(BULK_EXECUTIONS_MAX - 1, BULK_THRESHOLD)).toEqual([true]);
    expect(bulkOf(BULK_EXECUTIONS_MAX, BULK_THRESHOLD)).toEqual([false]);
  });

  test("timers neither make one nor belong to one", () => {
    const timers = entriesOf(20, 1, 100, { deliverAt: at, backlog: 5, isCrowded: true });
    expect(eventsOf(entriesOf(20, 1, 100, { deliverAt: at })).every(({ data }) => data.version === 1 && !data.bulk)).toBe(true);
    const events = eventsOf([...entriesOf(BULK_THRESHOLD, 1, 1, { backlog: 5, isCrowded: true }), ...timers]);
    expect(events.filter(({ ts }) => ts !== undefined).map(({ data }) => [data.version, data.bulk])).toEqual(timers.map(() => [1, false]));
    expect(events.filter(({ ts }) => ts === undefined)).toHaveLength(1);
  });

  test("an event's id follows from what it stands for: the same entries have the same, others another", () => {
    const idOf = (entries: readonly OutboxEntry[]): string => eventsOf(entries)[0]?.id ?? "";
    expect(idOf(entriesOf(5, 1).toReversed())).toBe(idOf(entriesOf(5, 1)));
    expect(idOf(entriesOf(5, 1))).not.toBe(idOf(entriesOf(4, 1)));
    expect(idOf(entriesOf(5, 1))).not.toBe(idOf(entriesOf(5, 1, 2)));
    expect(idOf(entriesOf(5, 1))).not.toBe(idOf([...entriesOf(4, 1), entryOf(5, 1, { eventId: `${uuid(5)}:1` })]));
  });

  test("an execution with two entries is named once, and both go with the event", () => {
    const twice = [entryOf(1, 1), entryOf(2, 1, { executionId: uuid(1), eventId: `${uuid(1)}:1` })];
    const [message] = toMessages([...twice, entryOf(3, 1)]);
    expect(message?.events.map(({ data }) => releasedExecutions(data))).toEqual([[uuid(1), uuid(3)]]);
    expect(message?.entries.map(({ eventId }) => eventId)).toEqual(Array.from({ length: 3 }, () => message?.events[0]?.id));
    const [alone] = toMessages(twice.map((entry) => ({ ...entry, backlog: 5 })));
    expect(alone?.events).toMatchObject([{ id: `${uuid(1)}:1`, data: { version: 1, executionId: uuid(1) } }]);
    expect(alone?.entries.map(({ id, eventId }) => [id, eventId])).toEqual([["1", `${uuid(1)}:1`], ["2", `${uuid(1)}:1`]]);
  });
});

describe("messages", () => {
  test("tenants take turns; within a tenant the order of the outbox holds", () => {
    const entries = [entryOf(10, 1), entryOf(9, 1), entryOf(11, 2), entryOf(100, 2)];
    expect(toMessages(entries).flatMap((message) => message.entries.map(({ id }) => id))).toEqual(["9", "11", "10", "100"]);
    const backlog = [...entriesOf(EXECUTIONS_PER_EVENT_MAX, 1), ...entriesOf(4, 1, 900), ...entriesOf(3, 2, 500)];
    const half = EXECUTIONS_PER_EVENT_MAX / 2 + 2;
    expect(eventsOf(backlog).map(({ data }) => [data.tenantId, releasedExecutions(data).length])).toEqual([[uuid(1), half], [uuid(2), 3], [uuid(1), half]]);
    expect(toMessages([])).toEqual([]);
  });

  test("every entry is in exactly one message, within both bounds, and every event fits its contract", () => {
    const entries = fc
      .uniqueArray(fc.record({ id: fc.nat({ max: 100_000 }), tenant: fc.nat({ max: 4 }), timer: fc.boolean(), padding: fc.constantFrom(1, 1, 1, 2_000) }), { selector: ({ id }) => id, maxLength: 900 })
      .map((items) => items.map(({ id, tenant, timer, padding }) => entryOf(id, tenant, { deliverAt: timer ? at : null, eventId: `${id}:`.padEnd(padding, "x") })));
    fc.assert(
      fc.property(entries, (given) => {
        const messages = toMessages(given);
        expect(messages.flatMap((message) => message.entries.map(({ id }) => id)).toSorted()).toEqual(given.map(({ id }) => id).toSorted());
        for (const { entries: own, events, bytes } of messages) {
          expect(new Set(events.map(({ id }) => id))).toEqual(new Set(own.map(({ eventId }) => eventId)));
          const released = new Map(events.map(({ id, data }) => [id, releasedExecutions(data)]));
          for (const { eventId, executionId } of own) expect(released.get(eventId)).toContain(executionId);
          expect(events.length).toBeGreaterThan(0);
          expect(events.length).toBeLessThanOrEqual(EVENTS_MAX);
          expect(Buffer.byteLength(JSON.stringify(events))).toBe(bytes);
          expect(bytes).toBeLessThanOrEqual(EVENT_BYTES_MAX);
          for (const { data } of events) executionReleasedSchema.parse(data);
        }
      }),
      { numRuns: 50 },
    );
    const full = Array.from({ length: 80 }, (_, tenant) => entriesOf(EXECUTIONS_PER_EVENT_MAX, tenant, 1 + tenant * EXECUTIONS_PER_EVENT_MAX)).flat();
    const large = toMessages(full);
    expect(large.flatMap((message) => message.entries)).toHaveLength(full.length);
    expect(Math.max(...large.map(({ bytes }) => bytes))).toBeLessThanOrEqual(EVENT_BYTES_MAX);
    const ofEachTenant = Array.from({ length: EVENTS_MAX + 1 }, (_, tenant) => entryOf(tenant + 1, tenant));
    expect(toMessages(ofEachTenant).map(({ events }) => events.length)).toEqual([EVENTS_MAX, 1]);
  });
});
