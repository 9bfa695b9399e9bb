/** The part of `GET /v1/executions/{id}/timeline` that the check reads. */
export interface Timeline {
  readonly events: readonly { readonly type: string; readonly at: string; readonly message: string }[];
  readonly journal: readonly JournalEntry[];
  readonly failures: readonly { readonly nodeId: string; readonly code: string; readonly message: string }[];
}

interface JournalEntry {
  readonly nodeId: string;
  readonly name: string;
  readonly status: string;
  readonly attempt: number;
  readonly ports: readonly string[];
  readonly startedAt: string | null;
  readonly durationMs: number | null;
  readonly failure: { readonly code: string; readonly message: string } | null;
}

/** The status of each node that the journal names, by node id. */
export function readNodeStatuses(timeline: Timeline): ReadonlyMap<string, string> {
  return new Map(timeline.journal.map((entry) => [entry.nodeId, entry.status]));
}

function describeEntry(entry: JournalEntry): string {
  const parts = [
    entry.status,
    ...(entry.ports.some((port) => port !== "main") ? [`took ${entry.ports.join(", ")}`] : []),
    ...(entry.attempt > 1 ? [`attempt ${entry.attempt}`] : []),
    ...(entry.durationMs === null ? [] : [`${entry.durationMs} ms`]),
    ...(entry.failure === null ? [] : [`${entry.failure.code}: ${entry.failure.message}`]),
  ];
  return `node "${entry.name}" (${entry.nodeId}): ${parts.join(", ")}`;
}

/** A timeline as lines for people, in the order of time: milliseconds since its first event, and what happened. */
export function formatTimeline(timeline: Timeline): readonly string[] {
  const firstAt = Date.parse(timeline.events[0]?.at ?? "");
  const ended = new Set(["completed", "blocked", "canceled"]);
  // At the same millisecond, an execution starts before its nodes and ends after them.
  const rows = [
    ...timeline.events.map((event) => ({ at: Date.parse(event.at), order: ended.has(event.type) ? 2 : 0, text: event.message })),
    ...timeline.journal.map((entry) => ({ at: entry.startedAt === null ? Number.NaN : Date.parse(entry.startedAt), order: 1, text: describeEntry(entry) })),
  ];
  const timed = rows.filter((row) => Number.isFinite(row.at)).toSorted((a, b) => a.at - b.at || a.order - b.order);
  const untimed = rows.filter((row) => !Number.isFinite(row.at));
  return [...timed.map((row) => `${`+${row.at - firstAt} ms`.padStart(10)}  ${row.text}`), ...untimed.map((row) => `${"–".padStart(10)}  ${row.text}`)];
}
