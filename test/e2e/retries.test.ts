import { chain, MANUAL, post, set } from "@fluxo/test/support/graphs";
import { createClient, type Tenant } from "@fluxo/test/support/client";
import { afterAll, beforeEach, expect, inject, test } from "vitest";

const system = inject("system");
const client = createClient({ ...system });
let tenant: Tenant;

// One tenant each: what fails in one test must not open a circuit breaker for the next.
beforeEach(async () => {
  tenant = await client.createTenant();
});
afterAll(() => client.close());

test("a failing provider is tried again until it answers; earlier attempts stay on record and all carry one key", async () => {
  const path = `/flaky/2/${tenant.id}`;
  const executionId = await tenant.run(chain(MANUAL, post("call", `${system.sinkUrl}${path}`, { retry: { initialDelayMs: 50 } }), set("after", { received: "{{ call.body.received }}" })));
  const { output } = await tenant.waitForStatus(executionId, "SUCCESS");
  expect(output).toEqual({ results: { after: { received: 3 } }, failures: [] });

  const { journal, failures } = await tenant.timeline(executionId);
  const call = journal.find(({ nodeId }) => nodeId === "call");
  expect(call).toMatchObject({ status: "SUCCESS", attempt: 3, failure: null });
  expect(call?.attempts.map(({ code, errorClass, attempt }) => [code, errorClass, attempt])).toEqual([["PROVIDER_FAILED", "SERVER", 1], ["PROVIDER_FAILED", "SERVER", 2]]);
  expect(failures).toEqual(call?.attempts);
  const sent = await client.received(path);
  expect(sent.map(({ headers }) => headers["idempotency-key"])).toEqual(Array.from({ length: 3 }, () => `${executionId}:call:0`));
});

test("attempts end: the last failure is the node's, the others its attempts", async () => {
  const path = `/status/500/${tenant.id}`;
  const executionId = await tenant.run(chain(MANUAL, post("call", `${system.sinkUrl}${path}`, { retry: { maxAttempts: 3, initialDelayMs: 10 } })));
  const { error, output } = await tenant.waitForStatus(executionId, "FAILED");
  expect(error).toMatchObject({ code: "PROVIDER_FAILED", nodeId: "call" });
  expect(output).toMatchObject({ failures: [{ nodeId: "call", attempt: 3 }] });
  const { failures } = await tenant.timeline(executionId);
  expect(failures.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  expect(await client.received(path)).toHaveLength(3);
});

test("a connection that breaks is a CONNECTION failure and is tried again", async () => {
  const executionId = await tenant.run(chain(MANUAL, post("call", `${system.sinkUrl}/cut/1/${tenant.id}`, { retry: { initialDelayMs: 10 } })));
  await tenant.waitForStatus(executionId, "SUCCESS");
  const { failures } = await tenant.timeline(executionId);
  expect(failures).toMatchObject([{ code: "CONNECTION_FAILED", errorClass: "CONNECTION", attempt: 1 }]);
});

test("an attempt that takes too long is cut, and tried again", async () => {
  const path = `/hang/${tenant.id}/timeout`;
  const executionId = await tenant.run(chain(MANUAL, post("call", `${system.sinkUrl}${path}`, { timeoutMs: 2_000, retry: { maxAttempts: 2, initialDelayMs: 10 } })));
  const { error } = await tenant.waitForStatus(executionId, "FAILED");
  expect(error).toMatchObject({ code: "NODE_TIMEOUT", nodeId: "call" });
  const sent = await client.received(path);
  expect(sent).toHaveLength(2);
  for (const { abortedAt } of sent) expect(abortedAt).toBeTypeOf("number");
});

test("Retry-After is honoured", async () => {
  const path = `/limited/1/${tenant.id}`;
  const executionId = await tenant.run(chain(MANUAL, post("call", `${system.sinkUrl}${path}`, { retry: { initialDelayMs: 10 } })));
  await tenant.waitForStatus(executionId, "SUCCESS");
  const [refused, accepted] = await client.received(path);
  expect((accepted?.at ?? 0) - (refused?.at ?? 0)).toBeGreaterThanOrEqual(995);
  const { failures } = await tenant.timeline(executionId);
  expect(failures).toMatchObject([{ code: "PROVIDER_RATE_LIMITED", errorClass: "RATE_LIMIT", attempt: 1 }]);
});

test("a long Retry-After suspends the execution, so that it holds no slot", async () => {
  const path = `/limited/300/${tenant.id}`;
  const executionId = await tenant.run(chain(MANUAL, post("call", `${system.sinkUrl}${path}`)));
  const waiting = await tenant.waitForStatus(executionId, "WAITING");
  expect(waiting.reason).toBe("BACKOFF");
  const [refused] = await client.received(path);
  expect(Date.parse(waiting.resumeAt ?? "")).toBeGreaterThanOrEqual((refused?.at ?? 0) + 300_000);
  expect((await tenant.usage()).concurrency.running).toBe(0);
  const { journal } = await tenant.timeline(executionId);
  expect(journal.find(({ nodeId }) => nodeId === "call")).toMatchObject({ status: "WAITING", reason: "BACKOFF", resumeAt: waiting.resumeAt, failure: { code: "PROVIDER_RATE_LIMITED" } });
  await tenant.api.call("cancelExecution", { params: { executionId } });
});
