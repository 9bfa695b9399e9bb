import { ManualClock } from "@fluxo/runtime/testing/manual-clock";
import { expect, test } from "vitest";
import { BriefCache } from "./brief-cache.ts";

test("asks once a second per id, also for ids that stand for nothing", async () => {
  const clock = new ManualClock();
  const asked: string[] = [];
  const cache = new BriefCache((id) => {
    asked.push(id);
    return Promise.resolve(id === "k" ? "key" : undefined);
  }, clock);
  expect(await Promise.all([cache.get("k"), cache.get("k"), cache.get("none")])).toEqual(["key", "key", undefined]);
  await clock.advance(999);
  await Promise.all([cache.get("k"), cache.get("none")]);
  expect(asked).toEqual(["k", "none"]);
  await clock.advance(1);
  await Promise.all([cache.get("k"), cache.get("none")]);
  expect(asked).toEqual(["k", "none", "k", "none"]);
});

test("remembers for as long as it is told", async () => {
  const clock = new ManualClock();
  let asked = 0;
  const cache = new BriefCache(() => Promise.resolve((asked += 1)), clock, 30_000);
  expect(await cache.get("k")).toBe(1);
  await clock.advance(29_999);
  expect(await cache.get("k")).toBe(1);
  await clock.advance(1);
  expect(await cache.get("k")).toBe(2);
});

test("does not remember a failure", async () => {
  let isDown = true;
  const cache = new BriefCache(() => (isDown ? Promise.reject(new Error("down")) : Promise.resolve("key")), new ManualClock());
  await expect(cache.get("k")).rejects.toThrow("down");
  isDown = false;
  expect(await cache.get("k")).toBe("key");
});

test("forgets what is dropped, and does not remember the answer to a question of before", async () => {
  let value = "old";
  const answers: (() => void)[] = [];
  const cache = new BriefCache(() => {
    const read = value;
    return new Promise<string>((resolve) => answers.push(() => resolve(read)));
  }, new ManualClock());
  const before = cache.get("k");
  value = "new";
  cache.drop("k");
  const after = cache.get("k");
  for (const answer of answers) answer();
  expect([await before, await after]).toEqual(["old", "new"]);
  value = "newest";
  cache.clear();
  const last = cache.get("k");
  answers[2]?.();
  expect(await last).toBe("newest");
});
