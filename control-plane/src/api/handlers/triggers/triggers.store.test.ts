import { resolveHook } from "@fluxo/prisma/access/hooks";
import { uuidV7 } from "@fluxo/prisma/ids";
import { afterAll, beforeAll, expect, test } from "vitest";
import { manualGraph, webhookGraph } from "../../testing/graphs.ts";
import { INGRESS_URL, startHarness, type Harness, type TestTenant } from "../../testing/harness.ts";

let api: Harness;
let tenant: TestTenant;

beforeAll(async () => {
  api = await startHarness();
  tenant = await api.createTestTenant(await api.createTestAgency("Northwind"), "Bakery");
});
afterAll(() => api.stop());

let count = 0;
async function createWorkflow(graph: unknown): Promise<string> {
  count += 1;
  return (await tenant.client.post("/v1/workflows", { name: `Workflow ${count}`, graph })).text("id");
}

/** The secret as the ingress would open it. */
async function storedSecret(hookUrl: string): Promise<string | undefined> {
  const hook = await resolveHook(api.pool, hookUrl.slice(`${INGRESS_URL}/hooks/`.length));
  if (hook === undefined || hook.sealedSecret === null) return undefined;
  return api.box.open(hook.sealedSecret, [tenant.id, hook.triggerId]).toString("utf8");
}

test("a webhook gets its address and its secret once, and keeps both over versions", async () => {
  const id = await createWorkflow(webhookGraph({ mode: "standard" }));
  const path = `/v1/workflows/${id}`;
  const first = await tenant.client.post(`${path}/publish`);
  expect(first.at("triggers", 0)).toMatchObject({ nodeId: "hook", kind: "webhook", isEnabled: true, hasSecret: true });
  const hookUrl = first.text("triggers", 0, "hookUrl");
  const secret = first.text("triggers", 0, "secret");
  expect(hookUrl).toMatch(/^https:\/\/hooks\.example\.com\/hooks\/[A-Za-z0-9_-]{43}$/);
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(await storedSecret(hookUrl)).toBe(secret);

  await tenant.client.put(`${path}/draft`, { graph: { nodes: [{ id: "hook", type: "trigger.webhook", params: { authentication: { mode: "standard" }, methods: ["PUT"] } }], edges: [] } });
  const second = await tenant.client.post(`${path}/publish`);
  expect(second.at("triggers", 0)).toEqual({ ...(first.at("triggers", 0) as object), secret: undefined });
  const listed = await tenant.client.get(`${path}/triggers`);
  expect(listed.at("data", 0, "config")).toMatchObject({ methods: ["PUT"] });
  for (const answer of [second, listed]) expect(JSON.stringify(answer.body)).not.toContain(secret);
  expect(JSON.stringify(listed.body)).not.toContain("sealed");
  expect(await storedSecret(hookUrl)).toBe(secret);
  expect(api.logLines.join("\n")).not.toContain(secret);
});

test("another way of authentication gets another secret, none gets none", async () => {
  const id = await createWorkflow(webhookGraph({ mode: "none" }));
  const path = `/v1/workflows/${id}`;
  const publish = async (authentication: object) => {
    await tenant.client.put(`${path}/draft`, { graph: webhookGraph(authentication) });
    return tenant.client.post(`${path}/publish`);
  };
  const open = await publish({ mode: "none" });
  expect([open.at("triggers", 0, "hasSecret"), open.at("triggers", 0, "secret")]).toEqual([false, undefined]);
  const header = await publish({ mode: "header", header: "x-key" });
  expect(header.text("triggers", 0, "secret")).toMatch(/^[A-Za-z0-9_-]{43}$/);
  const hmac = await publish({ mode: "hmac", header: "x-signature", encoding: "hex" });
  expect(hmac.text("triggers", 0, "secret")).not.toBe(header.text("triggers", 0, "secret"));
  const again = await publish({ mode: "none" });
  expect([again.at("triggers", 0, "hasSecret"), again.at("triggers", 0, "id")]).toEqual([false, open.at("triggers", 0, "id")]);
  expect(await storedSecret(again.text("triggers", 0, "hookUrl"))).toBeUndefined();
});

test("the trigger of a removed node is disabled, and comes back as it was", async () => {
  const id = await createWorkflow(webhookGraph({ mode: "standard" }));
  const path = `/v1/workflows/${id}`;
  const first = await tenant.client.post(`${path}/publish`);
  const hookUrl = first.text("triggers", 0, "hookUrl");
  const secret = first.text("triggers", 0, "secret");
  await tenant.client.put(`${path}/draft`, { graph: manualGraph });
  const second = await tenant.client.post(`${path}/publish`);
  expect(second.at("triggers")).toHaveLength(1);
  const listed = await tenant.client.get(`${path}/triggers?limit=1`);
  const older = await tenant.client.get(`${path}/triggers?limit=1&pageToken=${listed.text("nextPageToken")}`);
  expect([listed.at("data", 0, "nodeId"), older.at("data", 0, "nodeId"), older.at("data", 0, "isEnabled")]).toEqual(["start", "hook", false]);
  expect(await storedSecret(hookUrl)).toBeUndefined();
  await tenant.client.put(`${path}/draft`, { graph: webhookGraph({ mode: "standard" }) });
  const third = await tenant.client.post(`${path}/publish`);
  expect(third.at("triggers", 0)).toMatchObject({ id: first.at("triggers", 0, "id"), hookUrl, isEnabled: true });
  expect(await storedSecret(hookUrl)).toBe(secret);
});

test("rotates a secret to a new or a chosen one, and shows it once", async () => {
  const id = await createWorkflow(webhookGraph({ mode: "standard" }));
  const published = await tenant.client.post(`/v1/workflows/${id}/publish`);
  const hookUrl = published.text("triggers", 0, "hookUrl");
  const path = `/v1/triggers/${published.text("triggers", 0, "id")}/rotate-secret`;
  const made = await tenant.client.post(path);
  expect(made.status).toBe(200);
  expect(made.text("secret")).not.toBe(published.text("triggers", 0, "secret"));
  expect(await storedSecret(hookUrl)).toBe(made.text("secret"));
  const chosen = `whsec_${Buffer.alloc(24, 1).toString("base64")}`;
  expect((await tenant.client.post(path, { secret: chosen })).at("secret")).toBe(chosen);
  expect(await storedSecret(hookUrl)).toBe(chosen);
  for (const secret of ["short", "whsec_not base64", "plain-but-long-enough", `whsec_${Buffer.alloc(8).toString("base64")}`]) {
    const refused = await tenant.client.post(path, { secret });
    expect([refused.status, refused.at("issues", 0, "path")]).toEqual([400, "/body/secret"]);
    expect(JSON.stringify(refused.body)).not.toContain(secret);
  }
  const manual = await tenant.client.post(`/v1/workflows/${await createWorkflow(manualGraph)}/publish`);
  const refused = await tenant.client.post(`/v1/triggers/${manual.text("triggers", 0, "id")}/rotate-secret`);
  expect([refused.status, refused.at("code")]).toEqual([409, "STATE_CONFLICT"]);
  expect((await tenant.client.post(`/v1/triggers/${uuidV7.next()}/rotate-secret`)).status).toBe(404);
});
