import type { NodeChange } from "@fluxo/contracts/channels/node-status";
import type { JournalRow } from "@fluxo/prisma/executions/journal";

/** What a committed row of the journal tells those who watch; undefined for an intent, whose node has told that it began. */
export function changeOfRow({ nodeId, item, status, attempt, reason, failure, completedAt }: JournalRow, now: Date): NodeChange | undefined {
  if (status === "RUNNING") return undefined;
  return { nodeId, item, status, attempt, reason, errorCode: failure?.code ?? null, at: (completedAt ?? now).toISOString() };
}

/** An attempt of a node begins. */
export function changeOfStart(nodeId: string, item: number, attempt: number, now: Date): NodeChange {
  return { nodeId, item, status: "RUNNING", attempt, reason: null, errorCode: null, at: now.toISOString() };
}
