import type { NodeFailure } from "@fluxo/core/errors/failure";
import type { ExecutionSummaryRecord } from "@fluxo/prisma/repositories/executions";
import type { JournalRecord } from "@fluxo/prisma/repositories/journal";
import { expect, test } from "vitest";
import { toTimeline } from "./timeline.ts";

const at = (seconds: number): Date => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds));

function execution(fields: Partial<ExecutionSummaryRecord>): ExecutionSummaryRecord {
  return {
    tenantId: "t",
    id: "e",
    workflowId: "w",
    version: { id: "v", number: 1 },
    trigger: { id: "t", kind: "webhook" },
    triggerNodeId: "hook",
    status: "QUEUED",
    reason: null,
    queuedAt: at(0),
    startedAt: null,
    completedAt: null,
    resumeAt: null,
    cancelRequestedAt: null,
    rerunOf: null,
    parentExecutionId: null,
    parentNodeId: null,
    parentItem: null,
    errorCode: null,
    errorMessage: null,
    errorNodeId: null,
    ...fields,
  };
}

const NOTHING = { items: [], hasMore: false };

const messages = (fields: Partial<ExecutionSummaryRecord>): string[] => toTimeline(execution(fields), NOTHING).events.map(({ type, message }) => `${type}: ${message}`);

test("tells each turn in words", () => {
  const queued = 'queued: Accepted from the webhook trigger "hook".';
  expect(messages({})).toEqual([queued]);
  expect(messages({ status: "SUCCESS", startedAt: at(1), completedAt: at(3) })).toEqual([
    queued,
    "started: Started 1000 ms after it was accepted.",
    "completed: Ended with SUCCESS 2000 ms after its start.",
  ]);
  expect(messages({ status: "WAITING", reason: "DELAY", startedAt: at(1), resumeAt: at(60) }).at(-1)).toBe("waiting: Waits (DELAY) until this instant.");
  expect(messages({ status: "CANCELED", startedAt: at(1), cancelRequestedAt: at(2), completedAt: at(3) }).slice(2)).toEqual([
    "cancelRequested: A cancel was asked for.",
    "canceled: Canceled 2000 ms after its start.",
  ]);
  expect(messages({ status: "BLOCKED", reason: "QUOTA_EXCEEDED", errorCode: "QUOTA_EXCEEDED", errorMessage: "Used up.", completedAt: at(1) }).at(-1)).toBe("blocked: Refused: QUOTA_EXCEEDED. Used up.");
});

test("an execution that waits for the end of an outage says of what, whichever page of the journal is shown", () => {
  const failure: NodeFailure = { nodeId: "call", name: "call", type: "http.request", integration: "http", message: "Integration outage of host x since then.", errorClass: "SERVER", code: "INTEGRATION_OUTAGE", occurredAt: at(2).toISOString(), attempt: 1 };
  const entry: JournalRecord = { ...{ nodeId: "call", nodeName: "call", nodeType: "http.request", integration: "http", item: 0, position: 1, attempt: 0 }, ...{ status: "WAITING", reason: "BACKOFF", ports: [], usage: null, failure, attempts: [] }, ...{ startedAt: at(1), completedAt: null, resumeAt: at(60), isSeeded: false } };
  const { events } = toTimeline(execution({ status: "WAITING", reason: "BACKOFF", startedAt: at(1), resumeAt: at(60) }), NOTHING, entry);
  expect(events.at(-1)?.message).toBe("Waits (BACKOFF) until this instant. Integration outage of host x since then.");
});

test("orders events by time, whichever was recorded first", () => {
  const { events } = toTimeline(execution({ status: "CANCELED", startedAt: at(5), cancelRequestedAt: at(2), completedAt: at(6) }), NOTHING);
  expect(events.map(({ type }) => type)).toEqual(["queued", "cancelRequested", "started", "canceled"]);
});
