import { ManualClock } from "@fluxo/runtime/testing/manual-clock";
import { expect, test } from "vitest";
import { KeyCache } from "./key-cache.ts";

const key = { id: "k", agencyId: "a", tenantId: null, secretHash: new Uint8Array(32), scopes: [], expiresAt: null, revokedAt: null };

test("asks once a second per key, also for keys that are not there", async () => {
  const clock = new ManualClock();
  const asked: string[] = [];
  const cache = new KeyCache((id) => {
    asked.push(id);
    return Promise.resolve(id === "k" ? key : undefined);
  }, clock);
  expect(await Promise.all([cache.get("k"), cache.get("k"), cache.get("none")])).toEqual([key, key, undefined]);
  await clock.advance(999);
  await Promise.all([cache.get("k"), cache.get("none")]);
  expect(asked).toEqual(["k", "none"]);
  await clock.advance(1);
  await Promise.all([cache.get("k"), cache.get("none")]);
  expect(asked).toEqual(["k", "none", "k", "none"]);
});

test("does not remember a failure", async () => {
  let isDown = true;
  const cache = new KeyCache(() => (isDown ? Promise.reject(new Error("down")) : Promise.resolve(key)), new ManualClock());
  await expect(cache.get("k")).rejects.toThrow("down");
  isDown = false;
  expect(await cache.get("k")).toBe(key);
});
