import type { timelineSchema } from "@fluxo/contracts/http/timeline";
import type { NodeFailure } from "@fluxo/core/errors/failure";
import type { ExecutionSummaryRecord } from "@fluxo/prisma/repositories/executions";
import type { JournalRecord } from "@fluxo/prisma/repositories/journal";
import type { z } from "zod";
import { durationBetween, toInstant } from "../instants.ts";

type Timeline = z.input<typeof timelineSchema>;
type Event = Timeline["events"][number];

/** What happened in an execution, from its record and its journal. */
export function toTimeline(execution: ExecutionSummaryRecord, journal: readonly JournalRecord[]): Timeline {
  return {
    executionId: execution.id,
    status: execution.status,
    reason: execution.reason,
    events: eventsOf(execution, journal).toSorted((left, right) => Date.parse(left.at) - Date.parse(right.at)),
    journal: journal.map(toEntry),
    failures: failuresOf(journal),
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

function eventsOf(execution: ExecutionSummaryRecord, journal: readonly JournalRecord[]): Event[] {
  const { queuedAt, startedAt, cancelRequestedAt, completedAt } = execution;
  const events: Event[] = [{ type: "queued", at: toInstant(queuedAt), message: `Accepted from the ${execution.trigger.kind} trigger "${execution.triggerNodeId}".` }];
  if (startedAt !== null) events.push({ type: "started", at: toInstant(startedAt), message: `Started ${startedAt.getTime() - queuedAt.getTime()} ms after it was accepted.` });
  if (execution.status === "WAITING" && execution.resumeAt !== null) {
    events.push({ type: "waiting", at: toInstant(execution.resumeAt), message: `Waits (${execution.reason ?? "no reason recorded"}) until this instant.${outageOf(journal)}` });
  }
  if (cancelRequestedAt !== null) events.push({ type: "cancelRequested", at: toInstant(cancelRequestedAt), message: "A cancel was asked for." });
  if (completedAt !== null) events.push(endOf(execution, completedAt));
  return events;
}

/** What keeps a node from being tried, where it is an outage. */
function outageOf(journal: readonly JournalRecord[]): string {
  const waiting = journal.find(({ status, failure }) => status === "WAITING" && failure?.code === "INTEGRATION_OUTAGE");
  return waiting?.failure === null || waiting === undefined ? "" : ` ${waiting.failure.message}`;
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
