import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Provider } from "../testing/provider.ts";
import { guardedFetch } from "./guarded-fetch.ts";

const LIMITS = { timeoutMs: 60_000, maxResponseBytes: 1_000 };

let provider: Provider;
beforeAll(async () => {
  provider = await Provider.start();
});
beforeEach(() => {
  provider.requests.length = 0;
  provider.reply = { headers: { "content-type": "application/json" }, body: '{"ok":true}' };
});
afterAll(async () => {
  await provider[Symbol.asyncDispose]();
});

describe("guardedFetch", () => {
  test("sends method, headers and body, and gives status, headers and body", async () => {
    provider.reply = { status: 418, headers: { "content-type": "application/json", "x-a": "1" }, body: '{"tea":true}' };
    const response = await guardedFetch(provider, LIMITS)("https://api.example.com/v1/chat?q=1#part", { method: "POST", headers: { "X-Key": "v", "content-length": "2" }, body: "{}" });
    expect([response.status, response.ok, response.url, response.redirected, response.headers.get("x-a")]).toEqual([418, false, "https://api.example.com/v1/chat?q=1", false, "1"]);
    expect(await response.json()).toEqual({ tea: true });
    expect(provider.requests).toMatchObject([{ method: "POST", url: "https://api.example.com/v1/chat?q=1", body: "{}", headers: { "x-key": "v" } }]);
  });

  test("takes a Request, a URL and bytes or a stream as body", async () => {
    const fetch = guardedFetch(provider, LIMITS);
    await fetch(new Request("https://a.example.com/", { method: "PUT", body: Uint8Array.of(0x68, 0x69) }));
    await fetch(new URL("https://b.example.com/"), { method: "POST", body: new Blob(["stream"]).stream(), duplex: "half" });
    await fetch("https://c.example.com/");
    expect(provider.requests.map(({ method, body }) => [method, body])).toEqual([["PUT", "hi"], ["POST", "stream"], ["GET", ""]]);
  });

  test("an answer without a body is one", async () => {
    provider.reply = { status: 204 };
    const response = await guardedFetch(provider, LIMITS)("https://a.example.com/");
    expect([response.status, response.body]).toEqual([204, null]);
  });

  test("hands over the limits", async () => {
    provider.reply = { body: "x".repeat(1_001) };
    await expect(guardedFetch(provider, LIMITS)("https://a.example.com/")).rejects.toMatchObject({ code: "RESPONSE_TOO_LARGE" });
    provider.reply = "silent";
    await expect(guardedFetch(provider, { ...LIMITS, timeoutMs: 50 })("https://a.example.com/")).rejects.toMatchObject({ code: "NODE_TIMEOUT" });
  });

  test("ends with the reason of either signal", async () => {
    provider.reply = "silent";
    const reason = new Error("canceled");
    for (const which of ["all", "one"] as const) {
      const controller = new AbortController();
      const seen = provider.requests.length;
      const call = guardedFetch(provider, which === "all" ? { ...LIMITS, signal: controller.signal } : LIMITS)("https://a.example.com/", which === "one" ? { signal: controller.signal } : {});
      const ended = call.catch((error: unknown) => error);
      await expect.poll(() => provider.requests.length).toBe(seen + 1);
      controller.abort(reason);
      expect(await ended).toBe(reason);
    }
  });

  test("lets a library name the host that the URL names, and no other", async () => {
    const fetch = guardedFetch(provider, LIMITS);
    expect((await fetch("https://a.example.com/", { headers: { Host: "a.example.com" } })).status).toBe(200);
    await expect(fetch("https://a.example.com/", { headers: { Host: "b.example.com" } })).rejects.toMatchObject({ code: "ADDRESS_REFUSED" });
    expect(provider.requests).toHaveLength(1);
  });

  test("gives no answer from elsewhere when the request forbids redirects", async () => {
    const redirecting = { send: () => Promise.resolve({ status: 200, headers: {}, body: new Uint8Array(), url: "https://elsewhere.example.com/" }) };
    const fetch = guardedFetch(redirecting, LIMITS);
    expect((await fetch("https://a.example.com/")).redirected).toBe(true);
    for (const redirect of ["manual", "error"] as const) {
      await expect(fetch("https://a.example.com/", { redirect })).rejects.toMatchObject({ code: "ADDRESS_REFUSED" });
    }
  });
});
