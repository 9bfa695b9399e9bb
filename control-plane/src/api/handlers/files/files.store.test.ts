import { randomBytes } from "node:crypto";
import { createFileStore } from "@fluxo/prisma/files/file-store";
import { uuidV7 } from "@fluxo/prisma/ids";
import { afterAll, beforeAll, expect, test } from "vitest";
import { manualGraph } from "../../testing/graphs.ts";
import { startHarness, type Harness, type TestTenant } from "../../testing/harness.ts";

let api: Harness;
let tenant: TestTenant;
let stranger: TestTenant;
let executionId: string;
beforeAll(async () => {
  api = await startHarness();
  const agency = await api.createTestAgency("Northwind");
  tenant = await api.createTestTenant(agency, "A");
  stranger = await api.createTestTenant(agency, "B");
  const workflow = await tenant.client.post("/v1/workflows", { name: "Files", graph: manualGraph });
  await tenant.client.post(`/v1/workflows/${workflow.text("id")}/publish`);
  executionId = (await tenant.client.post(`/v1/workflows/${workflow.text("id")}/executions`, { input: {} })).text("executionId");
});
afterAll(() => api.stop());

async function saved(name: string, mediaType: string, content: Uint8Array): Promise<string> {
  const answer = await createFileStore(api.pool, uuidV7).save({ tenantId: tenant.id, executionId, nodeId: "make", item: 2 }, { name, mediaType, content });
  if (answer.kind !== "saved") throw new Error(answer.kind);
  return answer.file.fileId;
}

const download = (fileId: string, of: TestTenant, method = "GET"): Promise<Response> => fetch(`${api.url}/v1/files/${fileId}/content`, { method, headers: { authorization: `Bearer ${of.key}` } });

test("tells about a file, and gives its content as an attachment under its own name", async () => {
  const content = randomBytes(2_300_000);
  const fileId = await saved("Übersicht \"1\" %.html", "text/html; charset=utf-8", content);
  const file = await tenant.client.get(`/v1/files/${fileId}`);
  expect([file.status, file.body]).toEqual([
    200,
    { fileId, name: 'Übersicht "1" %.html', mediaType: "text/html; charset=utf-8", bytes: 2_300_000, sha256: file.text("sha256"), executionId, nodeId: "make", item: 2, createdAt: file.text("createdAt") },
  ]);
  const response = await download(fileId, tenant);
  expect(response.status).toBe(200);
  expect(Buffer.from(await response.arrayBuffer()).equals(content)).toBe(true);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    "content-type": "text/html; charset=utf-8",
    "content-length": "2300000",
    "content-disposition": `attachment; filename="_bersicht _1_ _.html"; filename*=UTF-8''%C3%9Cbersicht%20%221%22%20%25.html`,
    "content-security-policy": "default-src 'none'; sandbox",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    etag: `"${file.text("sha256")}"`,
  });
});

test("an empty file, and a look without the content", async () => {
  const empty = await saved("empty", "", new Uint8Array());
  const response = await download(empty, tenant);
  expect([response.status, response.headers.get("content-type"), (await response.arrayBuffer()).byteLength]).toEqual([200, "application/octet-stream", 0]);
  const head = await download(await saved("head", "a/b", Buffer.from("abc")), tenant, "HEAD");
  expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([200, "3", ""]);
});

test("a caller that hangs up in the middle takes nothing with it", async () => {
  const fileId = await saved("large", "a/b", randomBytes(8_000_000));
  const controller = new AbortController();
  const response = await fetch(`${api.url}/v1/files/${fileId}/content`, { headers: { authorization: `Bearer ${tenant.key}` }, signal: controller.signal });
  controller.abort();
  await expect(response.arrayBuffer()).rejects.toThrow();
  const again = await download(fileId, tenant);
  expect((await again.arrayBuffer()).byteLength).toBe(8_000_000);
  expect(api.logLines.filter((line) => line.includes("request failed"))).toEqual([]);
});

test("another tenant's file does not exist", async () => {
  const fileId = await saved("secret", "a/b", Buffer.from("secret"));
  expect((await stranger.client.get(`/v1/files/${fileId}`)).status).toBe(404);
  const response = await download(fileId, stranger);
  expect([response.status, (await response.text()).includes("secret")]).toEqual([404, false]);
});
