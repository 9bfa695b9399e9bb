import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { BATCH_EVENTS_MAX, CONCURRENCY_CLASSES, EXECUTIONS_PER_EVENT_MAX } from "@fluxo/contracts/events/execution-released";
import { systemClock } from "@fluxo/runtime/clock";
import { createLogger } from "@fluxo/runtime/logger";
import express from "express";
import { Inngest } from "inngest";
import { serve } from "inngest/express";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Engine } from "../execution/engine.ts";
import { executionFunctions } from "./functions.ts";
import { registerFunctions } from "./register.ts";

const logger = createLogger({ service: "test", level: "silent" });
const registrations: { functions: Record<string, unknown>[] }[] = [];
const refusals: number[] = [];
const calls: { tenantId: string; executionIds: readonly string[] }[] = [];
const claimAndRun: Engine["claimAndRun"] = async (tenantId, executionIds) => {
  calls.push({ tenantId, executionIds });
  return { claimed: executionIds.length, blocked: 0, parked: 0, skipped: 0, starved: 0 };
};

/** What the Inngest server is to the SDK: where functions are registered. */
const inngest = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const status = refusals.shift() ?? 200;
    if (status === 200) registrations.push(JSON.parse(Buffer.concat(chunks).toString()) as (typeof registrations)[number]);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(status === 200 ? { ok: true, modified: true } : { error: "not now", status }));
  });
});
const worker = createServer();
let serveUrl: string;

async function listen(server: typeof worker): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

beforeAll(async () => {
  const client = new Inngest({ id: "fluxo", isDev: true, baseUrl: await listen(inngest), eventKey: "key", logger });
  const application = express();
  application.use("/api/inngest", express.json(), serve({ client, functions: executionFunctions(client, { claimAndRun }, logger) }));
  worker.on("request", application);
  serveUrl = `${await listen(worker)}/api/inngest`;
});

beforeEach(() => {
  registrations.length = 0;
  calls.length = 0;
});

afterAll(async () => {
  for (const server of [worker, inngest]) await new Promise((resolve) => server.close(resolve).closeAllConnections());
});

/** Calls a function as Inngest does. */
async function invoke(data: readonly unknown[]): Promise<unknown> {
  const events = data.map((each) => ({ name: "fluxo/execution.released.small", id: "e", ts: 1, data: each }));
  const context = { run_id: "r", attempt: 0, disable_immediate_execution: false, use_api: false, stack: { stack: [], current: 0 }, fn_id: "f" };
  const response = await fetch(`${serveUrl}?fnId=fluxo-execute-small&stepId=step`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ version: 1, event: events[0], events, steps: {}, ctx: context, use_api: false }),
  });
  return response.json();
}

test("Inngest is told of a function per class: a tenant's ceiling, batches of what is bulk and of one tenant alone, and many attempts for times without a worker", async () => {
  await registerFunctions(serveUrl, systemClock, logger, new AbortController().signal);
  expect(registrations).toHaveLength(1);
  expect(registrations[0]?.functions.map(({ id, triggers, concurrency, batchEvents, steps, priority, cancel }) => ({ id, triggers, concurrency, batchEvents, steps, priority, cancel }))).toEqual(
    Object.entries(CONCURRENCY_CLASSES).map(([name, limit]) => ({
      id: `fluxo-execute-${name}`,
      triggers: [{ event: `fluxo/execution.released.${name}` }],
      concurrency: [{ key: "event.data.tenantId", limit }],
      batchEvents: { maxSize: BATCH_EVENTS_MAX, timeout: "1s", key: "event.data.tenantId", if: "event.data.bulk == true" },
      steps: { step: expect.objectContaining({ retries: { attempts: 20 } }) },
      priority: undefined,
      cancel: undefined,
    })),
  );
});

test("a worker that Inngest does not take yet says so again until it does", async () => {
  refusals.push(500);
  await registerFunctions(serveUrl, systemClock, logger, new AbortController().signal);
  expect(registrations).toHaveLength(1);
});

test("a batch goes to the engine tenant by tenant, in one call each; an event of no known version is dropped and fails nobody", async () => {
  const id = (n: number): string => `00000000-0000-7000-8000-${String(n).padStart(12, "0")}`;
  const [a, b] = [id(1), id(2)];
  const report = await invoke([
    { version: 1, tenantId: a, executionId: id(11), bulk: true },
    { version: 3, tenantId: a, executionId: id(12) },
    { version: 2, tenantId: b, executionIds: [id(21), id(22)], bulk: true },
    { version: 1, tenantId: a, executionId: id(13), bulk: true },
    { version: 2, tenantId: a, executionIds: Array.from({ length: EXECUTIONS_PER_EVENT_MAX + 1 }, (_, n) => id(100 + n)), bulk: true },
  ]);
  expect(calls).toEqual([{ tenantId: a, executionIds: [id(11), id(13)] }, { tenantId: b, executionIds: [id(21), id(22)] }]);
  expect(report).toEqual([expect.objectContaining({ op: "RunComplete", data: [2, 2].map((claimed) => ({ claimed, blocked: 0, parked: 0, skipped: 0, starved: 0 })) })]);
});
