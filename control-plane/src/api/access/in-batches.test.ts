import { expect, test } from "vitest";
import { inBatches } from "./in-batches.ts";

test("asks once for what comes at one time, and each gets its own", async () => {
  const asked: (readonly string[])[] = [];
  const find = inBatches((ids) => {
    asked.push(ids);
    return Promise.resolve(new Map(ids.filter((id) => id !== "none").map((id) => [id, id.toUpperCase()])));
  });
  expect(await Promise.all([find("a"), find("b"), find("a"), find("none")])).toEqual(["A", "B", "A", undefined]);
  expect(await find("c")).toBe("C");
  expect(asked).toEqual([["a", "b", "none"], ["c"]]);
});

test("asks for 500 at a time, and goes on after a failure", async () => {
  const sizes: number[] = [];
  let isDown = false;
  const find = inBatches((ids) => {
    sizes.push(ids.length);
    return isDown ? Promise.reject(new Error("down")) : Promise.resolve(new Map(ids.map((id) => [id, id])));
  });
  const ids = Array.from({ length: 1_001 }, (_, index) => `k${index}`);
  expect(await Promise.all(ids.map(find))).toEqual(ids);
  expect(sizes).toEqual([500, 500, 1]);
  isDown = true;
  expect((await Promise.allSettled([find("a"), find("b")])).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  isDown = false;
  expect(await find("a")).toBe("a");
});
