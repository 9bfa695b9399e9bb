import type { OpenCredential } from "@fluxo/core/ports/credentials";
import type { Json, JsonObject } from "@fluxo/core/json";
import { createHash, createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { doneOf } from "../testing/done.ts";
import { nodeErrorOf } from "../testing/failures.ts";
import { MemoryCredentials } from "../testing/memory-credentials.ts";
import { MemoryFiles } from "../testing/memory-files.ts";
import { nodeContext } from "../testing/node-context.ts";

const KEY = "s3cret-key";
const apiKey: OpenCredential = { id: "11111111-1111-4111-8111-111111111111", kind: "apiKey", fields: { hosts: ["api.example.com"], in: "header", name: "X", value: KEY }, accessToken: undefined };
const bearer: OpenCredential = { id: "22222222-2222-4222-8222-222222222222", kind: "bearer", fields: { hosts: ["api.example.com"], token: KEY }, accessToken: undefined };
const KEYED = { credential: apiKey.id, host: "api.example.com" };

async function hashed(params: JsonObject, files = new MemoryFiles()): Promise<Json> {
  return doneOf(await executeNode("hash", params, nodeContext({ files, credentials: new MemoryCredentials([apiKey, bearer]) }))).output;
}

describe("hash", () => {
  test.each([
    [{ text: "" }, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    [{ text: "abc", algorithm: "md5" }, "900150983cd24fb0d6963f7d28e17f72"],
    [{ text: "abc", algorithm: "sha1", encoding: "base64" }, "qZk+NkcGgWq6PiVxeFDCbJzQ2J0="],
    [{ text: "ä" }, createHash("sha256").update(Buffer.from([0xc3, 0xa4])).digest("hex")],
    [{ value: { b: 1, a: [true, null] } }, createHash("sha256").update('{"a":[true,null],"b":1}').digest("hex")],
    [{ value: null, algorithm: "sha512", encoding: "base64url" }, createHash("sha512").update("null").digest("base64url")],
  ])("of %j is known", async (params, hash) => {
    await expect(hashed(params)).resolves.toEqual({ hash });
  });

  test("of a file is that of its content", async () => {
    const files = new MemoryFiles();
    const file = await files.save({ name: "a.bin", mediaType: "application/octet-stream", content: Uint8Array.from([0, 255, 1]) });
    await expect(hashed({ file }, files)).resolves.toEqual({ hash: file.sha256 });
    await expect(hashed({ file })).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
  });

  test.each(["sha256", "sha512", "sha1"])("signs with %s and verifies what it signed, in every encoding", async (algorithm) => {
    for (const encoding of ["hex", "base64", "base64url"] as const) {
      const signature = createHmac(algorithm, KEY).update("text").digest(encoding);
      const params = { text: "text", algorithm, encoding, ...KEYED };
      await expect(hashed({ operation: "sign", ...params })).resolves.toEqual({ signature });
      await expect(hashed({ operation: "verify", ...params, signature })).resolves.toEqual({ isValid: true });
      for (const wrong of [`${signature}00`, signature.slice(0, -4), signature.slice(2), `${signature} `, "", "zz", signature.replace(/^../, "__"), `\u0000${signature}`]) {
        await expect(hashed({ operation: "verify", ...params, signature: wrong })).resolves.toEqual({ isValid: false });
      }
      await expect(hashed({ operation: "verify", ...params, text: "Text", signature })).resolves.toEqual({ isValid: false });
    }
  });

  test("takes upper-case hex and base64 without padding for the same signature", async () => {
    const digest = createHmac("sha256", KEY).update("text").digest();
    await expect(hashed({ operation: "verify", text: "text", signature: digest.toString("hex").toUpperCase(), ...KEYED })).resolves.toEqual({ isValid: true });
    await expect(hashed({ operation: "verify", text: "text", encoding: "base64", signature: digest.toString("base64").replaceAll("=", ""), ...KEYED })).resolves.toEqual({ isValid: true });
  });

  test.each([
    [{ ...KEYED, host: "evil.example.com" }, "CREDENTIAL_HOST_REFUSED"],
    [{ ...KEYED, credential: bearer.id }, "CREDENTIAL_KIND_WRONG"],
    [{ ...KEYED, credential: "33333333-3333-4333-8333-333333333333" }, "CREDENTIAL_NOT_FOUND"],
  ])("signs with the tenant's own API keys for their hosts only: %j", async (keyed, code) => {
    const error = await nodeErrorOf(hashed({ operation: "sign", text: "a", ...keyed }));
    expect(error.code).toBe(code);
    expect(error.message).not.toContain(KEY);
  });

  test.each<[JsonObject, string]>([
    [{}, "/text"],
    [{ text: "a", value: 1 }, "/text"],
    [{ text: "a", key: "secret" }, "key"],
    [{ text: "a", ...KEYED }, "/credential"],
    [{ text: "a", operation: "sign", host: "a" }, "/credential"],
    [{ text: "a", operation: "sign", credential: apiKey.id }, "/host"],
    [{ text: "a", operation: "sign", algorithm: "md5", ...KEYED }, "/algorithm"],
    [{ text: "a", operation: "verify", ...KEYED }, "/signature"],
    [{ text: "a", operation: "sign", signature: "a", ...KEYED }, "/signature"],
    [{ text: "a", algorithm: "crc32" }, "/algorithm"],
    [{ file: { fileId: "x" } }, "/file"],
  ])("refuses %j", async (params, named) => {
    const error = await nodeErrorOf(hashed(params));
    expect(error).toMatchObject({ errorClass: "DATA", code: "PARAMS_INVALID" });
    expect(error.message).toContain(named);
  });
});
