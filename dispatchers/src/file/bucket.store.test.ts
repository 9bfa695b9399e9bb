import { createHash, randomBytes } from "node:crypto";
import { CONTENT_BYTES_MAX, recordedChangeSchema } from "@fluxo/nodes/trigger-file/definition";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { describeSourceContract } from "../testing/source.contract.ts";
import { SourceStage, type SourceHarness, type StagedSource } from "../testing/source-stage.ts";
import { COPY_AHEAD_BYTES_MAX } from "./listing.ts";
import { TestBucket } from "./testing/bucket.ts";
import { contentOf } from "./testing/content.ts";
import { fileConfig } from "./testing/folder.ts";

const base64 = (text: string): string => Buffer.from(text).toString("base64");

let bucket: TestBucket;
let content: "none" | "reference" = "none";
let contentBytesMax = CONTENT_BYTES_MAX;
let secretAccessKey: string | undefined;

const harness: SourceHarness = async (place) => {
  const made = await TestBucket.make(place, secretAccessKey === undefined ? {} : { secretAccessKey });
  bucket = made;
  let objects = 0;
  return {
    config: fileConfig({ source: { kind: "s3", bucket: "reports", prefix: "in/" }, credential: made.credentialId, content, contentBytesMax, itemsMax: 3, events: ["added", "changed", "removed", "renamed"] }),
    pageSize: 3,
    open: () => made.open(),
    add: async (count) => {
      for (let added = 0; added < count; added += 1) await made.put(`in/${(objects += 1)}.txt`);
    },
    addPoison: () => made.put("in/a\u007fb"),
    close: () => made.close(),
  };
};

describeSourceContract("A bucket", harness);

let stage: SourceStage;
beforeAll(async () => {
  stage = await SourceStage.open(harness);
});
afterEach(async () => {
  secretAccessKey = undefined;
  content = "none";
  contentBytesMax = CONTENT_BYTES_MAX;
  await stage.clear();
});
afterAll(() => stage.close());

const inputs = async ({ triggerId }: StagedSource): Promise<unknown[]> =>
  (await stage.owner.query<{ input: unknown }>("SELECT input FROM executions WHERE trigger_id = $1 ORDER BY id", [triggerId])).rows.map(({ input }) => input);

describe("a bucket", () => {
  test("tells what is added, changed, renamed and removed, by entity tag; the same content again is no change", async () => {
    const staged = await stage.stage();
    await bucket.put("other/x.txt");
    await bucket.put("in/keep.txt");
    await stage.look(staged);
    for (const key of ["in/a b/é+&%20.txt", "in/empty-folder/", "in/.hidden", "elsewhere.txt"]) await bucket.put(key, "content");
    expect(await stage.look(staged)).toMatchObject({ accepted: 1 });
    await bucket.put("in/keep.txt", "in/keep.txt");
    expect(await stage.look(staged)).toMatchObject({ accepted: 0 });
    await bucket.put("in/keep.txt", "in/kept.txt");
    expect(await stage.look(staged)).toMatchObject({ accepted: 1 });
    await bucket.put("in/moved.txt", "in/kept.txt");
    await bucket.delete("in/keep.txt");
    expect(await stage.look(staged)).toMatchObject({ accepted: 1 });
    await bucket.delete("in/moved.txt");
    expect(await stage.look(staged)).toMatchObject({ accepted: 1 });
    const etag = expect.stringMatching(/^[0-9a-f]{32}$/);
    const modifiedAt = expect.stringMatching(/^\d{4}-.*Z$/);
    expect(await inputs(staged)).toEqual([
      { event: "added", path: "a b/é+&%20.txt", size: 7, modifiedAt, etag },
      { event: "changed", path: "keep.txt", size: 11, modifiedAt, etag },
      { event: "renamed", path: "moved.txt", previousPath: "keep.txt", size: 11, modifiedAt, etag },
      { event: "removed", path: "moved.txt", size: 11, modifiedAt, etag },
    ]);
  });

  test("a key that its store refuses is written down with the credential, and nobody asks again", async () => {
    secretAccessKey = "s3cret-wrong";
    const staged = await stage.stage();
    await stage.look(staged);
    expect(await stage.state(staged)).toMatchObject({ cursor: null, failures: 1, error_code: "CREDENTIAL_REJECTED", error_message: expect.stringContaining("SignatureDoesNotMatch") });
    expect((await stage.owner.query("SELECT health FROM credentials WHERE id = $1", [bucket.credentialId])).rows).toEqual([{ health: "BROKEN" }]);
    await stage.look(staged);
    expect(await stage.state(staged)).toMatchObject({ failures: 2, error_message: expect.stringContaining("known to be refused") });
  });

  test("a store that is away removes nothing", async () => {
    const staged = await stage.stage();
    await staged.source.add(2);
    await stage.look(staged);
    await bucket.close();
    await stage.look(staged);
    expect(await stage.state(staged)).toMatchObject({ failures: 1, error_code: "CONNECTION_FAILED" });
    expect(await stage.tally(staged)).toMatchObject({ occurrences: 0 });
  });
});

describe("a bucket with content: reference", () => {
  test("records what objects hold; what is gone or another by the time it is read is not told as what it was", async () => {
    content = "reference";
    const staged = await stage.stage();
    await stage.look(staged);
    await bucket.put("in/a b/é.csv", "1,2");
    await bucket.put("in/secret", "s3cret");
    bucket.refusals.set("in/secret", { status: 403, code: "AccessDenied" });
    expect(await stage.look(staged)).toMatchObject({ accepted: 2 });
    await bucket.put("in/gone", "3");
    bucket.beforeRead = () => bucket.delete("in/gone");
    expect(await stage.look(staged)).toMatchObject({ accepted: 0 });
    await bucket.put("in/a b/é.csv", "4,5");
    bucket.beforeRead = () => bucket.put("in/a b/é.csv", "6,7");
    expect(await stage.look(staged)).toMatchObject({ accepted: 0 });
    expect(await stage.look(staged)).toMatchObject({ accepted: 1 });
    await bucket.put("in/large", "x".repeat(CONTENT_BYTES_MAX + 1));
    expect(await stage.look(staged)).toMatchObject({ accepted: 1 });
    await bucket.delete("in/secret");
    expect(await stage.look(staged)).toMatchObject({ accepted: 1 });
    const found = await inputs(staged);
    expect(found).toHaveLength(5);
    expect(found).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ event: "added", path: "a b/é.csv", content: base64("1,2"), mediaType: "text/csv" }),
        expect.objectContaining({ event: "added", path: "secret", fileMissing: "unreadable" }),
        expect.objectContaining({ event: "changed", path: "a b/é.csv", content: base64("6,7"), mediaType: "text/csv" }),
        expect.objectContaining({ event: "added", path: "large", fileMissing: "tooLarge" }),
        expect.objectContaining({ event: "removed", path: "secret", fileMissing: "removed" }),
      ]),
    );
    for (const input of found) expect(recordedChangeSchema.safeParse(input).error).toBeUndefined();
    expect(await stage.state(staged)).toMatchObject({ failures: 0 });
  });
});

describe("a bucket with content: reference, of large objects and of a store that fails,", () => {
  test("copies a large object by requests for parts of it, and not what is replaced meanwhile", async () => {
    content = "reference";
    contentBytesMax = 104_857_600;
    const staged = await stage.stageWatched();
    const before = randomBytes(26_214_407);
    const after = randomBytes(26_214_400);
    await bucket.put("in/table.csv", before);
    bucket.beforeRead = () => {
      bucket.beforeRead = () => bucket.put("in/table.csv", after);
      return Promise.resolve();
    };
    expect(await stage.look(staged)).toMatchObject({ accepted: 0 });
    expect((await stage.owner.query("SELECT 1 FROM files WHERE tenant_id = $1", [staged.tenantId])).rows).toEqual([]);
    expect(await stage.look(staged)).toMatchObject({ accepted: 1 });
    expect(bucket.answerBytesMax).toBe(COPY_AHEAD_BYTES_MAX);
    const [input] = await inputs(staged);
    const { file } = recordedChangeSchema.parse(input);
    expect(file).toMatchObject({ name: "table.csv", mediaType: "text/csv", bytes: after.byteLength, sha256: createHash("sha256").update(after).digest("hex") });
    expect((await contentOf(stage.app, staged.tenantId, file?.fileId)).equals(after)).toBe(true);
    expect(await stage.look(staged)).toMatchObject({ accepted: 0, duplicate: 0 });
  });

  test("reads a packed object as a whole, because no part of it can be unpacked", async () => {
    content = "reference";
    contentBytesMax = 104_857_600;
    const staged = await stage.stageWatched();
    const small = randomBytes(2_500_000);
    await bucket.put("in/1.csv", small, "gzip");
    await bucket.put("in/2.csv", randomBytes(CONTENT_BYTES_MAX + 1), "gzip");
    // The server of this test unpacks nothing.
    expect(await stage.lookUntil(staged, 2)).toMatchObject({ executions: 2 });
    const [first, second] = (await inputs(staged)).map((input) => recordedChangeSchema.parse(input));
    expect(first).toMatchObject({ path: "1.csv", file: { bytes: small.byteLength, sha256: createHash("sha256").update(small).digest("hex") } });
    expect(second).toMatchObject({ path: "2.csv", fileMissing: "tooLarge" });
  });

  test("tells what could be read before the store failed, then the failure, and the rest once it answers", async () => {
    content = "reference";
    const staged = await stage.stage();
    await stage.look(staged);
    await bucket.put("in/1", "1");
    await bucket.put("in/2", "2");
    bucket.refusals.set("in/2", { status: 500, code: "InternalError" });
    expect(await stage.look(staged)).toMatchObject({ accepted: 1 });
    expect(await stage.state(staged)).toMatchObject({ failures: 0 });
    expect(await stage.look(staged)).toMatchObject({ accepted: 0 });
    expect(await stage.state(staged)).toMatchObject({ failures: 1, error_code: "PROVIDER_FAILED" });
    bucket.refusals.clear();
    expect(await stage.look(staged)).toMatchObject({ accepted: 1 });
    expect(await inputs(staged)).toMatchObject([{ path: "1", content: base64("1") }, { path: "2", content: base64("2") }]);
    expect(await stage.state(staged)).toMatchObject({ failures: 0 });
  });
});
