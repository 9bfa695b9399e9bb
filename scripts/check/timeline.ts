type Fields = Readonly<Record<string, unknown>>;

const AT_FIELDS = ["at", "occurredAt", "startedAt", "completedAt", "createdAt"];
const LABEL_FIELDS = ["kind", "event", "type"];
const DETAIL_FIELDS = ["status", "reason", "port", "attempt", "durationMs", "code", "message"];

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Every object anywhere in a JSON value, outermost first. */
function listObjects(value: unknown): readonly Fields[] {
  if (Array.isArray(value)) return value.flatMap(listObjects);
  return isFields(value) ? [value, ...Object.values(value).flatMap(listObjects)] : [];
}

function pick(fields: Fields, names: readonly string[]): string | undefined {
  const name = names.find((candidate) => ["string", "number"].includes(typeof fields[candidate]));
  return name === undefined ? undefined : String(fields[name]);
}

/** The last status that a timeline tells of each node, by node id. */
export function readNodeStatuses(timeline: unknown): ReadonlyMap<string, string> {
  const statuses = new Map<string, string>();
  for (const { nodeId, status } of listObjects(timeline)) {
    if (typeof nodeId === "string" && typeof status === "string") statuses.set(nodeId, status);
  }
  return statuses;
}

/** The failures that an execution tells of: node id, code and message of each. */
export function readFailures(execution: unknown): readonly { readonly nodeId: string; readonly code: string; readonly message: string }[] {
  const failures = listObjects(execution).flatMap((fields) => (Array.isArray(fields["failures"]) ? (fields["failures"] as unknown[]) : []));
  return failures.filter(isFields).map((failure) => ({ nodeId: String(failure["nodeId"]), code: String(failure["code"]), message: String(failure["message"]) }));
}

/** A timeline as lines for people: milliseconds since its first entry, what happened, to which node, and the details. */
export function formatTimeline(timeline: unknown): readonly string[] {
  const entries = isFields(timeline) ? (Object.values(timeline).find(Array.isArray) as unknown[] | undefined) : timeline;
  const rows = Array.isArray(entries) ? entries.filter(isFields) : [];
  const firstAt = Date.parse(pick(rows[0] ?? {}, AT_FIELDS) ?? "");
  return rows.map((row) => {
    const elapsedMs = Date.parse(pick(row, AT_FIELDS) ?? "") - firstAt;
    const time = Number.isFinite(elapsedMs) ? `+${elapsedMs} ms` : "";
    const node = pick(row, ["nodeId"]) ?? "";
    const name = pick(row, ["nodeName", "name"]);
    const nested = [row, ...Object.values(row).filter(isFields)];
    const details = DETAIL_FIELDS.flatMap((field) => {
      const value = nested.map((fields) => pick(fields, [field])).find((text) => text !== undefined);
      return value === undefined ? [] : [["attempt", "port", "durationMs"].includes(field) ? `${field} ${value}` : value];
    });
    const label = pick(row, LABEL_FIELDS) ?? "";
    return `${time.padStart(10)}  ${[label, name === undefined ? node : `${node} "${name}"`, details.join(" · ")].filter((part) => part !== "").join("  ")}`;
  });
}
