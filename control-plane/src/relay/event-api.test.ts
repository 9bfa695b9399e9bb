import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadRelayConfig } from "./config.ts";
import { createEventApi } from "./event-api.ts";
import { receiveEvents, type EventReceiver } from "./testing/event-receiver.ts";
import type { ReleasedEvent } from "./messages.ts";

const eventKey = "secret-event-key";
const event: ReleasedEvent = { name: "fluxo/execution.released.small", id: "e1", data: { version: 1, tenantId: "t", executionId: "e", bulk: false } };

let receiver: EventReceiver;
beforeEach(async () => {
  receiver = await receiveEvents(eventKey);
});
afterEach(() => receiver.close());

const apiOf = (baseUrl: string, key = eventKey) => createEventApi({ baseUrl, eventKey: key, timeoutMs: 300 });

/** Everything that a log could hold of a failure. */
async function failureOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(() => undefined, (reason: unknown) => reason);
  if (!(error instanceof Error)) throw new Error("It did not fail.");
  expect(error).toMatchObject({ name: "EventApiError", code: "EVENTS_NOT_TAKEN" });
  return `${error.message} ${error.stack} ${String(error.cause)}`;
}

describe("sending", () => {
  test("hands over an array in one call", async () => {
    await apiOf(receiver.url).send([event, { ...event, id: "e2", ts: 5 }]);
    expect(receiver.calls).toEqual([[event, { ...event, id: "e2", ts: 5 }]]);
  });

  test("is a failure when Inngest refuses, takes fewer, or is not there; the key shows nowhere", async () => {
    expect(await failureOf(apiOf(receiver.url, "other-key").send([event]))).toContain("401");
    receiver.behave(503);
    expect(await failureOf(apiOf(receiver.url).send([event]))).toContain("503");
    receiver.behave("swallow");
    expect(await failureOf(apiOf(receiver.url).send([event]))).toContain("0 of 1");
    const away = await failureOf(apiOf("http://127.0.0.1:9").send([event]));
    expect(away).not.toContain(eventKey);
    await failureOf(apiOf("http://127.0.0.1:9").ping());
  });

  test("waits no longer than its time-out, which is shorter than a claim", async () => {
    receiver.behave("hang");
    expect(await failureOf(apiOf(receiver.url).send([event]))).toContain("TimeoutError");
  });
});

test("the configuration names what is missing", () => {
  expect(() => loadRelayConfig({ INNGEST_BASE_URL: "http://127.0.0.1:8288", FLUXO_SYSTEM_DATABASE_URL: "x" })).toThrow(/INNGEST_EVENT_KEY/);
});
