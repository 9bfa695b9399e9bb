import { concurrencyClassSchema, executionReleasedEvent, type ConcurrencyClass, type ExecutionReleased } from "@fluxo/contracts/events/execution-released";
import type { OutboxEntry } from "@fluxo/prisma/relay/outbox";

/** Executions of one tenant from which on they are a backlog: those released and not started, and the immediate entries of one claim. */
export const BULK_THRESHOLD = 3;

/** Bounds of one call of the event API, which takes 512 KB. */
export const EVENTS_MAX = 400;
export const EVENT_BYTES_MAX = 262_144;

/** An event as Inngest's event API takes it. */
export interface ReleasedEvent {
  readonly name: `fluxo/execution.released.${ConcurrencyClass}`;
  /** Inngest drops an id that it has seen within 24 hours. */
  readonly id: string;
  readonly data: ExecutionReleased;
  /** When it is due, in milliseconds since 1970; absent for now. */
  readonly ts?: number;
}

/** Events that go out in one call, with the outbox entries that they stand for, in the same order. */
export interface Message {
  readonly entries: readonly OutboxEntry[];
  readonly events: readonly ReleasedEvent[];
  /** Bytes of the events as a JSON array. */
  readonly bytes: number;
}

/** The class that serves executions whose class this version does not know, so that they run all the same. */
const FALLBACK_CLASS = "small" satisfies ConcurrencyClass;

/**
 * What is sent for the entries of one claim. Within a tenant, entries keep their order; tenants take turns, so that a flood of one does not stand
 * before the others. `bulk` is set on immediate entries of a tenant with a backlog, and never on a timer.
 */
export function toMessages(entries: readonly OutboxEntry[]): Message[] {
  const byTenant = Map.groupBy(entries.toSorted(byId), (entry) => entry.tenantId);
  const bulkTenants = new Set<string>();
  for (const [tenantId, own] of byTenant) {
    const immediate = own.filter((entry) => entry.deliverAt === null).length;
    if (immediate + (own[0]?.backlog ?? 0) >= BULK_THRESHOLD) bulkTenants.add(tenantId);
  }
  return cut(takeTurns([...byTenant.values()]), (entry) => toEvent(entry, bulkTenants.has(entry.tenantId)));
}

function toEvent(entry: OutboxEntry, isBacklog: boolean): ReleasedEvent {
  const concurrencyClass = concurrencyClassSchema.safeParse(entry.concurrencyClass).data ?? FALLBACK_CLASS;
  return {
    name: executionReleasedEvent(concurrencyClass),
    id: entry.eventId,
    data: { version: 1, tenantId: entry.tenantId, executionId: entry.executionId, bulk: isBacklog && entry.deliverAt === null },
    ...(entry.deliverAt === null ? {} : { ts: entry.deliverAt.getTime() }),
  };
}

/** Ids of the outbox are 64-bit numbers in decimal. */
function byId(a: OutboxEntry, b: OutboxEntry): number {
  return a.id.length - b.id.length || (a.id < b.id ? -1 : Number(a.id > b.id));
}

function takeTurns<T>(queues: readonly (readonly T[])[]): T[] {
  const turns = Math.max(0, ...queues.map((queue) => queue.length));
  const taken: T[] = [];
  for (let turn = 0; turn < turns; turn += 1) {
    for (const queue of queues) taken.push(...queue.slice(turn, turn + 1));
  }
  return taken;
}

function cut(entries: readonly OutboxEntry[], render: (entry: OutboxEntry) => ReleasedEvent): Message[] {
  const messages: { entries: OutboxEntry[]; events: ReleasedEvent[]; bytes: number }[] = [];
  for (const entry of entries) {
    const event = render(entry);
    const bytes = Buffer.byteLength(JSON.stringify(event)) + 1;
    let last = messages.at(-1);
    if (last === undefined || last.events.length >= EVENTS_MAX || last.bytes + bytes > EVENT_BYTES_MAX) {
      last = { entries: [], events: [], bytes: 1 };
      messages.push(last);
    }
    last.entries.push(entry);
    last.events.push(event);
    last.bytes += bytes;
  }
  return messages;
}
