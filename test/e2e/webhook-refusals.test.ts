import { createHmac, randomUUID } from "node:crypto";
import { chain, set, SIGNED_WEBHOOK } from "@fluxo/test/support/graphs";
import { createClient, type Published, type Tenant } from "@fluxo/test/support/client";
import { deliver, sendHook, type HookAnswer } from "@fluxo/test/support/hooks";
import { problemSchema } from "@fluxo/contracts/http/problem";
import { signWebhook } from "../../scripts/environment/standard-webhook.ts";
import { afterAll, beforeAll, expect, inject, test } from "vitest";

const system = inject("system");
const client = createClient({ ...system });
let tenant: Tenant;
let signed: Published;

beforeAll(async () => {
  tenant = await client.createTenant();
  signed = await tenant.publish(chain(SIGNED_WEBHOOK, set("a")));
});
afterAll(() => client.close());

/** The answer is a problem with this status and code, tells nothing of secrets, and there is no execution and no occurrence. */
async function expectRefused(answer: HookAnswer, status: number, code: string): Promise<void> {
  expect([answer.status, answer.code]).toEqual([status, code]);
  expect(answer.headers.get("content-type")).toMatch(/^application\/problem\+json/);
  expect(problemSchema.parse(JSON.parse(answer.text))).toMatchObject({ status, code, type: `urn:fluxo:error:${code}`, instance: answer.headers.get("x-request-id") });
  expect(answer.text).not.toContain(signed.secret);
  expect(await tenant.executions()).toEqual([]);
  expect(await client.sql("SELECT 1 FROM occurrences WHERE tenant_id = $1", [tenant.id])).toEqual([]);
}

const at = (offsetMs: number): Date => new Date(Date.now() + offsetMs);
const json = { "content-type": "application/json" };

test("a signature with another secret, and one for another body, id or time", async () => {
  await expectRefused(await deliver({ ...signed, secret: `whsec_${Buffer.from("another secret of many bytes").toString("base64")}` }), 401, "HOOK_SIGNATURE_INVALID");
  const headers = signWebhook({ secret: signed.secret, id: "msg_1", sentAt: at(0), body: '{"total":1}' });
  await expectRefused(await sendHook(signed.hookUrl, { body: '{"total":1000}', headers }), 401, "HOOK_SIGNATURE_INVALID");
  await expectRefused(await sendHook(signed.hookUrl, { body: '{"total":1}', headers: { ...headers, "webhook-id": "msg_2" } }), 401, "HOOK_SIGNATURE_INVALID");
  const later = String(Number(headers["webhook-timestamp"]) + 1);
  await expectRefused(await sendHook(signed.hookUrl, { body: '{"total":1}', headers: { ...headers, "webhook-timestamp": later } }), 401, "HOOK_SIGNATURE_INVALID");
});

test.for([["no signature", "webhook-signature"], ["no id", "webhook-id"]] as const)("%s", async ([, name]) => {
  const headers = signWebhook({ secret: signed.secret, id: "msg_1", sentAt: at(0), body: "{}" });
  delete headers[name];
  await expectRefused(await sendHook(signed.hookUrl, { body: "{}", headers }), 401, "HOOK_UNAUTHENTICATED");
});

test.for([["ten minutes old", -600_000], ["ten minutes ahead", 600_000]] as const)("a timestamp %s, with a right signature", async ([, offsetMs]) => {
  await expectRefused(await deliver(signed, { sentAt: at(offsetMs) }), 401, "HOOK_TIMESTAMP_REJECTED");
});

test("a token that nobody has", async () => {
  const url = new URL(signed.hookUrl);
  for (const path of ["/hooks/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "/hooks/short", "/hooks/%00", `${url.pathname}x`, `/hooks/${tenant.id}`]) {
    await expectRefused(await deliver({ ...signed, hookUrl: new URL(path, url).href }), 404, "HOOK_NOT_FOUND");
  }
});

test.for(["GET", "PUT", "DELETE"])("the method %s, which the webhook does not take", async (method) => {
  const answer = await sendHook(signed.hookUrl, { method });
  await expectRefused(answer, 405, "HOOK_METHOD_NOT_ALLOWED");
  expect(answer.headers.get("allow")).toBe("POST");
});

test("a body of more than 1 MiB; one of 1 MiB is taken, by a webhook of another tenant", async () => {
  const text = JSON.stringify({ text: "x".repeat(1_048_576) });
  await expectRefused(await deliver(signed, { body: text }), 413, "BODY_TOO_LARGE");
  const neighbor = await client.createTenant();
  const workflow = await neighbor.publish(chain(SIGNED_WEBHOOK, set("size", { last: "{{ trigger.body.last }}" })));
  const fits = JSON.stringify({ text: "x".repeat(1_048_576 - 24), last: 1 });
  expect(Buffer.byteLength(fits)).toBeLessThanOrEqual(1_048_576);
  const { status, executionId } = await deliver(workflow, { body: fits });
  expect(status).toBe(202);
  expect((await neighbor.waitForStatus(executionId, "SUCCESS")).output).toMatchObject({ results: { size: { last: 1 } } });
});

test.for(['{"a":', "not json", '{"a":1}}', "{'a':1}", '{"a":NaN}'])("malformed JSON: %s", async (body) => {
  await expectRefused(await deliver(signed, { body }), 400, "MALFORMED_JSON");
});

test.for(['{"__proto__":{"isAdmin":true}}', '{"a":[{"constructor":{"prototype":{"x":1}}}]}', '{"a":{"prototype":1}}'])("a key that reaches the object machinery: %s", async (body) => {
  const answer = await deliver(signed, { body });
  await expectRefused(answer, 400, "VALIDATION_FAILED");
  expect(problemSchema.parse(JSON.parse(answer.text)).issues).toMatchObject([{ code: "KEY_REFUSED", path: expect.stringMatching(/^\/body\//) }]);
});

test("the same keys in a query", async () => {
  await expectRefused(await deliver(signed, { query: "?__proto__=1" }), 400, "VALIDATION_FAILED");
});

test("a nesting without end, and a packed body", async () => {
  await expectRefused(await deliver(signed, { body: `${"[".repeat(5_000)}${"]".repeat(5_000)}` }), 400, "VALIDATION_FAILED");
  await expectRefused(await deliver(signed, { headers: { "content-encoding": "gzip" } }), 415, "UNSUPPORTED_MEDIA_TYPE");
});

test("an HMAC of the body, GitHub's way: wrong ones are refused, the right one is taken", async () => {
  const other = await client.createTenant();
  const hook = await other.publish(
    chain({ id: "start", type: "trigger.webhook", params: { authentication: { mode: "hmac", header: "X-Hub-Signature-256", encoding: "hex", prefix: "sha256=" }, deliveryIdHeader: "X-GitHub-Delivery" } }, set("a")),
  );
  const body = '{"zen":"Design for failure."}';
  const sign = (text: string): string => `sha256=${createHmac("sha256", hook.secret).update(text).digest("hex")}`;
  const send = (signature: string | undefined) =>
    sendHook(hook.hookUrl, { body, headers: { ...json, "x-github-delivery": randomUUID(), ...(signature === undefined ? {} : { "x-hub-signature-256": signature }) } });
  await expectRefused(await send(undefined), 401, "HOOK_UNAUTHENTICATED");
  await expectRefused(await send(sign(`${body} `)), 401, "HOOK_SIGNATURE_INVALID");
  await expectRefused(await send(sign(body).replace("sha256=", "sha1=")), 401, "HOOK_SIGNATURE_INVALID");
  expect(await other.executions()).toEqual([]);
  const { status, executionId } = await send(sign(body));
  expect(status).toBe(202);
  await other.waitForStatus(executionId, "SUCCESS");
});

test("a secret in a header: a wrong one is refused, the right one is taken", async () => {
  const other = await client.createTenant();
  const hook = await other.publish(chain({ id: "start", type: "trigger.webhook", params: { authentication: { mode: "header", header: "X-Shop" } } }, set("a")));
  const send = (headers: Record<string, string>) => sendHook(hook.hookUrl, { body: "{}", headers: { ...json, ...headers } });
  await expectRefused(await send({}), 401, "HOOK_UNAUTHENTICATED");
  await expectRefused(await send({ "x-shop": `${hook.secret}x` }), 401, "HOOK_UNAUTHENTICATED");
  expect(await other.executions()).toEqual([]);
  await other.waitForStatus((await send({ "x-shop": hook.secret })).executionId, "SUCCESS");
});
