import { createLogger } from "@fluxo/runtime/logger";
import { ManualClock } from "@fluxo/runtime/testing/manual-clock";
import { expect, test } from "vitest";
import { LastUses } from "./last-uses.ts";

const logger = createLogger({ service: "test", level: "silent" });

function collector() {
  const clock = new ManualClock();
  const written: string[][] = [];
  let isDown = false;
  const uses = new LastUses({
    write: (batch) => {
      if (isDown) return Promise.reject(new Error("down"));
      written.push([...batch].map(([id, usedAt]) => `${id} ${usedAt.toISOString()}`));
      return Promise.resolve();
    },
    clock,
    logger,
  });
  return { clock, written, uses, setDown: (down: boolean) => (isDown = down) };
}

test("writes all keys at once, each at most once a minute, and its latest use", async () => {
  const { clock, written, uses } = collector();
  uses.start();
  uses.note("a", clock.now());
  await clock.advance(1_000);
  uses.note("a", clock.now());
  uses.note("b", clock.now());
  await clock.advance(4_000);
  expect(written).toEqual([["a 2026-01-01T00:00:01.000Z", "b 2026-01-01T00:00:01.000Z"]]);
  uses.note("a", clock.now());
  await clock.advance(50_000);
  expect(written).toHaveLength(1);
  await clock.advance(6_000);
  uses.note("a", clock.now());
  await clock.advance(5_000);
  expect(written[1]).toEqual(["a 2026-01-01T00:01:01.000Z"]);
  uses.note("b", clock.now());
  await uses.stop();
  expect(written[2]).toEqual(["b 2026-01-01T00:01:06.000Z"]);
});

test("goes on after a failure", async () => {
  const { clock, written, uses, setDown } = collector();
  uses.start();
  setDown(true);
  uses.note("a", clock.now());
  await clock.advance(5_000);
  setDown(false);
  await clock.advance(60_000);
  uses.note("a", clock.now());
  await clock.advance(5_000);
  expect(written).toEqual([["a 2026-01-01T00:01:05.000Z"]]);
  await uses.stop();
});
