import { compareText } from "../collections.ts";
import type { Graph } from "../graph/graph.ts";
import type { Json } from "../json.ts";
import { applyChanges, diffJson, isSame, valueAt, type JsonChange } from "../json-diff.ts";
import { documentGraph, graphDocument } from "./graph-document.ts";
import { lockPointer, type TemplateLock } from "./locks.ts";

/** `refuse`: nothing is merged while there is a conflict. `keepTenant`, `takeTemplate`: whose part wins; locked parts are the template's always. */
export const CONFLICT_POLICIES = ["refuse", "keepTenant", "takeTemplate"] as const;
export type ConflictPolicy = (typeof CONFLICT_POLICIES)[number];

/** A part that both changed, each in another way, or that the tenant changed and the new version locks. Absent values: it is not there. */
export interface MergeConflict {
  /** JSON pointer into the document of the graph: `/nodes/<id>/…` or `/edges/<from> <to> <port>`. */
  readonly path: string;
  readonly isLocked: boolean;
  readonly base?: Json;
  readonly tenant?: Json;
  readonly template?: Json;
}

export interface MergeInput {
  /** The template's version before, filled in for the tenant. */
  readonly base: Graph;
  /** What the tenant made of it. */
  readonly tenant: Graph;
  /** The template's new version, filled in for the tenant. */
  readonly next: Graph;
  /** Of the new version. */
  readonly locks: readonly TemplateLock[];
  readonly onConflict: ConflictPolicy;
}

export interface MergeResult {
  /** Undefined when there are conflicts and the policy refuses them. */
  readonly graph: Graph | undefined;
  /** All of them, also those that the policy decided. */
  readonly conflicts: readonly MergeConflict[];
}

/** What a tenant changed in its copy of a template: JSON pointers into the document of the graph. */
export function findOverrides(base: Graph, tenant: Graph): JsonChange[] {
  return diffJson(graphDocument(base), graphDocument(tenant));
}

/**
 * A new version of a template with the tenant's changes kept: three-way merge on JSON pointers. What only one side changed is taken from that side.
 * The result may still be invalid as a whole (an edge of one side to a node that the other removed): publishing judges that.
 */
export function mergeGraphs({ base, tenant, next, locks, onConflict }: MergeInput): MergeResult {
  const [before, theirs, ours] = [graphDocument(base), graphDocument(tenant), graphDocument(next)];
  const overrides = diffJson(before, theirs);
  const conflicts = conflictsOf(overrides, diffJson(before, ours), locks, { before, theirs, ours });
  if (conflicts.length > 0 && onConflict === "refuse") return { graph: undefined, conflicts };
  const free = overrides.filter(({ path }) => !conflicts.some((conflict) => overlaps(conflict.path, path)) && !isAlready(path, theirs, ours));
  const kept = onConflict === "keepTenant" ? conflicts.filter(({ isLocked }) => !isLocked).map(toTenantChange) : [];
  const merged = applyChanges(ours, [...free, ...kept]);
  return { graph: documentGraph(merged ?? null, [tenant, next]), conflicts };
}

interface Documents {
  readonly before: Json;
  readonly theirs: Json;
  readonly ours: Json;
}

/** Each by its shortest path; no path is below another one, since the changes of one side never are. */
function conflictsOf(overrides: readonly JsonChange[], updates: readonly JsonChange[], locks: readonly TemplateLock[], documents: Documents): MergeConflict[] {
  const locked = new Map<string, boolean>();
  const pointers = locks.map(lockPointer);
  for (const { path } of overrides) {
    if (isAlready(path, documents.theirs, documents.ours)) continue;
    const update = updates.find((change) => overlaps(change.path, path));
    const shortest = update !== undefined && update.path.length < path.length ? update.path : path;
    const isLocked = pointers.some((pointer) => overlaps(pointer, shortest));
    if (isLocked || update !== undefined) locked.set(shortest, isLocked);
  }
  return [...locked].toSorted(([left], [right]) => compareText(left, right)).map(([path, isLocked]) => conflictAt(path, isLocked, documents));
}

function conflictAt(path: string, isLocked: boolean, { before, theirs, ours }: Documents): MergeConflict {
  const [base, tenant, template] = [valueAt(before, path), valueAt(theirs, path), valueAt(ours, path)];
  return { path, isLocked, ...(base === undefined ? {} : { base }), ...(tenant === undefined ? {} : { tenant }), ...(template === undefined ? {} : { template }) };
}

/** Whether both sides came to the same there. */
function isAlready(path: string, theirs: Json, ours: Json): boolean {
  const [left, right] = [valueAt(theirs, path), valueAt(ours, path)];
  return left === undefined || right === undefined ? left === right : isSame(left, right);
}

function overlaps(left: string, right: string): boolean {
  return left === right || left.startsWith(`${right}/`) || right.startsWith(`${left}/`);
}

function toTenantChange({ path, tenant }: MergeConflict): JsonChange {
  return tenant === undefined ? { op: "remove", path } : { op: "replace", path, to: tenant };
}
