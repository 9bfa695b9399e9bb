import { createConnection } from "node:net";
import type { IntakeItem } from "@fluxo/prisma/executions/intake";
import { uuidV7 } from "@fluxo/prisma/ids";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { countWaiting } from "@fluxo/prisma/testing/statements";
import { systemClock } from "@fluxo/runtime/clock";
import { createLogger } from "@fluxo/runtime/logger";
import { createMetrics, createRegistry } from "@fluxo/runtime/metrics";
import { createSecretBox } from "@fluxo/runtime/secrets/box";
import { PATIENCE_MS } from "@fluxo/test/support/eventually";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { addTenant, PLAN } from "@fluxo/prisma/testing/seed";
import { addHook, type SeededHook } from "../testing/hooks.ts";
import { Recorder, type RecordedRequest } from "./recorder.ts";
import { serveHooks } from "./testing/serve-hooks.ts";

const logger = createLogger({ service: "ingress", level: "silent" });

const { owner, app } = await useTestDatabase();
let hook: SeededHook;
let recorder: Recorder;
let handedOver: string[];

beforeEach(async () => {
  hook = await addHook(owner, (await addTenant(owner, PLAN.AGENCY)).tenantId);
  handedOver = [];
  recorder = new Recorder({ db: app, clock: systemClock, logger, metrics: createMetrics(createRegistry()), handOver: (accepted) => handedOver.push(...accepted.map(({ executionId }) => executionId)) });
});

afterEach(() => vi.restoreAllMocks());

function request(deliveryId: string, bytes = 100): RecordedRequest & { readonly item: IntakeItem } {
  const { tenantId, triggerId } = hook;
  return { bytes, item: { tenantId, triggerId, occurrenceKey: `delivery:${deliveryId}`, executionId: uuidV7.next(), input: {}, payloadId: uuidV7.next(), occurredAt: new Date() } };
}

async function executions(): Promise<string[]> {
  const { rows } = await owner.query<{ id: string }>("SELECT id FROM executions WHERE trigger_id = $1 ORDER BY id", [hook.triggerId]);
  return rows.map(({ id }) => id);
}

/** Holds every statement of intake up until it is released. */
async function holdUp(): Promise<{ release(): Promise<void> }> {
  const blocker = await owner.connect();
  await blocker.query("BEGIN; LOCK TABLE occurrences IN EXCLUSIVE MODE");
  return {
    release: async () => {
      await blocker.query("COMMIT");
      blocker.release();
    },
  };
}

/** Lets what callbacks have set going come to its end. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("nobody has an answer before the commit, and nothing is handed over before it", async () => {
  const held = await holdUp();
  const answers: unknown[] = [];
  const asked = request("d-1");
  const recorded = recorder.record(asked).then((answer) => answers.push(answer));
  await expect.poll(() => countWaiting(owner), { timeout: PATIENCE_MS }).toBe(1);
  await turn();
  expect({ answers, handedOver, executions: await executions() }).toEqual({ answers: [], handedOver: [], executions: [] });
  await held.release();
  await recorded;
  const { executionId } = asked.item;
  expect({ answers, handedOver, executions: await executions() }).toEqual({ answers: [{ outcome: "accepted", executionId }], handedOver: [executionId], executions: [executionId] });
});

test("a commit whose answer was lost is asked for again, and is one execution under the id that its caller hears", async () => {
  const query = app.query.bind(app) as (...given: unknown[]) => Promise<unknown>;
  let lost = 0;
  vi.spyOn(app, "query").mockImplementation(async (...given: unknown[]) => {
    const answer = await query(...given);
    if ((lost += 1) === 1) throw new Error("Connection terminated unexpectedly");
    return answer;
  });
  const asked = request("d-1");
  expect(await recorder.record(asked)).toEqual({ outcome: "accepted", executionId: asked.item.executionId });
  expect(await executions()).toEqual([asked.item.executionId]);
  expect(lost).toBe(2);
});

test("what fails late is not tried again: its caller has waited long enough, and is told to come back", async () => {
  const now = performance.now.bind(performance);
  let passedMs = 0;
  vi.spyOn(performance, "now").mockImplementation(() => now() + passedMs);
  const statements = vi.spyOn(app, "query").mockImplementation(async () => {
    passedMs += 5_000;
    throw new Error("Connection terminated unexpectedly");
  });
  await expect(recorder.record(request("d-1"))).rejects.toMatchObject({ code: "UNAVAILABLE", retryAfterSeconds: 1 });
  expect(statements).toHaveBeenCalledTimes(1);
});

test("only new executions are handed over, whoever else is in their statement", async () => {
  const [first, again, second] = [request("d-1"), request("d-1"), request("d-2")];
  await recorder.record(first);
  expect(await Promise.all([recorder.record(again), recorder.record(second)])).toEqual([{ outcome: "duplicate", executionId: first.item.executionId }, { outcome: "accepted", executionId: second.item.executionId }]);
  expect(handedOver).toEqual([first.item.executionId, second.item.executionId]);
});

test("bodies that are too much for one statement go in several, in their order", async () => {
  const statements = vi.spyOn(app, "query");
  const large = Array.from({ length: 5 }, (_, n) => request(`d-${n}`, 2_000_000));
  await Promise.all(large.map((each) => recorder.record(each)));
  expect(statements).toHaveBeenCalledTimes(3);
  expect(await executions()).toEqual(large.map(({ item }) => item.executionId).toSorted());
});

test("while what waits for PostgreSQL has waited for too long, others are told to come back at once, and what waits is not lost", async () => {
  const held = await holdUp();
  const now = performance.now.bind(performance);
  let passedMs = 0;
  vi.spyOn(performance, "now").mockImplementation(() => now() + passedMs);
  const underWay = recorder.record(request("d-0"));
  await expect.poll(() => countWaiting(owner), { timeout: PATIENCE_MS }).toBe(1);
  // With the second statement's place taken too, the next one waits for its turn.
  const next = recorder.record(request("d-1"));
  await expect.poll(() => countWaiting(owner), { timeout: PATIENCE_MS }).toBe(2);
  const queued = recorder.record(request("d-2"));
  passedMs = 3_000;
  await expect(recorder.record(request("d-3"))).rejects.toMatchObject({ code: "UNAVAILABLE", retryAfterSeconds: 1 });
  await held.release();
  expect((await Promise.all([underWay, next, queued])).map(({ outcome }) => outcome)).toEqual(["accepted", "accepted", "accepted"]);
  expect(await executions()).toHaveLength(3);
  expect(await recorder.record(request("d-3"))).toMatchObject({ outcome: "accepted" });
});

test.each([
  ["of a known length", "Content-Length: 10\r\n\r\nok"],
  ["in chunks", "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"],
])("a body %s that breaks off is recorded by nobody", async (_, rest) => {
  const served = await serveHooks({ db: app, box: createSecretBox(Buffer.alloc(32, 7)), logger });
  const record = vi.spyOn(served.recorder, "record");
  const lookUps = vi.spyOn(app, "query");
  const socket = createConnection(served.server.port, "127.0.0.1");
  await new Promise<void>((resolve) => socket.write(`POST /hooks/${hook.token} HTTP/1.1\r\nHost: x\r\n${rest}`, () => resolve()));
  await expect.poll(() => lookUps.mock.calls.length, { timeout: PATIENCE_MS }).toBe(1);
  socket.destroy();
  // The stop waits for every request that is still in work.
  await served.stop();
  expect(record).not.toHaveBeenCalled();
  expect(await executions()).toEqual([]);
});
