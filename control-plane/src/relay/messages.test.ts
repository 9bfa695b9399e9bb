import { executionReleasedSchema } from "@fluxo/contracts/events/execution-released";
import type { OutboxEntry } from "@fluxo/prisma/relay/outbox";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BULK_THRESHOLD, EVENT_BYTES_MAX, EVENTS_MAX, toMessages } from "./messages.ts";

const at = new Date("2026-01-01T00:00:00.000Z");
const uuid = (index: number): string => `00000000-0000-7000-8000-${String(index).padStart(12, "0")}`;

function entryOf(id: number, tenant: number, more: Partial<OutboxEntry> = {}): OutboxEntry {
  return { id: String(id), tenantId: uuid(tenant), executionId: uuid(id), concurrencyClass: "large", eventId: uuid(id), deliverAt: null, createdAt: at, backlog: 0, ...more };
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

describe("bulk", () => {
  test("is set from the threshold on, for that tenant only", () => {
    expect(eventsOf(entriesOf(BULK_THRESHOLD - 1, 1)).some(({ data }) => data.bulk)).toBe(false);
    const events = eventsOf([...entriesOf(BULK_THRESHOLD, 1), ...entriesOf(2, 2, 100)]);
    expect(events.filter(({ data }) => data.bulk).map(({ data }) => data.tenantId)).toEqual(Array.from({ length: BULK_THRESHOLD }, () => uuid(1)));
  });

  test("timers neither make a backlog nor belong to one", () => {
    const timers = entriesOf(20, 1, 100, { deliverAt: at });
    expect(eventsOf([...entriesOf(BULK_THRESHOLD - 1, 1), ...timers]).some(({ data }) => data.bulk)).toBe(false);
    const events = eventsOf([...entriesOf(BULK_THRESHOLD, 1), ...timers]);
    expect(events.filter(({ data }) => data.bulk)).toHaveLength(BULK_THRESHOLD);
    expect(events.filter(({ ts }) => ts !== undefined).some(({ data }) => data.bulk)).toBe(false);
  });
});

describe("messages", () => {
  test("tenants take turns; within a tenant the order of the outbox holds", () => {
    const entries = [entryOf(10, 1), entryOf(9, 1), entryOf(11, 2), entryOf(100, 1)];
    expect(toMessages(entries).flatMap((message) => message.entries.map(({ id }) => id))).toEqual(["9", "11", "10", "100"]);
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
          expect(events.map(({ id }) => id)).toEqual(own.map(({ eventId }) => eventId));
          expect(events.length).toBeGreaterThan(0);
          expect(events.length).toBeLessThanOrEqual(EVENTS_MAX);
          expect(Buffer.byteLength(JSON.stringify(events))).toBe(bytes);
          expect(bytes).toBeLessThanOrEqual(EVENT_BYTES_MAX);
          for (const { data } of events) executionReleasedSchema.parse(data);
        }
      }),
      { numRuns: 50 },
    );
    expect(toMessages(entriesOf(EVENTS_MAX + 1, 1)).map(({ events }) => events.length)).toEqual([EVENTS_MAX, 1]);
  });
});
