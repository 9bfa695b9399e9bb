import { expect, test } from "vitest";
import { createLogger } from "./logger.ts";
import { Rounds } from "./rounds.ts";
import { ManualClock } from "./testing/manual-clock.ts";

test("works round after round, rests as told, goes on after one that failed, and stops when the one that runs is over", async () => {
  const clock = new ManualClock();
  const lines: string[] = [];
  const logger = createLogger({ service: "test", level: "error", destination: { write: (line) => void lines.push(line) } });
  const outcomes = [0, 100, new Error("away"), 0, 0];
  const done: number[] = [];
  const last = Promise.withResolvers<number>();
  const round = async (): Promise<number> => {
    done.push(clock.now().getTime());
    const outcome = outcomes[done.length - 1] ?? (await last.promise);
    if (outcome instanceof Error) throw outcome;
    return outcome;
  };
  const start = clock.now().getTime();
  const rounds = new Rounds({ clock, logger, round, failure: "round failed", failedRestMs: 1_000 });
  rounds.start();
  rounds.start();
  await clock.advance(99);
  expect(done).toEqual([start, start]);
  await clock.advance(1);
  expect(done).toHaveLength(3);
  expect(lines.join("")).toContain("round failed");
  await clock.advance(999);
  expect(done).toHaveLength(3);
  await clock.advance(1);
  await clock.advance(0);
  expect(done).toHaveLength(6);
  const stopped = rounds.stop();
  expect(rounds.signal.aborted).toBe(true);
  last.resolve(0);
  await stopped;
  expect(done).toHaveLength(6);
});

test("a stop does not wait for a rest", async () => {
  const clock = new ManualClock();
  const rounds = new Rounds({ clock, logger: createLogger({ service: "test", level: "silent" }), round: () => Promise.resolve(60_000), failure: "failed", failedRestMs: 0 });
  rounds.start();
  await clock.advance(0);
  expect(clock.sleeping).toBe(1);
  await rounds.stop();
  expect(clock.sleeping).toBe(0);
});
