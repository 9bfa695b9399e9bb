import { randomUUID } from "node:crypto";
import { chain, post, set, SIGNED_WEBHOOK } from "@fluxo/test/support/graphs";
import { createClient } from "@fluxo/test/support/client";
import { deliver, sendHook } from "@fluxo/test/support/hooks";
import { afterAll, expect, inject, test } from "vitest";

const system = inject("system");
const client = createClient({ ...system });
afterAll(() => client.close());

test("the same delivery 50 times in parallel, and again later, is one execution, and every answer names it", async () => {
  const tenant = await client.createTenant();
  const path = `/echo/${tenant.id}/once`;
  const workflow = await tenant.publish(chain(SIGNED_WEBHOOK, post("act", `${system.sinkUrl}${path}`)));
  const delivery = { id: `msg_${randomUUID()}`, body: { order: 1 }, sentAt: new Date() };
  const answers = await Promise.all(Array.from({ length: 50 }, () => deliver(workflow, delivery)));

  const ids = new Set(answers.map(({ executionId }) => executionId));
  expect(ids.size).toBe(1);
  expect(answers.filter(({ status, duplicate }) => status === 202 && duplicate === false)).toHaveLength(1);
  expect(answers.filter(({ status, duplicate }) => status === 200 && duplicate === true)).toHaveLength(49);
  const [executionId = ""] = ids;
  await tenant.waitForStatus(executionId, "SUCCESS");

  const later = await deliver(workflow, { ...delivery, sentAt: new Date() });
  expect(later).toMatchObject({ status: 200, duplicate: true, executionId });
  expect((await tenant.executions()).map(({ id }) => id)).toEqual([executionId]);
  expect(await client.received(path)).toHaveLength(1);
  const [counted] = await client.sql<{ occurrences: number; used: number }>(
    "SELECT (SELECT count(*)::int FROM occurrences WHERE tenant_id = $1) AS occurrences, (SELECT sum(used)::int FROM usage_windows WHERE tenant_id = $1) AS used",
    [tenant.id],
  );
  expect(counted).toEqual({ occurrences: 1, used: 1 });
});

test("a repeat with another body is the same delivery: the first one counts", async () => {
  const tenant = await client.createTenant();
  const workflow = await tenant.publish(chain(SIGNED_WEBHOOK, set("copy", { n: "{{ trigger.body.n }}" })));
  const first = await deliver(workflow, { id: "msg_fixed", body: { n: 1 } });
  const repeat = await deliver(workflow, { id: "msg_fixed", body: { n: 2 } });
  expect(repeat).toMatchObject({ status: 200, executionId: first.executionId });
  expect((await tenant.waitForStatus(first.executionId, "SUCCESS")).output).toMatchObject({ results: { copy: { n: 1 } } });
});

test("another delivery id is another execution; so is the same id at another workflow", async () => {
  const tenant = await client.createTenant();
  const [one, two] = await Promise.all([tenant.publish(chain(SIGNED_WEBHOOK, set("a"))), tenant.publish(chain(SIGNED_WEBHOOK, set("a")))]);
  const answers = [await deliver(one, { id: "msg_a" }), await deliver(one, { id: "msg_b" }), await deliver(two, { id: "msg_a" })];
  expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
  expect(new Set(answers.map(({ executionId }) => executionId)).size).toBe(3);
  for (const { executionId } of answers) await tenant.waitForStatus(executionId, "SUCCESS");
});

test("an open webhook without a delivery id takes every request for a new one", async () => {
  const tenant = await client.createTenant();
  const open = { id: "start", type: "trigger.webhook", params: { authentication: { mode: "none" } } };
  const { hookUrl } = await tenant.publish(chain(open, set("a")));
  const request = { body: "{}", headers: { "content-type": "application/json" } };
  const answers = await Promise.all([sendHook(hookUrl, request), sendHook(hookUrl, request)]);
  expect(answers.map(({ status }) => status)).toEqual([202, 202]);
  expect(answers[0]?.executionId).not.toBe(answers[1]?.executionId);
});

test("the caller's own delivery header, where the webhook names one", async () => {
  const tenant = await client.createTenant();
  const named = { id: "start", type: "trigger.webhook", params: { authentication: { mode: "none" }, deliveryIdHeader: "X-GitHub-Delivery" } };
  const { hookUrl } = await tenant.publish(chain(named, set("a")));
  const send = (deliveryId?: string) => sendHook(hookUrl, { body: "{}", headers: { "content-type": "application/json", ...(deliveryId === undefined ? {} : { "x-github-delivery": deliveryId }) } });
  const first = await send("d-1");
  expect(await send("d-1")).toMatchObject({ status: 200, executionId: first.executionId });
  expect(await send()).toMatchObject({ status: 400, code: "DELIVERY_ID_INVALID" });
  expect(await tenant.executions()).toHaveLength(1);
});
