import type { JsonObject } from "@fluxo/core/json";
import type { NodeContext } from "@fluxo/core/node/executor";
import type { OpenCredential } from "@fluxo/core/ports/credentials";
import type { FileRef } from "@fluxo/core/ports/files";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { dispositionFileName } from "../http/disposition.ts";
import { executeNode } from "../registry.ts";
import { doneOf } from "../testing/done.ts";
import { nodeErrorOf } from "../testing/failures.ts";
import { MemoryCredentials } from "../testing/memory-credentials.ts";
import { MemoryFiles } from "../testing/memory-files.ts";
import { nodeContext } from "../testing/node-context.ts";
import { Provider, type ReceivedRequest, type Reply } from "../testing/provider.ts";

const URL_TEXT = "https://api.example.com/orders";
const ID = "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a01";
const hosts = ["api.example.com"];

let provider: Provider;
let files: MemoryFiles;
beforeAll(async () => {
  provider = await Provider.start();
});
beforeEach(() => {
  provider.requests.length = 0;
  provider.reply = { headers: { "content-type": "application/json" }, body: '{"ok":true}' };
  files = new MemoryFiles();
});
afterAll(async () => {
  await provider[Symbol.asyncDispose]();
});

async function run(params: JsonObject, parts: Partial<NodeContext> = {}): Promise<ReturnType<typeof doneOf>> {
  return doneOf(await executeNode("http.request", { url: URL_TEXT, ...params }, nodeContext({ http: provider, files, ...parts })));
}

async function sent(params: JsonObject, parts: Partial<NodeContext> = {}): Promise<ReceivedRequest | undefined> {
  await run(params, parts);
  return provider.requests.at(-1);
}

const CREDENTIALS: Record<string, OpenCredential> = {
  "an API key in a header": { id: ID, kind: "apiKey", fields: { hosts, in: "header", name: "X-Key", value: "k-123" }, accessToken: undefined },
  "a user and password": { id: ID, kind: "basic", fields: { hosts, username: "ada", password: "pä:ss" }, accessToken: undefined },
  "a token": { id: ID, kind: "bearer", fields: { hosts, token: "t-123" }, accessToken: undefined },
  "an access token": {
    id: ID,
    kind: "oauth2",
    fields: { hosts, grant: "clientCredentials", tokenUrl: "https://id.example.com/token", clientId: "c", clientAuthentication: "basic", scopes: [] },
    accessToken: "a-123",
  },
};

describe("authentication", () => {
  test.each([
    ["an API key in a header", "x-key", "k-123"],
    ["a user and password", "authorization", `Basic ${Buffer.from("ada:pä:ss").toString("base64")}`],
    ["a token", "authorization", "Bearer t-123"],
    ["an access token", "authorization", "Bearer a-123"],
  ])("by %s", async (name, header, value) => {
    const credentials = new MemoryCredentials(Object.entries(CREDENTIALS).flatMap(([key, credential]) => (key === name ? [credential] : [])));
    expect((await sent({ credential: ID }, { credentials }))?.headers[header]).toBe(value);
  });

  test("by an API key in the query, which the output does not tell", async () => {
    const credentials = new MemoryCredentials([{ id: ID, kind: "apiKey", fields: { hosts, in: "query", name: "key", value: "k 123" }, accessToken: undefined }]);
    const { output } = await run({ credential: ID, url: `${URL_TEXT}?key=mine&a=1` }, { credentials });
    expect(provider.requests.map(({ url }) => url)).toEqual([`${URL_TEXT}?key=k+123&a=1`]);
    expect(output).toMatchObject({ url: `${URL_TEXT}?a=1` });
    provider.reply = (request) => ({ headers: { "content-type": "application/json", link: `<${request.url}&page=2>; rel="${request.url.includes("page") ? "prev" : "next"}"` }, body: "[1]" });
    const paged = await run({ credential: ID, pagination: { kind: "link" } }, { credentials });
    expect(provider.requests.slice(1).map(({ url }) => url)).toEqual([`${URL_TEXT}?key=k+123`, `${URL_TEXT}?key=k+123&page=2`]);
    expect(paged.output).toMatchObject({ body: [1, 1], url: `${URL_TEXT}?page=2` });
  });

  test("goes to the credential's hosts only", async () => {
    const credentials = new MemoryCredentials(Object.values(CREDENTIALS));
    for (const url of ["https://evil.example.com/", "https://api.example.com.evil.example/", "https://api.example.com:8443/"]) {
      expect(await nodeErrorOf(run({ credential: ID, url }, { credentials }))).toMatchObject({ errorClass: "REFUSED", code: "CREDENTIAL_HOST_REFUSED" });
    }
    expect(provider.requests).toEqual([]);
  });

  test("does not meet a header of the caller in its place", async () => {
    const credentials = new MemoryCredentials([CREDENTIALS["a token"]].filter((credential) => credential !== undefined));
    const error = await nodeErrorOf(run({ credential: ID, headers: { authorization: "Bearer s3cret" } }, { credentials }));
    expect(error).toMatchObject({ errorClass: "DATA", code: "PARAMS_INVALID" });
    expect(error.message).toContain("/headers/authorization must be absent");
    expect(error.message).not.toContain("s3cret");
  });

  test("takes no other kind, and no template as an id", async () => {
    const smtp: OpenCredential = { id: ID, kind: "smtp", fields: { host: "mail.example.com", port: 465, security: "tls" }, accessToken: undefined };
    expect(await nodeErrorOf(run({ credential: ID }, { credentials: new MemoryCredentials([smtp]) }))).toMatchObject({ code: "CREDENTIAL_KIND_WRONG" });
    expect((await nodeErrorOf(run({ credential: "{{ trigger.body.id }}" }))).message).toContain("/credential");
  });
});

describe("the idempotency key", () => {
  test("goes under another name, or not at all", async () => {
    const renamed = await sent({ method: "POST", idempotencyHeader: "X-Request-Id" });
    expect(renamed?.headers).toMatchObject({ "x-request-id": "execution-1:node:0" });
    expect(renamed?.headers).not.toHaveProperty("idempotency-key");
    expect((await sent({ method: "POST", idempotencyHeader: null }))?.headers).not.toHaveProperty("idempotency-key");
    expect((await nodeErrorOf(run({ method: "POST", idempotencyHeader: "Host" }))).message).toContain("/idempotencyHeader");
  });
});

describe("bodies with files", () => {
  const content = Uint8Array.of(0, 255, 13, 10, 45, 45);
  const save = (name = "a.bin"): Promise<FileRef> => files.save({ name, mediaType: "application/octet-stream", content });

  test("send a file as it is", async () => {
    const request = await sent({ method: "PUT", bodyType: "file", body: { ...(await save()) } });
    expect(request?.bytes).toEqual(Buffer.from(content));
    expect(request?.headers["content-type"]).toBe("application/octet-stream");
  });

  test("send a multipart form that other parsers read, the same over attempts", async () => {
    const body = { note: "ä\n", "count\"\r\n": 3, list: [true, "x"], file: { ...(await save('we"ird.bin')) } };
    const first = await sent({ method: "POST", bodyType: "multipart", body });
    const second = await sent({ method: "POST", bodyType: "multipart", body }, { attempt: 2 });
    expect(second?.bytes).toEqual(first?.bytes);
    const form = await new Response(Buffer.from(first?.bytes ?? []), { headers: { "content-type": first?.headers["content-type"] ?? "" } }).formData();
    expect(form.get("note")).toBe("ä\n");
    expect(form.getAll("list")).toEqual(["true", "x"]);
    expect([...form.keys()]).toContain('count"\r\n');
    const file = form.get("file");
    expect(file).toBeInstanceOf(File);
    expect(file instanceof File ? [file.name, file.type, Buffer.from(await file.arrayBuffer())] : []).toEqual(['we"ird.bin', "application/octet-stream", Buffer.from(content)]);
  });

  test("are refused when the file is not there, or is none", async () => {
    const missing = { fileId: "00000000-0000-4000-8000-000000000000", name: "a", mediaType: "text/plain", bytes: 1, sha256: "0".repeat(64) };
    expect(await nodeErrorOf(run({ method: "POST", bodyType: "file", body: missing }))).toMatchObject({ code: "FILE_NOT_FOUND" });
    expect((await nodeErrorOf(run({ method: "POST", bodyType: "file", body: "text" }))).message).toContain("/body must be a file reference");
    expect((await nodeErrorOf(run({ method: "POST", bodyType: "multipart", body: { a: { b: 1 } } }))).message).toContain("/body must be an object");
    expect(provider.requests).toEqual([]);
  });
});

describe("answers as files", () => {
  async function savedAs(reply: Reply, params: JsonObject = {}): Promise<unknown> {
    provider.reply = reply;
    const { output } = await run({ responseFormat: "file", ...params });
    return typeof output === "object" && output !== null && !Array.isArray(output) ? output["body"] : undefined;
  }

  test("are stored, with a reference in the output", async () => {
    const body = Uint8Array.of(1, 2, 255);
    const ref = await savedAs({ headers: { "content-type": "image/png; q=1" }, body }, { url: "https://api.example.com/a/logo%20x.png?s=1" });
    expect(ref).toMatchObject({ name: "logo x.png", mediaType: "image/png", bytes: 3 });
    const { fileId } = typeof ref === "object" && ref !== null && "fileId" in ref ? ref : { fileId: "" };
    expect(await files.read(String(fileId))).toEqual(body);
  });

  test("take their name from the parameter, the header, the URL", async () => {
    const headers = { "content-disposition": 'attachment; filename="../../etc/pass\\wd"' };
    expect(await savedAs({ headers, body: "a" })).toMatchObject({ name: "wd", mediaType: "application/octet-stream" });
    expect(await savedAs({ headers, body: "a" }, { fileName: "mine.txt" })).toMatchObject({ name: "mine.txt" });
    expect(await savedAs({ body: "a" }, { url: "https://api.example.com/" })).toMatchObject({ name: "download" });
    expect(await savedAs({ body: "a" }, { url: "https://api.example.com/a/%2e%2e%2f%E0" })).toMatchObject({ name: "%2e%2e%2f%E0" });
  });

  test("may be larger than others; an empty one is null", async () => {
    expect(await savedAs({ body: "x".repeat(2_000_000) })).toMatchObject({ bytes: 2_000_000 });
    expect(await savedAs({ status: 204 })).toBeNull();
    expect((await nodeErrorOf(run({ fileName: "a" }))).message).toContain("/fileName must be absent");
    expect((await nodeErrorOf(run({ responseFormat: "file", fileName: "../a" }))).message).toContain("/fileName must be a file name");
    expect((await nodeErrorOf(run({ responseFormat: "file", maxResponseBytes: 26_214_401 }))).message).toContain("/maxResponseBytes");
  });

  test.each<[string, string | undefined]>([
    ["attachment; filename=a.txt", "a.txt"],
    ['attachment; filename="a b.txt"', "a b.txt"],
    ["attachment; filename=a.txt; filename*=UTF-8''%C3%A4.txt", "ä.txt"],
    ["attachment; filename*=UTF-8''%E0; filename=b.txt", "b.txt"],
    ["inline", undefined],
    ["", undefined],
  ])("read the header %j", (header, name) => {
    expect(dispositionFileName(header)).toBe(name);
  });
});

describe("expected statuses", () => {
  test("are answers, and no others", async () => {
    provider.reply = { status: 404 };
    expect((await run({ expectedStatuses: ["2xx", 404] })).output).toMatchObject({ status: 404 });
    expect(await nodeErrorOf(run({ expectedStatuses: [200] }))).toMatchObject({ code: "PROVIDER_REJECTED" });
    provider.reply = { status: 204 };
    expect(await nodeErrorOf(run({ expectedStatuses: [200, 201] }))).toMatchObject({ errorClass: "DATA", code: "PROVIDER_REJECTED" });
    provider.reply = { status: 503, headers: { "retry-after": "5" } };
    expect(await nodeErrorOf(run({ expectedStatuses: ["2xx"] }))).toMatchObject({ code: "PROVIDER_RATE_LIMITED", retryAfterMs: 5_000 });
    expect((await nodeErrorOf(run({ expectedStatuses: [200], failOnStatus: false }))).message).toContain("/expectedStatuses must be absent");
  });
});
