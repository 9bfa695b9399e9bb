import type { timelineSchema } from "@fluxo/contracts/http/timeline";
import type { NodeFailure } from "@fluxo/core/errors/failure";
import type { ExecutionSummaryRecord } from "@fluxo/prisma/repositories/executions";
import type { JournalRecord } from "@fluxo/prisma/repositories/journal";
import type { Page } from "@fluxo/prisma/repositories/page";
import type { z } from "zod";
import { durationBetween, toInstant } from "../instants.ts";
import { toPage } from "../pages.ts";

type Timeline = z.input<typeof timelineSchema>;
type Event = Timeline["events"][number];

/**
 * What happened in an execution, from its record and a page of its journal.
 * @param outageWait the node that waits for the end of an outage, which may be on another page
 */
export function toTimeline(execution: ExecutionSummaryRecord, page: Page<JournalRecord>, outageWait?: JournalRecord): Timeline {
  const { data: journal, nextPageToken: nextJournalPageToken } = toPage(page, toEntry, ({ position, item, nodeId }) => [position, item, nodeId]);
  return {
    executionId: execution.id,
    status: execution.status,
    reason: execution.reason,
    events: eventsOf(execution, outageWait).toSorted((left, right) => Date.parse(left.at) - Date.parse(right.at)),
    journal,
    nextJournalPageToken,
    failures: failuresOf(page.items),
  };
}

function toEntry({ nodeName, nodeType, ports, usage, failure, attempts, startedAt, completedAt, resumeAt, ...rest }: JournalRecord): Timeline["journal"][number] {
  return {
    ...rest,
    name: nodeName,
    type: nodeType,
    ports: [...ports],
    usage: usage === null ? null : { ...usage },
    failure: failure === null ? null : { ...failure },
    attempts: attempts.map((earlier) => ({ ...earlier })),
    startedAt: toInstant(startedAt),
    completedAt: toInstant(completedAt),
    resumeAt: toInstant(resumeAt),
    durationMs: durationBetween(startedAt, completedAt),
  };
}

/** Every failed attempt, also those that a later attempt made good. */
function failuresOf(journal: readonly JournalRecord[]): NodeFailure[] {
  const all = journal.flatMap(({ attempts, failure }) => [...attempts, ...(failure === null ? [] : [failure])]);
  return all.map((failure) => ({ ...failure })).toSorted((left, right) => Date.parse(left.occurredAt) - Date.parse(right.occurredAt));
}

function eventsOf(execution: ExecutionSummaryRecord, outageWait: JournalRecord | undefined): Event[] {
  const { queuedAt, startedAt, cancelRequestedAt, completedAt } = execution;
  const events: Event[] = [{ type: "queued", at: toInstant(queuedAt), message: `Accepted from the ${execution.trigger.kind} trigger "${execution.triggerNodeId}".` }];
  if (startedAt !== null) events.push({ type: "started", at: toInstant(startedAt), message: `Started ${startedAt.getTime() - queuedAt.getTime()} ms after it was accepted.` });
  if (execution.status === "WAITING" && execution.resumeAt !== null) {
    const outage = outageWait === undefined || outageWait.failure === null ? "" : ` ${outageWait.failure.message}`;
    events.push({ type: "waiting", at: toInstant(execution.resumeAt), message: `Waits (${execution.reason ?? "no reason recorded"}) until this instant.${outage}` });
  }
  if (cancelRequestedAt !== null) events.push({ type: "cancelRequested", at: toInstant(cancelRequestedAt), message: "A cancel was asked for." });
  if (completedAt !== null) events.push(endOf(execution, completedAt));
  return events;
}

function endOf(execution: ExecutionSummaryRecord, completedAt: Date): Event {
  const at = toInstant(completedAt);
  const durationMs = durationBetween(execution.startedAt, completedAt);
  const after = durationMs === null ? "before it started" : `${durationMs} ms after its start`;
  if (execution.status === "BLOCKED") return { type: "blocked", at, message: `Refused: ${execution.reason ?? execution.errorCode ?? "?"}. ${execution.errorMessage ?? ""}`.trim() };
  if (execution.status === "CANCELED") return { type: "canceled", at, message: `Canceled ${after}.` };
  const why = execution.errorCode === null ? "" : ` ${execution.errorCode}: ${execution.errorMessage ?? ""}`;
  return { type: "completed", at, message: `Ended with ${execution.status} ${after}.${why}` };
}
