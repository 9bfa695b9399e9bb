import { describe, expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { nodeErrorOf } from "../testing/failures.ts";
import { nodeContext } from "../testing/node-context.ts";
import { RESPONSE_BYTES_MAX } from "./definition.ts";

const run = (params: unknown) => executeNode("respond", params, nodeContext());

describe("respond", () => {
  test.each([
    [{}, { status: 200, headers: {}, body: null }],
    [{ body: null }, { status: 200, headers: { "content-type": "application/json" }, body: null }],
    [{ body: { a: [1] } }, { status: 200, headers: { "content-type": "application/json" }, body: { a: [1] } }],
    [{ body: "hello" }, { status: 200, headers: { "content-type": "text/plain; charset=utf-8" }, body: "hello" }],
    [{ body: "<p>", contentType: "text/html" }, { status: 200, headers: { "content-type": "text/html; charset=utf-8" }, body: "<p>" }],
    [{ body: "{}", contentType: "application/json" }, { status: 200, headers: { "content-type": "application/json" }, body: "{}" }],
    [{ body: "a", contentType: "text/csv; charset=utf-8" }, { status: 200, headers: { "content-type": "text/csv; charset=utf-8" }, body: "a" }],
    [{ status: 201, headers: { Location: "/x", "X-Count": 3, "X-Yes": true } }, { status: 201, headers: { location: "/x", "x-count": "3", "x-yes": "true" }, body: null }],
    [{ status: 204 }, { status: 204, headers: {}, body: null }],
  ])("gives the answer of %j", async (params, output) => {
    await expect(run(params)).resolves.toEqual({ kind: "done", output });
  });

  test.each(["Set-Cookie", "connection", "Transfer-Encoding", "content-length", "Content-Encoding", "Content-Type", "Content-Security-Policy", "X-Content-Type-Options",
    "Strict-Transport-Security", "Clear-Site-Data", "Alt-Svc", "Service-Worker-Allowed", "X-Accel-Redirect", "X-Sendfile", "X-Request-Id", "Fluxo-Execution-Id"])("refuses the header %s", async (name) => {
    const error = await nodeErrorOf(run({ headers: { [name]: "x" } }));
    expect(error).toMatchObject({ errorClass: "DATA", code: "PARAMS_INVALID" });
    expect(error.message).toContain(`/headers/${name}`);
  });

  test.each([
    ["a status that is none", { status: 99 }],
    ["an informational status", { status: 101 }],
    ["a status as text", { status: "200" }],
    ["line breaks in a header", { headers: { "x-a": "1\r\nset-cookie: a=b" } }],
    ["characters that no header holds", { headers: { "x-a": "→" } }],
    ["a header twice", { headers: { "x-a": "1", "X-A": "2" } }],
    ["a name that no header has", { headers: { "x a": "1" } }],
    ["too many headers", { headers: Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`x-${n}`, "1"])) }],
    ["a header that is too long", { headers: { "x-a": "1".repeat(4_097) } }],
    ["a body where there is none", { status: 204, body: "x" }],
    ["a media type that is none", { contentType: "html" }],
    ["a media type with a line break", { contentType: "text/html\r\nx: y" }],
  ])("refuses %s", async (_what, params) => {
    expect(await nodeErrorOf(run(params))).toMatchObject({ errorClass: "DATA", code: "PARAMS_INVALID" });
  });

  test("refuses a body that is too large", async () => {
    await expect(run({ body: "x".repeat(RESPONSE_BYTES_MAX - 2) })).resolves.toMatchObject({ kind: "done" });
    expect(await nodeErrorOf(run({ body: "x".repeat(RESPONSE_BYTES_MAX) }))).toMatchObject({ errorClass: "DATA", code: "OUTPUT_TOO_LARGE" });
  });
});
