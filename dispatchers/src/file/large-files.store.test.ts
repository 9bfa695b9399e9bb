import { createHash, randomBytes } from "node:crypto";
import { appendFile, writeFile } from "node:fs/promises";
import { recordedChangeSchema } from "@fluxo/nodes/trigger-file/definition";
import { sweepFileCopies } from "@fluxo/prisma/files/file-copies";
import { CHUNK_BYTES, createFileStore } from "@fluxo/prisma/files/file-store";
import { uuidV7 } from "@fluxo/prisma/ids";
import type pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { SourceStage, type SourceHarness, type StagedSource } from "../testing/source-stage.ts";
import { COPY_AGE_MS_MAX } from "./copy-sweep.ts";
import { FileSource } from "./file-source.ts";
import { contentOf } from "./testing/content.ts";
import { fileConfig, TestFolder } from "./testing/folder.ts";

const BYTES = 26_214_407;
const content = randomBytes(BYTES);

let stage: SourceStage;
let folder: TestFolder;
let staged: StagedSource;
/** The connections of a process that crashes. */
let crashing: pg.Pool | undefined;

const harness: SourceHarness = async ({ tenantId, app }) => {
  const made = await TestFolder.make(tenantId);
  folder = made;
  return {
    config: fileConfig({ content: "reference" }),
    pageSize: 200,
    open: () => new FileSource({ app: crashing ?? app, ids: uuidV7, contentBytesMax: 104_857_600, root: made.root, openBucket: () => Promise.reject(new Error("No bucket is watched here.")) }),
    add: () => made.write("a"),
    addPoison: () => made.writeUnreadable(),
    close: () => made.remove(),
  };
};

beforeAll(async () => {
  stage = await SourceStage.open(harness);
  // A copy waits in its middle while a test holds the lock.
  await stage.owner.query("CREATE FUNCTION wait_for_test() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock_shared(4711); RETURN NEW; END $$");
  await stage.owner.query("CREATE TRIGGER wait_for_test BEFORE INSERT ON file_chunks FOR EACH ROW WHEN (NEW.position = 12) EXECUTE FUNCTION wait_for_test()");
});
beforeEach(async () => {
  staged = await stage.stageWatched();
  await writeFile(folder.at("table.csv"), content);
});

afterEach(() => stage.clear());
afterAll(() => stage.close());

/** Does something in the middle of a copy. @returns what became of the look */
async function inTheMiddle<T>(look: () => Promise<T>, work: () => Promise<unknown>): Promise<PromiseSettledResult<T>> {
  const test = await stage.owner.connect();
  try {
    await test.query("SELECT pg_advisory_lock(4711)");
    const looking = Promise.allSettled([look()]);
    await expect.poll(async () => (await test.query("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted")).rowCount).toBe(1);
    await work();
    await test.query("SELECT pg_advisory_unlock(4711)");
    const [result] = await looking;
    return result;
  } finally {
    await test.query("SELECT pg_advisory_unlock_all()");
    test.release();
  }
}
const count = async (condition: string): Promise<number> => (await stage.owner.query<{ n: number }>(`SELECT count(*)::int AS n FROM files WHERE tenant_id = $1 AND ${condition}`, [staged.tenantId])).rows[0]?.n ?? -1;
/** The one execution has the whole file. */
async function expectTold(wanted: Uint8Array): Promise<void> {
  const { rows } = await stage.owner.query<{ id: string; input: unknown }>("SELECT id, input FROM executions WHERE trigger_id = $1", [staged.triggerId]);
  expect(rows).toHaveLength(1);
  const { file } = recordedChangeSchema.parse(rows[0]?.input);
  expect(file).toEqual({ fileId: file?.fileId, name: "table.csv", mediaType: "text/csv", bytes: wanted.byteLength, sha256: createHash("sha256").update(wanted).digest("hex") });
  expect((await contentOf(stage.app, staged.tenantId, file?.fileId)).equals(wanted)).toBe(true);
  expect(await createFileStore(stage.app, uuidV7).find(staged.tenantId, file?.fileId ?? "")).toMatchObject({ executionId: rows[0]?.id, nodeId: expect.stringMatching(/^source-/) });
  expect(await stage.look(staged)).toMatchObject({ accepted: 0, duplicate: 0 });
}

test("a file that is too large for an occurrence is copied part by part, becomes a file of its execution, and is metered then", async () => {
  expect(await stage.look(staged)).toMatchObject({ accepted: 1 });
  await expectTold(content);
  expect((await stage.owner.query("SELECT count(*)::int AS parts, max(octet_length(content)) AS largest FROM file_chunks WHERE tenant_id = $1", [staged.tenantId])).rows).toEqual([{ parts: 26, largest: CHUNK_BYTES }]);
  const metered = async (): Promise<unknown> => (await stage.owner.query("SELECT sum(storage_bytes)::int AS bytes FROM usage_events WHERE tenant_id = $1", [staged.tenantId])).rows[0]?.bytes;
  expect(await metered()).toBe(BYTES);
  await stage.owner.query("DELETE FROM outbox WHERE tenant_id = $1", [staged.tenantId]);
  await stage.owner.query("UPDATE trigger_states SET last_execution_id = NULL WHERE tenant_id = $1", [staged.tenantId]);
  await stage.owner.query("DELETE FROM executions WHERE tenant_id = $1", [staged.tenantId]);
  expect(await count("true")).toBe(0);
  expect(await metered()).toBe(0);
});

test("a crash in the middle leaves a copy that nobody can read and the sweep takes; the next look copies all of it", async () => {
  const pool = stage.onlyConnection();
  crashing = pool;
  const claimed = await stage.claim(staged, "crashed");
  const runner = stage.runner(staged, "crashed", pool);
  crashing = undefined;
  let ended: Promise<void> | undefined;
  const result = await inTheMiddle(() => runner.run(claimed), () => {
    ended = pool.end();
    return Promise.resolve();
  });
  await ended;
  expect(result.status).toBe("rejected");
  const { rows } = await stage.owner.query<{ id: string }>("SELECT id FROM files WHERE tenant_id = $1 AND execution_id IS NULL", [staged.tenantId]);
  expect(rows).toHaveLength(1);
  expect(await createFileStore(stage.app, uuidV7).find(staged.tenantId, rows[0]?.id ?? "")).toBeUndefined();
  expect(await stage.look(staged)).toMatchObject({ accepted: 1 });
  expect(await sweepFileCopies(stage.system, COPY_AGE_MS_MAX, 10)).toBe(0);
  await stage.owner.query("UPDATE files SET created_at = created_at - interval '3 hours' WHERE tenant_id = $1", [staged.tenantId]);
  expect(await sweepFileCopies(stage.system, COPY_AGE_MS_MAX, 10)).toBe(1);
  expect(await count("execution_id IS NULL")).toBe(0);
  await expectTold(content);
});

test("what changes while it is copied is not told, and the copy is thrown away; a later look tells what it became", async () => {
  const after = Buffer.concat([content, Buffer.from("more")]);
  expect(await inTheMiddle(() => stage.look(staged), () => appendFile(folder.at("table.csv"), "more"))).toMatchObject({ value: { accepted: 0 } });
  expect(await count("true")).toBe(0);
  expect(await stage.look(staged)).toMatchObject({ accepted: 1 });
  await expectTold(after);
});

test("a dispatcher that stops gives its copy up, and one that lost its lease tells nothing", async () => {
  const stopping = new AbortController();
  const claimed = await stage.claim(staged);
  await inTheMiddle(() => stage.runner(staged).run(claimed, stopping.signal), () => {
    stopping.abort(new Error("The dispatcher stops."));
    return Promise.resolve();
  });
  expect(await count("true")).toBe(0);
  expect(await inTheMiddle(() => stage.look(staged, "slow"), () => stage.claim(staged, "other"))).toMatchObject({ value: undefined });
  expect(await count("execution_id IS NOT NULL")).toBe(0);
  expect(await stage.look(staged)).toMatchObject({ accepted: 1 });
  await expectTold(content);
});

test("a copy that was swept too early takes its whole look with it, which is repeated", async () => {
  const swept = await inTheMiddle(() => stage.look(staged), () => stage.owner.query("DELETE FROM files WHERE tenant_id = $1", [staged.tenantId]));
  expect(swept).toMatchObject({ value: { accepted: 0 } });
  expect(await stage.state(staged)).toMatchObject({ failures: 1, error_code: "UNAVAILABLE" });
  expect(await stage.look(staged)).toMatchObject({ accepted: 1 });
  await expectTold(content);
});
