import type { Plan } from "@fluxo/core/planning/plan";
import type { JournalEntry } from "@fluxo/prisma/executions/claim";

/** The journal by scope. */
export interface SplitJournal {
  /** Outside of loops. */
  readonly root: readonly JournalEntry[];
  /** By the id of a loop, then by item: its body's nodes that were reached. */
  readonly bodies: ReadonlyMap<string, ReadonlyMap<number, readonly JournalEntry[]>>;
}

/** Parts the journal of an execution into what lies outside of loops and the items of each loop. */
export function splitJournal(journal: readonly JournalEntry[], { loopOf }: Plan): SplitJournal {
  const root: JournalEntry[] = [];
  const bodies = new Map<string, Map<number, JournalEntry[]>>();
  for (const entry of journal) {
    const loop = loopOf.get(entry.nodeId);
    if (loop === undefined) {
      root.push(entry);
    } else if (entry.status !== "SKIPPED") {
      const items = bodies.get(loop) ?? new Map<number, JournalEntry[]>();
      bodies.set(loop, items);
      items.set(entry.item, [...(items.get(entry.item) ?? []), entry]);
    }
  }
  return { root, bodies };
}
