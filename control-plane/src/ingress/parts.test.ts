import { RequestError } from "@fluxo/core/errors/request-error";
import { ManualClock } from "@fluxo/runtime/testing/manual-clock";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { loadIngressConfig } from "./config.ts";
import { occurrenceKeyOf } from "./delivery.ts";
import type { WebhookHook } from "./hook.ts";
import { HookDirectory } from "./hook-directory.ts";
import { MemoryBudget } from "./memory-budget.ts";
import { partsByBytes } from "./recorder.ts";
import { storeFailureOf } from "./store-failure.ts";

describe("the occurrence key", () => {
  test("is the delivery's id where the hook has one, else the execution's", () => {
    expect(occurrenceKeyOf("x-id", { "x-id": "a-1" }, "e")).toBe("delivery:a-1");
    expect(occurrenceKeyOf(undefined, { "x-id": "a-1" }, "e")).toBe("id:e");
    expect(occurrenceKeyOf(undefined, {}, "e", "evt_1")).toBe("delivery:evt_1");
    expect(occurrenceKeyOf(undefined, {}, "e", "not an id")).toBe("id:e");
    expect(occurrenceKeyOf("x-id", { "x-id": "a-1" }, "e", "evt_1")).toBe("delivery:a-1");
  });

  test("is 1 to 255 visible ASCII characters, or the request is refused", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ maxLength: 300 }), fc.string({ unit: "binary" }), fc.constant("x".repeat(256))), (id) => {
        const isValid = /^[!-~]{1,255}$/.test(id);
        if (isValid) expect(occurrenceKeyOf("x-id", { "x-id": id }, "e")).toBe(`delivery:${id}`);
        else expect(() => occurrenceKeyOf("x-id", { "x-id": id }, "e")).toThrow(RequestError);
      }),
    );
    for (const headers of [{}, { "x-id": "" }]) expect(() => occurrenceKeyOf("x-id", headers, "e")).toThrow(expect.objectContaining({ code: "DELIVERY_ID_INVALID" }));
    expect(() => occurrenceKeyOf("constructor", {}, "e")).toThrow(RequestError);
  });
});

describe("the hook directory", () => {
  const hook: WebhookHook = { tenantId: "t", triggerId: "h", methods: new Set(), authenticate: () => undefined, deliveryIdHeader: undefined, provider: { secretHeaders: new Set() }, response: { mode: "immediate" }, allowedAddresses: undefined, rateLimit: undefined, tenantPerMinute: 1_000, filter: undefined };
  const token = (index: number): string => String(index).padStart(32, "0");

  function setUp(answer: (token: string) => Promise<WebhookHook | undefined> = () => Promise.resolve(hook)) {
    const asked: string[] = [];
    const clock = new ManualClock();
    const resolve = (text: string): Promise<WebhookHook | undefined> => {
      asked.push(text);
      return answer(text);
    };
    return { asked, clock, hooks: new HookDirectory({ resolve, clock, ttlMs: 1_000, entriesMax: 3 }) };
  }

  test("asks once for concurrent and for soon repeated requests, and again after a second", async () => {
    const { asked, clock, hooks } = setUp();
    expect(await Promise.all([hooks.find(token(1)), hooks.find(token(1))])).toEqual([hook, hook]);
    await clock.advance(999);
    await hooks.find(token(1));
    expect(asked).toHaveLength(1);
    await clock.advance(1);
    await hooks.find(token(1));
    expect(asked).toHaveLength(2);
  });

  test("keeps that there is none, but no failure", async () => {
    const none = setUp(() => Promise.resolve(undefined));
    expect([await none.hooks.find(token(1)), await none.hooks.find(token(1))]).toEqual([undefined, undefined]);
    expect(none.asked).toHaveLength(1);
    const failing = setUp(() => Promise.reject(new Error("away")));
    await expect(failing.hooks.find(token(1))).rejects.toThrow("away");
    await expect(failing.hooks.find(token(1))).rejects.toThrow("away");
    expect(failing.asked).toHaveLength(2);
  });

  test("a query that takes long is still shared", async () => {
    const gate = Promise.withResolvers<WebhookHook>();
    const { asked, clock, hooks } = setUp(() => gate.promise);
    const first = hooks.find(token(1));
    await clock.advance(5_000);
    const second = hooks.find(token(1));
    gate.resolve(hook);
    expect(await Promise.all([first, second])).toEqual([hook, hook]);
    expect(asked).toHaveLength(1);
  });

  test("is bounded: the oldest goes first; what is no token is not asked for", async () => {
    const { asked, hooks } = setUp();
    for (const index of [1, 2, 3, 4, 4, 2, 1]) await hooks.find(token(index));
    expect(asked).toEqual([1, 2, 3, 4, 1].map(token));
    for (const text of ["", "short", "x".repeat(129), "/".repeat(20), `${token(1)}\n`]) expect(await hooks.find(text)).toBeUndefined();
    expect(asked).toHaveLength(5);
  });
});

describe("bounds", () => {
  const KIB = 1_024;
  const never = (): Promise<never> => Promise.reject(new Error("must not be asked"));

  test("the memory budget gives back what it lent, also after a failure", async () => {
    const budget = new MemoryBudget(200 * KIB);
    const gate = Promise.withResolvers<undefined>();
    const held = budget.hold(100 * KIB, () => gate.promise);
    await expect(budget.hold(0, never)).rejects.toMatchObject({ code: "UNAVAILABLE", retryAfterSeconds: 1 });
    gate.resolve(undefined);
    await held;
    await expect(budget.hold(136 * KIB, () => Promise.reject(new Error("x")))).rejects.toThrow("x");
    expect(await budget.hold(136 * KIB, () => Promise.resolve("free"))).toBe("free");
  });

  test("the memory budget bounds the number of requests, also of those without a body", async () => {
    const budget = new MemoryBudget(1_024 * KIB);
    const gate = Promise.withResolvers<undefined>();
    const held = Array.from({ length: 16 }, () => budget.hold(0, () => gate.promise));
    await expect(budget.hold(0, never)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    gate.resolve(undefined);
    await Promise.all(held);
    expect(await budget.hold(0, () => Promise.resolve("free"))).toBe("free");
  });

  test("a tenant gets at most half of the memory budget, but always one request", async () => {
    const budget = new MemoryBudget(256 * KIB);
    const gate = Promise.withResolvers<undefined>();
    const held = [budget.holdForTenant("noisy", 0, () => gate.promise), budget.holdForTenant("noisy", 0, () => gate.promise)];
    await expect(budget.holdForTenant("noisy", 0, never)).rejects.toMatchObject({ code: "RATE_LIMITED", status: 429, retryAfterSeconds: 1 });
    expect(await budget.holdForTenant("quiet", 200 * KIB, () => Promise.resolve("served"))).toBe("served");
    gate.resolve(undefined);
    await Promise.all(held);
    await expect(budget.holdForTenant("noisy", 0, () => Promise.reject(new Error("x")))).rejects.toThrow("x");
    expect(await budget.holdForTenant("noisy", 64 * KIB, () => Promise.resolve("free"))).toBe("free");
  });

  test("statements are cut by bytes, in order, and nothing is lost", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 30 })), (sizes) => {
        const parts = partsByBytes(sizes.map((bytes, index) => ({ bytes, index })), 20);
        expect(parts.flat().map(({ index }) => index)).toEqual(sizes.map((_, index) => index));
        for (const part of parts) {
          expect(part.length).toBeGreaterThan(0);
          if (part.length > 1) expect(part.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(20);
        }
      }),
    );
  });

  test("failures of the store are told apart", () => {
    const withCode = (code: string): Error => Object.assign(new Error(code), { code });
    const kinds = ["22P05", "23503", "54000", "40P01", "08006", "57P01", "53300", "ECONNREFUSED", "EPIPE", "42883", "XX000"].map((code) => storeFailureOf(withCode(code)));
    expect(kinds).toEqual(["data", "data", "data", "conflict", "unavailable", "unavailable", "unavailable", "unavailable", "unavailable", "defect", "defect"]);
    expect([new Error("Connection terminated unexpectedly"), new RangeError("Invalid string length"), new TypeError("x"), "x"].map(storeFailureOf)).toEqual(["unavailable", "data", "defect", "defect"]);
  });

  test("the configuration needs its own database role and the master key", () => {
    const env = { PORT: "0", FLUXO_APP_DATABASE_URL: "postgresql://fluxo_app:app@127.0.0.1/x", REDIS_URL: "redis://127.0.0.1:6379", FLUXO_MASTER_KEY: Buffer.alloc(32).toString("base64") };
    expect(loadIngressConfig(env)).toMatchObject({ PORT: 0, INGRESS_BODY_MEMORY_MIB: 64, FLUXO_FAST_LANE: true });
    expect(loadIngressConfig({ ...env, INGRESS_TRUSTED_PROXIES: "10.0.0.0/8, fd00::1" })).toMatchObject({ INGRESS_TRUSTED_PROXIES: ["10.0.0.0/8", "fd00::1"] });
    for (const text of ["10.0.0.0/33", "proxy.example.com", "10.0.0"]) expect(() => loadIngressConfig({ ...env, INGRESS_TRUSTED_PROXIES: text })).toThrow("INGRESS_TRUSTED_PROXIES");
    expect(() => loadIngressConfig({})).toThrow(/FLUXO_MASTER_KEY/);
  });
});
