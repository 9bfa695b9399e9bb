import type { ExecutionSummaryRecord } from "@fluxo/prisma/repositories/executions";
import { expect, test } from "vitest";
import { toTimeline } from "./timeline.ts";

const at = (seconds: number): Date => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds));

function execution(fields: Partial<ExecutionSummaryRecord>): ExecutionSummaryRecord {
  return {
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

const messages = (fields: Partial<ExecutionSummaryRecord>): string[] => toTimeline(execution(fields), []).events.map(({ type, message }) => `${type}: ${message}`);

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

test("orders events by time, whichever was recorded first", () => {
  const { events } = toTimeline(execution({ status: "CANCELED", startedAt: at(5), cancelRequestedAt: at(2), completedAt: at(6) }), []);
  expect(events.map(({ type }) => type)).toEqual(["queued", "cancelRequested", "started", "canceled"]);
});
