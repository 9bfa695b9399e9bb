import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { captureSample } from "@fluxo/prisma/access/hook-samples";
import { uuidV7 } from "@fluxo/prisma/ids";
import type { GuardedClientOptions } from "@fluxo/runtime/http/guarded-client";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { openProbe, PROBE_HEADER } from "../../../probe/probe.ts";
import { manualGraph, webhookGraph } from "../../testing/graphs.ts";
import { startHarness, type Harness, type TestTenant } from "../../testing/harness.ts";

let api: Harness;
let tenant: TestTenant;
let other: TestTenant;
/** What is at the public address of the ingress. */
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let resolver: () => Promise<{ address: string }[]>;
const server = createServer((request, response) => answer(request, response));
const ingress: GuardedClientOptions = { resolver: () => resolver(), openSocket: () => connect(portOf(server.address()), "127.0.0.1") };

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // The published address is https, and what listens speaks no TLS.
  api = await startHarness({ ingress });
  const agency = await api.createTestAgency("Northwind");
  tenant = await api.createTestTenant(agency, "Bakery");
  other = await api.createTestTenant(agency, "Florist");
});
beforeEach(() => {
  resolver = () => Promise.resolve([{ address: "93.184.216.34" }]);
  answer = (_request, response) => void response.end();
});
afterAll(async () => {
  await api.stop();
  server.close();
});

function portOf(address: AddressInfo | string | null): number {
  return typeof address === "object" && address !== null ? address.port : 0;
}

let count = 0;
async function publish(graph: unknown): Promise<{ id: string; hookUrl: string }> {
  count += 1;
  const workflow = await tenant.client.post("/v1/workflows", { name: `Workflow ${count}`, graph });
  const published = await tenant.client.post(`/v1/workflows/${workflow.text("id")}/publish`);
  const hookUrl = published.at("triggers", 0, "hookUrl");
  return { id: published.text("triggers", 0, "id"), hookUrl: typeof hookUrl === "string" ? hookUrl : "" };
}

test("a test session waits for ten minutes; its sample is there to be used", async () => {
  const { id, hookUrl } = await publish(webhookGraph({ mode: "none" }));
  const path = `/v1/triggers/${id}`;
  expect((await tenant.client.get(`${path}/samples`)).body).toEqual({ session: null, data: [] });
  const opened = await tenant.client.post(`${path}/test-session`);
  expect(opened.body).toEqual({ testUrl: hookUrl.replace("/hooks/", "/hooks-test/"), expiresAt: expect.any(String), sampleId: null });
  const waits = Date.parse(opened.text("expiresAt")) - Date.now();
  expect(waits).toSatisfy((ms: number) => ms > 590_000 && ms <= 600_000);
  const sampleId = uuidV7.next();
  const sample = { tenantId: tenant.id, triggerId: id, sampleId, payload: { method: "POST", body: { a: 1 } }, receivedAt: new Date() };
  expect([await captureSample(api.pool, { ...sample, tenantId: other.id }), await captureSample(api.pool, sample), await captureSample(api.pool, { ...sample, sampleId: uuidV7.next() })]).toEqual([false, true, false]);
  const listed = await tenant.client.get(`${path}/samples`);
  expect(listed.body).toMatchObject({ session: { sampleId }, data: [{ id: sampleId, payload: { method: "POST", body: { a: 1 } } }] });
  expect((await tenant.client.post(`${path}/test-session`)).at("sampleId")).toBeNull();

  const manual = await tenant.client.post("/v1/workflows", { name: "By hand", graph: manualGraph });
  await tenant.client.post(`/v1/workflows/${manual.text("id")}/publish`);
  const started = await tenant.client.post(`/v1/workflows/${manual.text("id")}/executions`, { input: listed.at("data", 0, "payload") });
  expect(started.status).toBe(202);
});

test("only published webhooks of the tenant have tests and checks", async () => {
  const hook = await publish(webhookGraph({ mode: "none" }));
  const manual = await publish(manualGraph);
  for (const [method, path] of [["post", "test-session"], ["get", "samples"], ["post", "check"]] as const) {
    expect((await other.client[method](`/v1/triggers/${hook.id}/${path}`)).status).toBe(404);
    const refused = await tenant.client[method](`/v1/triggers/${manual.id}/${path}`);
    expect([refused.status, refused.at("code")]).toEqual([409, "STATE_CONFLICT"]);
  }
});

test("a check says what is between here and the hook", async () => {
  const { id } = await publish(webhookGraph({ mode: "standard" }));
  const check = async (): Promise<unknown> => (await tenant.client.post(`/v1/triggers/${id}/check`)).body;
  expect(await check()).toMatchObject({ isReachable: false, reason: "tls", status: null });
  resolver = () => Promise.reject(Object.assign(new Error("none"), { code: "ENOTFOUND" }));
  expect(await check()).toMatchObject({ isReachable: false, reason: "dns", status: null });
  resolver = () => Promise.resolve([{ address: "10.0.0.7" }]);
  expect(await check()).toMatchObject({ isReachable: false, reason: "refused", status: null });
});

test("a check knows its own ingress from everybody else", async () => {
  const plain = await startHarness({ ingress, ingressUrl: "http://hooks.example.com" });
  const client = (await plain.createTestTenant(await plain.createTestAgency("A"), "T")).client;
  const workflow = await client.post("/v1/workflows", { name: "Hook", graph: webhookGraph({ mode: "standard" }) });
  const published = await client.post(`/v1/workflows/${workflow.text("id")}/publish`);
  const token = published.text("triggers", 0, "hookUrl").split("/").at(-1) ?? "";
  const check = async (): Promise<unknown> => (await client.post(`/v1/triggers/${published.text("triggers", 0, "id")}/check`)).body;
  const json = (status: number, body: (nonce: string | undefined) => unknown) => (request: IncomingMessage, response: ServerResponse) => {
    const nonce = openProbe(plain.box, token, String(request.headers[PROBE_HEADER]), new Date());
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body(nonce)));
  };
  answer = json(200, (nonce) => ({ probe: nonce }));
  expect(await check()).toEqual({ isReachable: true, reason: "ok", status: 200, message: "The webhook answers." });
  answer = json(200, () => ({ probe: "guessed" }));
  expect(await check()).toMatchObject({ isReachable: false, reason: "foreign", status: 200 });
  answer = (_request, response) => void response.writeHead(200).end("<html>Welcome to nginx!</html>");
  expect(await check()).toMatchObject({ isReachable: false, reason: "foreign", status: 200 });
  answer = json(404, () => ({ code: "HOOK_NOT_FOUND" }));
  expect(await check()).toMatchObject({ isReachable: false, reason: "status", status: 404, message: "The address answers with 404 HOOK_NOT_FOUND." });
  answer = (_request, response) => void response.writeHead(302, { location: "https://elsewhere.example.com/" }).end();
  expect(await check()).toMatchObject({ isReachable: false, reason: "redirect", status: null });
  answer = (request) => void request.socket.destroy();
  expect(await check()).toMatchObject({ isReachable: false, reason: "connection", status: null });
  await plain.stop();
});
