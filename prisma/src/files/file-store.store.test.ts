import { createHash, randomBytes, randomUUID } from "node:crypto";
import { EXECUTION_FILE_BYTES_MAX, FILE_BYTES_MAX } from "@fluxo/core/ports/files";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { uuidV7 } from "../ids.ts";
import { queueExecutions, seedWorkflow, type SeededWorkflow } from "../testing/seed.ts";
import { useTestDatabase } from "../testing/test-database.ts";
import { createFileStore, type FileScope, type FileStore } from "./file-store.ts";

const { owner, app } = await useTestDatabase();
let store: FileStore;
let workflow: SeededWorkflow;
let scope: FileScope;

beforeAll(async () => {
  store = createFileStore(app, uuidV7);
  workflow = await seedWorkflow(owner, { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] });
});
beforeEach(async () => {
  scope = await newScope(workflow);
});

async function newScope(of: SeededWorkflow): Promise<FileScope> {
  const [executionId = ""] = await queueExecutions(app, of, [{}]);
  return { tenantId: of.tenantId, executionId, nodeId: "make", item: 0 };
}

const text = (content: string, name = "a.txt"): { name: string; mediaType: string; content: Uint8Array } => ({ name, mediaType: "text/plain", content: Buffer.from(content) });

async function contentOf(tenantId: string, fileId: string): Promise<Buffer> {
  const file = await store.find(tenantId, fileId);
  if (file === undefined) throw new Error("There is no such file.");
  const parts: Uint8Array[] = [];
  for await (const part of store.content(tenantId, file)) parts.push(part);
  return Buffer.concat(parts);
}

const countOf = async (table: "files" | "file_chunks", tenantId: string): Promise<number> =>
  (await owner.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table} WHERE tenant_id = $1`, [tenantId])).rows[0]?.n ?? -1;

describe("saving and reading", () => {
  test.each([0, 1, 1_048_576, 1_048_577, 3_500_000])("a file of %i bytes comes back as it was", async (size) => {
    const content = randomBytes(size);
    const saved = await store.save(scope, { name: "data.bin", mediaType: "application/x-test", content });
    if (saved.kind !== "saved") throw new Error(saved.kind);
    expect(saved.file).toEqual({ fileId: saved.file.fileId, name: "data.bin", mediaType: "application/x-test", bytes: size, sha256: createHash("sha256").update(content).digest("hex") });
    expect(await store.find(scope.tenantId, saved.file.fileId)).toEqual({ ...saved.file, executionId: scope.executionId, nodeId: "make", item: 0, createdAt: expect.any(Date) });
    expect((await contentOf(scope.tenantId, saved.file.fileId)).equals(content)).toBe(true);
  });

  test("takes a view into a larger buffer, and cleans name and media type", async () => {
    const saved = await store.save(scope, { name: "../etc/pass\nwd", mediaType: "nothing", content: new Uint8Array(Buffer.from("xxabcyy")).subarray(2, 5) });
    if (saved.kind !== "saved") throw new Error(saved.kind);
    expect(saved.file).toMatchObject({ name: "passwd", mediaType: "application/octet-stream", bytes: 3 });
    expect((await contentOf(scope.tenantId, saved.file.fileId)).toString()).toBe("abc");
  });
});

describe("repeats", () => {
  test("the same content and name by the same node and item is the same file, also when both store at once", async () => {
    const saves = await Promise.all(Array.from({ length: 8 }, () => store.save(scope, text("same"))));
    expect(new Set(saves.map((saved) => (saved.kind === "saved" ? saved.file.fileId : saved.kind))).size).toBe(1);
    const [first] = saves;
    expect(await store.save(scope, { ...text("same"), mediaType: "text/html" })).toEqual(first);
    const { rows } = await owner.query("SELECT 1 FROM files WHERE execution_id = $1", [scope.executionId]);
    expect(rows).toHaveLength(1);
  });

  test("another content, name, node, item or execution is another file", async () => {
    const scopes = [scope, { ...scope, item: 1 }, { ...scope, nodeId: "other" }, await newScope(workflow)];
    const saves = [...(await Promise.all(scopes.map((one) => store.save(one, text("same"))))), await store.save(scope, text("other")), await store.save(scope, text("same", "b.txt"))];
    expect(new Set(saves.map((saved) => (saved.kind === "saved" ? saved.file.fileId : saved.kind))).size).toBe(6);
  });

  test("a save that broke off leaves nothing, and its repeat stores the whole file", async () => {
    const content = randomBytes(2_500_000);
    const before = [await countOf("files", scope.tenantId), await countOf("file_chunks", scope.tenantId)];
    await owner.query("CREATE FUNCTION break_off() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken'; END $$");
    await owner.query("CREATE TRIGGER break_off BEFORE INSERT ON file_chunks FOR EACH ROW WHEN (NEW.position = 2) EXECUTE FUNCTION break_off()");
    await expect(store.save(scope, { ...text(""), content })).rejects.toThrow("broken");
    expect([await countOf("files", scope.tenantId), await countOf("file_chunks", scope.tenantId)]).toEqual(before);
    await owner.query("DROP FUNCTION break_off() CASCADE");
    const saved = await store.save(scope, { ...text(""), content });
    expect(saved.kind === "saved" && (await contentOf(scope.tenantId, saved.file.fileId)).equals(content)).toBe(true);
  });
});

describe("limits", () => {
  test("the files of one execution together, exactly, also when branches store at the same time", async () => {
    await owner.query("INSERT INTO files (tenant_id, id, execution_id, node_id, item, name, media_type, bytes, sha256) SELECT $1, gen_random_uuid(), $2, 'full', i, 'f', 'a/b', $3, repeat('0', 64) FROM generate_series(1, 3) i", [
      scope.tenantId, scope.executionId, FILE_BYTES_MAX,
    ]);
    const left = EXECUTION_FILE_BYTES_MAX - 3 * FILE_BYTES_MAX;
    await owner.query("INSERT INTO files (tenant_id, id, execution_id, node_id, item, name, media_type, bytes, sha256) VALUES ($1, $2, $3, 'full', 9, 'f', 'a/b', $4, repeat('0', 64))", [
      scope.tenantId, randomUUID(), scope.executionId, left - 10,
    ]);
    const saves = await Promise.all(["123456", "abcdef", "ABCDEF"].map((content, item) => store.save({ ...scope, item }, text(content))));
    expect(saves.map(({ kind }) => kind).toSorted()).toEqual(["executionFull", "executionFull", "saved"]);
    expect((await store.save({ ...scope, nodeId: "last" }, text("1234"))).kind).toBe("saved");
    expect((await store.save({ ...scope, nodeId: "more" }, text("1"))).kind).toBe("executionFull");
    expect((await store.save(await newScope(workflow), text("1"))).kind).toBe("saved");
  });

  test("the table refuses what is larger than a file may be", async () => {
    await expect(store.save(scope, { ...text(""), content: Buffer.alloc(FILE_BYTES_MAX + 1) })).rejects.toThrow("files_bytes_check");
  });
});

describe("tenants", () => {
  test("a file of another tenant does not exist, and nobody stores into another tenant's execution", async () => {
    const stranger = await seedWorkflow(owner, { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] });
    const saved = await store.save(scope, text("secret"));
    if (saved.kind !== "saved") throw new Error(saved.kind);
    const file = await store.find(scope.tenantId, saved.file.fileId);
    if (file === undefined) throw new Error("There is no such file.");
    expect(await store.find(stranger.tenantId, file.fileId)).toBeUndefined();
    await expect(store.content(stranger.tenantId, file).next()).rejects.toThrow("deleted");
    await expect(store.save({ ...scope, tenantId: stranger.tenantId }, text("planted"))).rejects.toThrow("files_tenant_id_execution_id_fkey");
    expect((await app.query("SELECT 1 FROM files")).rows).toEqual([]);
    expect((await app.query("SELECT 1 FROM file_chunks")).rows).toEqual([]);
  });

  test("files never change, and go with their execution", async () => {
    const saved = await store.save(scope, text("gone"));
    if (saved.kind !== "saved") throw new Error(saved.kind);
    for (const statement of ["UPDATE files SET name = 'x'", "DELETE FROM files", "UPDATE file_chunks SET content = 'x'", "DELETE FROM file_chunks"]) {
      await expect(app.query(statement)).rejects.toThrow("permission denied");
    }
    await owner.query("DELETE FROM outbox WHERE execution_id = $1", [scope.executionId]);
    await owner.query("DELETE FROM executions WHERE id = $1", [scope.executionId]);
    expect(await store.find(scope.tenantId, saved.file.fileId)).toBeUndefined();
    expect((await owner.query("SELECT 1 FROM file_chunks WHERE file_id = $1", [saved.file.fileId])).rows).toEqual([]);
  });
});
