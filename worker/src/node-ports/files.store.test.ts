import { randomBytes } from "node:crypto";
import { FILE_BYTES_MAX, type FilePort } from "@fluxo/core/ports/files";
import { createFileStore } from "@fluxo/prisma/files/file-store";
import { uuidV7 } from "@fluxo/prisma/ids";
import { queueExecutions, seedWorkflow, type SeededWorkflow } from "@fluxo/prisma/testing/seed";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import pg from "pg";
import { beforeAll, expect, test } from "vitest";
import { filePort } from "./files.ts";

const { owner, app } = await useTestDatabase();
let workflow: SeededWorkflow;

beforeAll(async () => {
  workflow = await seedWorkflow(owner, { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] });
});

async function portOf(of: SeededWorkflow): Promise<FilePort> {
  const [executionId = ""] = await queueExecutions(app, of, [{}]);
  return filePort(createFileStore(app, uuidV7), { tenantId: of.tenantId, workflowId: of.workflowId, executionId, nodeId: "make", item: 0 });
}

test("gives back what was saved, to every execution of the tenant and to nobody else", async () => {
  const content = randomBytes(2_500_000);
  const port = await portOf(workflow);
  const file = await port.save({ name: "a.bin", mediaType: "application/x-test", content });
  expect(await port.save({ name: "a.bin", mediaType: "application/x-test", content })).toEqual(file);
  for (const reader of [port, await portOf(workflow)]) expect(Buffer.from(await reader.read(file.fileId)).equals(content)).toBe(true);
  const stranger = await portOf(await seedWorkflow(owner, { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] }));
  for (const fileId of [file.fileId, uuidV7.next(), "not-an-id"]) {
    await expect((fileId === file.fileId ? stranger : port).read(fileId)).rejects.toMatchObject({ errorClass: "DATA", code: "FILE_NOT_FOUND" });
  }
});

test("refuses a file that is too large, and an execution with too much of them", async () => {
  const port = await portOf(workflow);
  const largest = Buffer.alloc(FILE_BYTES_MAX);
  await expect(port.save({ name: "a", mediaType: "a/b", content: Buffer.alloc(FILE_BYTES_MAX + 1) })).rejects.toMatchObject({ errorClass: "DATA", code: "FILE_TOO_LARGE" });
  for (const name of ["1", "2", "3", "4"]) expect((await port.save({ name, mediaType: "a/b", content: largest })).bytes).toBe(FILE_BYTES_MAX);
  await expect(port.save({ name: "5", mediaType: "a/b", content: Buffer.from("x") })).rejects.toMatchObject({ errorClass: "DATA", code: "EXECUTION_TOO_LARGE" });
});

test("refuses to read what a trigger copied and no node can hold", async () => {
  const files = await portOf(workflow);
  const [executionId = ""] = await queueExecutions(app, workflow, [{}]);
  const fileId = uuidV7.next();
  await owner.query("INSERT INTO files (tenant_id, id, execution_id, node_id, item, name, media_type, bytes, sha256, is_copy) VALUES ($1, $2, $3, 'start', 0, 'f', 'a/b', $4, repeat('0', 64), true)", [
    workflow.tenantId, fileId, executionId, FILE_BYTES_MAX + 1,
  ]);
  await expect(files.read(fileId)).rejects.toMatchObject({ errorClass: "DATA", code: "FILE_TOO_LARGE" });
});

test("a database that is away is worth another attempt", async () => {
  const away = new pg.Pool({ host: "127.0.0.1", port: 1, max: 1 });
  const port = filePort(createFileStore(away, uuidV7), { tenantId: workflow.tenantId, workflowId: workflow.workflowId, executionId: uuidV7.next(), nodeId: "make", item: 0 });
  await expect(port.save({ name: "a", mediaType: "a/b", content: Buffer.from("x") })).rejects.toMatchObject({ errorClass: "SERVER", code: "UNAVAILABLE" });
  await expect(port.read(uuidV7.next())).rejects.toMatchObject({ errorClass: "SERVER", code: "UNAVAILABLE" });
  await away.end();
});
