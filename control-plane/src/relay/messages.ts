import { createHash } from "node:crypto";
import { concurrencyClassSchema, executionReleasedEvent, EXECUTIONS_PER_EVENT_MAX, type ConcurrencyClass, type ExecutionReleased } from "@fluxo/contracts/events/execution-released";
import type { OutboxEntry } from "@fluxo/prisma/relay/outbox";

/** Executions of one tenant from which on they are a backlog: those released and not started, and the immediate entries of one claim. */
export const BULK_THRESHOLD = 3;

/** An event of a backlog that releases fewer executions is `bulk` while it is crowded: it waits at Inngest for others, because there is no time for a start of its own. */
export const BULK_EXECUTIONS_MAX = 10;

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

/** Events that go out in one call, with the outbox entries that they stand for: each names the event that it goes with. */
export interface Message {
  readonly entries: readonly OutboxEntry[];
  readonly events: readonly ReleasedEvent[];
  /** Bytes of the events as a JSON array. */
  readonly bytes: number;
}

/** One event on its way, and what it stands for. */
interface Parcel {
  readonly entries: readonly OutboxEntry[];
  readonly event: ReleasedEvent;
}

/** The class that serves executions whose class this version does not know, so that they run all the same. */
const FALLBACK_CLASS = "small" satisfies ConcurrencyClass;

/** Whether the entries of one claim belong to a tenant with a backlog: what it has outstanding counts, and what is claimed now. */
function isBacklog(own: readonly OutboxEntry[]): boolean {
  return own.filter(isImmediate).length + (own[0]?.backlog ?? 0) >= BULK_THRESHOLD;
}

/** Whether one of the tenants that the entries of one claim belong to has a backlog: it gathers what comes next. */
export function leavesBacklog(entries: readonly OutboxEntry[]): boolean {
  return [...Map.groupBy(entries, ({ tenantId }) => tenantId).values()].some(isBacklog);
}

/**
 * What is sent for the entries of one claim. Within a tenant, entries keep their order; tenants take turns, so that a flood of one does not stand
 * before the others. Immediate entries of a tenant with a backlog share events, up to `EXECUTIONS_PER_EVENT_MAX` executions in one; everything else, and
 * every timer, has an event of its own.
 */
export function toMessages(entries: readonly OutboxEntry[]): Message[] {
  const byTenant = Map.groupBy(entries.toSorted(byId), (entry) => entry.tenantId);
  return cut(takeTurns([...byTenant.values()].map(toParcels)));
}

/** The events of one tenant. */
function toParcels(own: readonly OutboxEntry[]): Parcel[] {
  if (!isBacklog(own)) return own.map(single);
  const [immediate, timers] = [own.filter(isImmediate), own.filter((entry) => !isImmediate(entry))];
  const shared = [...Map.groupBy(immediate, classOf)].flatMap(([concurrencyClass, ofClass]) => parts(ofClass, EXECUTIONS_PER_EVENT_MAX).map((part) => together(concurrencyClass, part)));
  return [...shared, ...timers.map(single)];
}

function single(entry: OutboxEntry): Parcel {
  const { tenantId, executionId, deliverAt, eventId } = entry;
  const event = { name: executionReleasedEvent(classOf(entry)), id: eventId, data: { version: 1, tenantId, executionId, bulk: isImmediate(entry) && entry.isCrowded && entry.backlog >= BULK_THRESHOLD } } as const;
  return { entries: [entry], event: deliverAt === null ? event : { ...event, ts: deliverAt.getTime() } };
}

/** One event for several entries. An execution that has two of them is named once. */
function together(concurrencyClass: ConcurrencyClass, part: readonly OutboxEntry[]): Parcel {
  const last = part.at(-1);
  const executionIds = [...new Set(part.map(({ executionId }) => executionId))];
  if (last === undefined) throw new RangeError("An event releases at least one execution.");
  const { tenantId, backlog, isCrowded } = last;
  const shared = { version: 2, tenantId, executionIds, bulk: isCrowded && backlog >= BULK_THRESHOLD && executionIds.length < BULK_EXECUTIONS_MAX } as const;
  const event = executionIds.length < 2 ? single(last).event : { name: executionReleasedEvent(concurrencyClass), id: sharedId(part), data: shared };
  return { entries: part.map((entry) => ({ ...entry, eventId: event.id })), event };
}

/** Follows from what the event stands for: Inngest drops a repeat of the same entries, and never one that has others among them. */
function sharedId(part: readonly OutboxEntry[]): string {
  const digest = createHash("sha256");
  for (const { eventId } of part) digest.update(eventId).update("\n");
  return `shared:${digest.digest("hex")}`;
}

function isImmediate({ deliverAt }: OutboxEntry): boolean {
  return deliverAt === null;
}

function classOf({ concurrencyClass }: OutboxEntry): ConcurrencyClass {
  return concurrencyClassSchema.safeParse(concurrencyClass).data ?? FALLBACK_CLASS;
}

/** Ids of the outbox are 64-bit numbers in decimal. */
function byId(a: OutboxEntry, b: OutboxEntry): number {
  return a.id.length - b.id.length || (a.id < b.id ? -1 : Number(a.id > b.id));
}

/** As few parts as possible, none larger than `max`, all of about the same size: a small one would cost a start like the others. */
function parts<T>(items: readonly T[], max: number): T[][] {
  const size = Math.ceil(items.length / Math.ceil(items.length / max));
  return Array.from({ length: Math.ceil(items.length / max) }, (_, index) => items.slice(index * size, (index + 1) * size));
}

function takeTurns<T>(queues: readonly (readonly T[])[]): T[] {
  const turns = Math.max(0, ...queues.map((queue) => queue.length));
  const taken: T[] = [];
  for (let turn = 0; turn < turns; turn += 1) {
    for (const queue of queues) taken.push(...queue.slice(turn, turn + 1));
  }
  return taken;
}

function cut(parcels: readonly Parcel[]): Message[] {
  const messages: { entries: OutboxEntry[]; events: ReleasedEvent[]; bytes: number }[] = [];
  for (const { entries, event } of parcels) {
    const bytes = Buffer.byteLength(JSON.stringify(event)) + 1;
    let last = messages.at(-1);
    if (last === undefined || last.events.length >= EVENTS_MAX || last.bytes + bytes > EVENT_BYTES_MAX) {
      last = { entries: [], events: [], bytes: 1 };
      messages.push(last);
    }
    last.entries.push(...entries);
    last.events.push(event);
    last.bytes += bytes;
  }
  return messages;
}
