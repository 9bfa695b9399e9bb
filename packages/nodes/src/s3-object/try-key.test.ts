import { afterAll, beforeAll, expect, test } from "vitest";
import { nodeErrorOf } from "../testing/failures.ts";
import { nodeContext } from "../testing/node-context.ts";
import { Provider } from "../testing/provider.ts";
import { S3Server } from "../testing/s3-server.ts";
import { tryKey } from "./try-key.ts";

const { clock, signal } = nodeContext();
const limits = { timeoutMs: 60_000, maxResponseBytes: 1_048_576, signal };

let server: S3Server;
let provider: Provider;
beforeAll(async () => {
  server = await S3Server.start("reports");
  provider = await Provider.start();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await provider[Symbol.asyncDispose]();
});

test("a store takes a key by its signature", async () => {
  const { http, fields } = server;
  expect(await tryKey(fields, { http, clock }, limits)).toBe(true);
  const refused = tryKey({ ...fields, secretAccessKey: "s3cret-wrong" }, { http, clock }, limits);
  expect(await nodeErrorOf(refused)).toMatchObject({ errorClass: "CREDENTIAL", code: "CREDENTIAL_REJECTED", message: expect.stringContaining("403 (SignatureDoesNotMatch)") });
});

test.each([
  [403, "InvalidAccessKeyId", "CREDENTIAL_REJECTED"],
  [503, "SlowDown", "PROVIDER_FAILED"],
  [400, "AuthorizationHeaderMalformed", "PROVIDER_REJECTED"],
])("an answer of %d %s is %s", async (status, code, expected) => {
  provider.reply = { status, headers: { "content-type": "application/xml" }, body: `<Error><Code>${code}</Code><Message>No.</Message></Error>` };
  expect(await nodeErrorOf(tryKey(server.fields, { http: provider, clock }, limits))).toMatchObject({ code: expected });
});

test("a key that may not list buckets is known", async () => {
  provider.reply = { status: 403, headers: { "content-type": "application/xml" }, body: "<Error><Code>AccessDenied</Code><Message>Access Denied.</Message></Error>" };
  expect(await tryKey(server.fields, { http: provider, clock }, limits)).toBe(false);
});
