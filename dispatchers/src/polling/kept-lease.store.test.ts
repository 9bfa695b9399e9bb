import { setImmediate } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { uuidV7 } from "@fluxo/prisma/ids";
import { systemClock } from "@fluxo/runtime/clock";
import { SourceStage } from "../testing/source-stage.ts";
import { PollRunner, type PollRunnerOptions } from "./poll-runner.ts";
import type { PollContext, PolledSource } from "./source.ts";

const TIMEOUT_MS = 4_000;

let poll: PolledSource["poll"];
const found = { cursor: { at: 1 }, items: [], marks: [], parked: [], hasMore: false };
const source: PolledSource = { kind: "rss", intervalMs: () => 60_000, limits: () => [], poll: (claimed, context) => poll(claimed, context) };

let stage: SourceStage;
beforeAll(async () => {
  stage = await SourceStage.open(() => Promise.resolve({ config: {}, pageSize: 1, open: () => source, add: () => Promise.resolve(), addPoison: () => Promise.resolve(), close: () => Promise.resolve() }));
});
afterEach(() => stage.clear());
afterAll(() => stage.close());

function runner(keepLease: NonNullable<PollRunnerOptions["keepLease"]>): PollRunner {
  return new PollRunner({ source, owner: "a", app: stage.app, ids: uuidV7, clock: systemClock, random: () => 0, logger: stage.logger, timeoutMs: TIMEOUT_MS, keepLease });
}

/** A look that goes on for as long as it may, until so much is over. */
function lookFor(ms: number) {
  return async (_: unknown, { keep }: PollContext): Promise<typeof found> => {
    for (const endsAtMs = performance.now() + ms; performance.now() < endsAtMs; await setImmediate()) await keep();
    return found;
  };
}

test("a look that keeps its lease may take longer than its time, and asks for the lease a few times in it", async () => {
  const staged = await stage.stage();
  poll = lookFor(1.5 * TIMEOUT_MS);
  let kept = 0;
  const keepLease = stage.keepLease("a");
  const result = await runner((claimed) => {
    kept += 1;
    return keepLease(claimed);
  }).run(await stage.claim(staged));
  expect(result).toMatchObject({ isHeld: true });
  expect(kept).toBeGreaterThanOrEqual(2);
  expect(kept).toBeLessThanOrEqual(6);
  expect(await stage.state(staged)).toMatchObject({ cursor: { at: 1 }, failures: 0 });
});

test("a look whose lease is another's ends when it asks, and nothing of it is written", async () => {
  const staged = await stage.stage();
  poll = lookFor(60_000);
  const claimed = await stage.claim(staged);
  await stage.claim(staged, "b");
  expect(await runner(stage.keepLease("a")).run(claimed)).toBeUndefined();
  expect(await stage.state(staged)).toMatchObject({ cursor: null, failures: 0 });
});

test("a look that does not keep its lease ends with its time", async () => {
  const staged = await stage.stage();
  poll = (_, { signal }) => new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("aborted", { cause: signal.reason }))));
  await runner(stage.keepLease("a")).run(await stage.claim(staged));
  expect(await stage.state(staged)).toMatchObject({ cursor: null, failures: 1, error_code: "NODE_TIMEOUT" });
});
