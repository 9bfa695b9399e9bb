import type { JsonObject } from "@fluxo/core/json";
import type { NodeContext } from "@fluxo/core/node/executor";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { doneOf } from "../testing/done.ts";
import { nodeErrorOf } from "../testing/failures.ts";
import { MemoryCredentials } from "../testing/memory-credentials.ts";
import { MemoryFiles } from "../testing/memory-files.ts";
import { nodeContext } from "../testing/node-context.ts";
import { Provider } from "../testing/provider.ts";
import { S3Server } from "../testing/s3-server.ts";

const ID = "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a21";
const WRONG_ID = "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a22";

let server: S3Server;
let provider: Provider;
let files: MemoryFiles;
let credentials: MemoryCredentials;
beforeAll(async () => {
  server = await S3Server.start("reports");
  provider = await Provider.start();
  credentials = new MemoryCredentials([
    { id: ID, kind: "s3", fields: server.fields, accessToken: undefined },
    { id: WRONG_ID, kind: "s3", fields: { ...server.fields, secretAccessKey: "s3cret-wrong" }, accessToken: undefined },
  ]);
});
beforeEach(() => {
  files = new MemoryFiles();
  provider.requests.length = 0;
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await provider[Symbol.asyncDispose]();
});

async function run(params: JsonObject, parts: Partial<NodeContext> = {}): Promise<unknown> {
  const result = await executeNode("s3.object", { credential: ID, bucket: "reports", ...params }, nodeContext({ http: server.http, files, credentials, ...parts }));
  return doneOf(result).output;
}

describe("a real store", () => {
  test.each<[string, JsonObject, string, string]>([
    ["a text", { content: "héllo\n" }, "héllo\n", "text/plain; charset=utf-8"],
    ["JSON", { content: { a: [1] } }, '{"a":[1]}', "application/json"],
    ["a text of a type", { content: "a,b\n", mediaType: "text/csv" }, "a,b\n", "text/csv"],
    ["nothing", { content: "" }, "", "text/plain; charset=utf-8"],
  ])("takes %s and gives it back", async (_what, params, text, mediaType) => {
    const key = "a folder/ä+b&c=d'!(*)~.txt";
    expect(await run({ operation: "put", key, ...params })).toMatchObject({ bucket: "reports", key, bytes: Buffer.byteLength(text), mediaType });
    expect(await run({ operation: "get", key, responseFormat: "text" })).toMatchObject({ key, text, mediaType, bytes: Buffer.byteLength(text) });
  });

  test("takes a file and gives it back as one, to the byte", async () => {
    const content = Uint8Array.from({ length: 3_000_000 }, (_, index) => index % 251);
    const ref = await files.save({ name: "a.bin", mediaType: "image/png", content });
    await run({ operation: "put", key: "files/a.bin", content: { ...ref } });
    const output = await run({ operation: "get", key: "files/a.bin" });
    expect(output).toMatchObject({ file: { ...ref }, mediaType: "image/png", bytes: 3_000_000 });
    expect(await run({ operation: "get", key: "files/a.bin", fileName: "b.bin" })).toMatchObject({ file: { name: "b.bin", sha256: ref.sha256 } });
  });

  test("lists by prefix, in the order of the keys", async () => {
    for (const name of ["c", "a", "b"]) {
      await run({ operation: "put", key: `list/${name}`, content: name });
    }
    expect(await run({ operation: "list", prefix: "list/" })).toMatchObject({ objects: [{ key: "list/a", bytes: 1 }, { key: "list/b" }, { key: "list/c" }], nextToken: null });
    expect(await run({ operation: "list", prefix: "nothing/" })).toMatchObject({ objects: [], nextToken: null });
  });

  test("deletes, also what is not there", async () => {
    await run({ operation: "put", key: "old.txt", content: "x" });
    expect(await run({ operation: "delete", key: "old.txt" })).toEqual({ bucket: "reports", key: "old.txt" });
    await run({ operation: "delete", key: "old.txt" });
    expect(await nodeErrorOf(run({ operation: "get", key: "old.txt" }))).toMatchObject({ errorClass: "DATA", code: "PROVIDER_REJECTED" });
  });

  test("tells what is wrong by its own code", async () => {
    expect((await nodeErrorOf(run({ operation: "get", key: "missing" }))).message).toContain("404 (NoSuchKey)");
    expect((await nodeErrorOf(run({ operation: "put", bucket: "no-such-bucket", key: "a", content: "x" }))).message).toContain("(NoSuchBucket)");
    const error = await nodeErrorOf(run({ operation: "put", credential: WRONG_ID, key: "a", content: "x" }));
    expect(error).toMatchObject({ errorClass: "CREDENTIAL", code: "CREDENTIAL_REJECTED" });
    expect(error.message).toContain("SignatureDoesNotMatch");
    expect(error.message).not.toContain("s3cret");
  });

  test("gives a text of 1 MiB at most", async () => {
    await run({ operation: "put", key: "large.txt", content: "x".repeat(1_048_577) });
    expect(await nodeErrorOf(run({ operation: "get", key: "large.txt", responseFormat: "text" }))).toMatchObject({ code: "RESPONSE_TOO_LARGE" });
  });
});

describe("requests", () => {
  const parts = (): Partial<NodeContext> => ({ http: provider });

  test("are signed, once, and hold no header of the connection", async () => {
    const seen: unknown[] = [];
    const http = {
      send: (request: Parameters<Provider["send"]>[0]) => {
        seen.push(request);
        return provider.send(request);
      },
    };
    provider.reply = { status: 200, headers: { etag: '"1"' } };
    await run({ operation: "put", key: "a", content: "x" }, { http });
    expect(seen).toMatchObject([{ method: "PUT", body: Buffer.from("x"), maxRedirects: 0, timeoutMs: 60_000 }]);
    expect(provider.requests[0]?.headers["authorization"]).toMatch(/^AWS4-HMAC-SHA256 Credential=S3RVER\//);
    expect(provider.requests[0]?.headers).not.toHaveProperty("expect");
  });

  test("follow the status, after one request", async () => {
    const xml = "<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>";
    provider.reply = { status: 503, headers: { "retry-after": "4", "content-type": "application/xml" }, body: xml };
    expect(await nodeErrorOf(run({ operation: "get", key: "a" }, parts()))).toMatchObject({ code: "PROVIDER_RATE_LIMITED", retryAfterMs: 4_000 });
    provider.reply = { status: 500, body: "<html>" };
    expect(await nodeErrorOf(run({ operation: "get", key: "a" }, parts()))).toMatchObject({ errorClass: "SERVER", code: "PROVIDER_FAILED" });
    provider.reply = { status: 200, body: "no XML <" };
    expect(await nodeErrorOf(run({ operation: "list" }, parts()))).toMatchObject({ errorClass: "SERVER", code: "PROVIDER_FAILED" });
    provider.reply = "broken";
    expect(await nodeErrorOf(run({ operation: "delete", key: "a" }, parts()))).toMatchObject({ errorClass: "CONNECTION", code: "CONNECTION_FAILED" });
    expect(provider.requests).toHaveLength(4);
  });

  test("that must not replace ask the store, and know their own object again", async () => {
    const taken = { status: 412, headers: { "content-type": "application/xml" }, body: "<Error><Code>PreconditionFailed</Code><Message>It is there.</Message></Error>" };
    const put = (): Promise<unknown> => run({ operation: "put", key: "a", content: "x", ifAbsent: true }, parts());
    provider.reply = { status: 200, headers: { etag: '"new"' } };
    expect(await put()).toMatchObject({ etag: '"new"' });
    expect(provider.requests[0]?.headers).toMatchObject({ "if-none-match": "*", "x-amz-meta-fluxo-key": "execution-1:node:0" });
    provider.reply = ({ method }) => (method === "PUT" ? taken : { status: 200, headers: { etag: '"theirs"', "x-amz-meta-fluxo-key": "execution-2:node:0" } });
    const error = await nodeErrorOf(put());
    expect(error).toMatchObject({ errorClass: "DATA", code: "PROVIDER_REJECTED" });
    expect(error.message).toContain("PreconditionFailed");
    provider.reply = ({ method }) => (method === "PUT" ? taken : { status: 200, headers: { etag: '"mine"', "x-amz-meta-fluxo-key": "execution-1:node:0" } });
    expect(await put()).toMatchObject({ etag: '"mine"', bytes: 1 });
  });

  test("go on with a list where it was cut", async () => {
    const page = (key: string, token: string): string =>
      `<ListBucketResult><IsTruncated>${token !== ""}</IsTruncated>${token}<Contents><Key>${key}</Key><Size>1</Size><ETag>"1"</ETag><LastModified>2026-01-05T07:00:00.000Z</LastModified></Contents></ListBucketResult>`;
    provider.reply = ({ url }) => ({
      headers: { "content-type": "application/xml" },
      body: new URL(url).searchParams.get("continuation-token") === "t/1=" ? page("b", "") : page("a", "<NextContinuationToken>t/1=</NextContinuationToken>"),
    });
    expect(await run({ operation: "list", limit: 1 }, parts())).toMatchObject({ objects: [{ key: "a", modifiedAt: "2026-01-05T07:00:00.000Z" }], nextToken: "t/1=" });
    expect(await run({ operation: "list", limit: 1, nextToken: "t/1=" }, parts())).toMatchObject({ objects: [{ key: "b" }], nextToken: null });
    expect(new URL(provider.requests[0]?.url ?? "").searchParams.get("max-keys")).toBe("1");
  });

  test("end with the signal's reason", async () => {
    provider.reply = "silent";
    const controller = new AbortController();
    const reason = new Error("canceled");
    const attempt = run({ operation: "get", key: "a" }, { http: provider, signal: controller.signal });
    await expect.poll(() => provider.requests.length).toBe(1);
    controller.abort(reason);
    await expect(attempt).rejects.toBe(reason);
  });
});

describe("the parameters", () => {
  test.each<[JsonObject, string]>([
    [{ operation: "get", key: "../other-bucket/a" }, "/key must not begin"],
    [{ operation: "get", key: "a/./b" }, "/key must not begin"],
    [{ operation: "get", key: "/a" }, "/key must not begin"],
    [{ operation: "get", key: "a\nb" }, "/key must hold no control characters"],
    [{ operation: "get", key: "ä".repeat(513) }, "/key must have 1 to 1024 bytes"],
    [{ operation: "get", key: "" }, "/key must have"],
    [{ operation: "get" }, "/key must be there"],
    [{ operation: "list", key: "a" }, "/key must be absent"],
    [{ operation: "put", key: "a" }, "/content must be there"],
    [{ operation: "get", key: "a", content: "x" }, "/content must be absent"],
    [{ operation: "get", key: "a", bucket: "evil.example.com/x" }, "/bucket must be a bucket name"],
    [{ operation: "get", key: "a", bucket: "a..b" }, "/bucket must be a bucket name"],
    [{ operation: "get", key: "a", bucket: "arn:aws:s3:eu:1:accesspoint/x" }, "/bucket must be a bucket name"],
    [{ operation: "put", key: "a", content: "x", mediaType: "text/plain\r\nx-evil: 1" }, "/mediaType must be a media type"],
    [{ operation: "list", limit: 1_001 }, "/limit"],
  ])("refuse %j", async (params, named) => {
    const error = await nodeErrorOf(run(params));
    expect(error).toMatchObject({ errorClass: "DATA", code: "PARAMS_INVALID" });
    expect(error.message).toContain(named);
  });
});
