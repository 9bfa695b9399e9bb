import type { HttpResponse } from "@fluxo/core/ports/http";
import { describe, expect, test } from "vitest";
import { nodeContext } from "../testing/node-context.ts";
import { providerError } from "./provider-error.ts";

const { clock } = nodeContext();

function answer(status: number, headers: HttpResponse["headers"] = {}, body: string | Uint8Array = ""): HttpResponse {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  return { status, headers, body: bytes, url: "https://api.example.com/bot/T0KEN?key=S3CRET" };
}

describe("providerError", () => {
  test.each([
    [429, {}, { errorClass: "RATE_LIMIT", code: "PROVIDER_RATE_LIMITED", retryAfterMs: undefined }],
    [429, { "retry-after": "3" }, { errorClass: "RATE_LIMIT", code: "PROVIDER_RATE_LIMITED", retryAfterMs: 3_000 }],
    [503, { "retry-after": "Mon, 05 Jan 2026 07:01:00 GMT" }, { errorClass: "RATE_LIMIT", code: "PROVIDER_RATE_LIMITED", retryAfterMs: 60_000 }],
    [503, {}, { errorClass: "SERVER", code: "PROVIDER_FAILED", retryAfterMs: undefined }],
    [503, { "retry-after": "later" }, { errorClass: "SERVER", code: "PROVIDER_FAILED" }],
    [500, {}, { errorClass: "SERVER", code: "PROVIDER_FAILED" }],
    [599, {}, { errorClass: "SERVER", code: "PROVIDER_FAILED" }],
    [408, {}, { errorClass: "TIMEOUT", code: "NODE_TIMEOUT" }],
    [401, {}, { errorClass: "CREDENTIAL", code: "CREDENTIAL_REJECTED" }],
    [403, {}, { errorClass: "CREDENTIAL", code: "CREDENTIAL_REJECTED" }],
    [400, {}, { errorClass: "DATA", code: "PROVIDER_REJECTED" }],
    [404, { "retry-after": "3" }, { errorClass: "DATA", code: "PROVIDER_REJECTED", retryAfterMs: undefined }],
    [422, {}, { errorClass: "DATA", code: "PROVIDER_REJECTED" }],
  ])("%i with %j", (status, headers, expected) => {
    const error = providerError(answer(status, headers), clock);
    expect(error).toMatchObject(expected);
    expect(error.message).toBe(`api.example.com answered ${status}.`);
  });

  test("quotes the start of a textual body, no more of it", () => {
    const json = { "content-type": "application/problem+json" };
    expect(providerError(answer(400, json, '{"detail":"sku is unknown"}'), clock).message).toBe('api.example.com answered 400: {"detail":"sku is unknown"}');
    const long = providerError(answer(400, { "content-type": "text/plain" }, "é".repeat(10_000)), clock).message;
    expect(long.length).toBeLessThan(700);
    expect(long).toMatch(/é…$/);
    expect(providerError(answer(500, { "content-type": "image/png" }, "\u0089PNG"), clock).message).toBe("api.example.com answered 500.");
  });

  test("never cuts a character into a replacement mark", () => {
    const body = `a${"€".repeat(1_000)}`;
    expect(providerError(answer(400, { "content-type": "text/plain" }, body), clock).message).not.toContain("\uFFFD");
  });
});
