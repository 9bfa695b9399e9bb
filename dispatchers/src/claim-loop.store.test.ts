import type { ClaimedTrigger } from "@fluxo/prisma/dispatch/claim";
import { addSource, seedWorkflow } from "@fluxo/prisma/testing/seed";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { systemClock } from "@fluxo/runtime/clock";
import { createLogger } from "@fluxo/runtime/logger";
import { expect, test } from "vitest";
import { ClaimLoop } from "./claim-loop.ts";

const GRAPH = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };
const logger = createLogger({ service: "test", level: "silent" });
const { owner, system } = await useTestDatabase();

async function sources(kind: string, count: number): Promise<void> {
  const workflow = await seedWorkflow(owner, GRAPH);
  for (let made = 0; made < count; made += 1) await addSource(owner, workflow, kind, {});
}

/** A loop whose dispatches end when they are told to. */
function gatedLoop(kind: string, atOneTime: number): { readonly loop: ClaimLoop; readonly batches: readonly { readonly claimed: readonly ClaimedTrigger[]; readonly end: (error?: Error) => void }[] } {
  const batches: { claimed: readonly ClaimedTrigger[]; end: (error?: Error) => void }[] = [];
  const dispatch = (claimed: readonly ClaimedTrigger[]): Promise<void> =>
    new Promise((resolve, reject) => {
      batches.push({ claimed, end: (error) => (error === undefined ? resolve() : reject(error)) });
    });
  return { loop: new ClaimLoop({ kind, owner: "a", system, clock: systemClock, logger, leaseMs: 60_000, batch: 2, atOneTime, dispatch }), batches };
}

test("full batches are dispatched beside each other, no more than allowed, none twice; a stop waits for all of them", async () => {
  await sources("many", 7);
  const { loop, batches } = gatedLoop("many", 3);
  loop.start();
  await expect.poll(() => batches.length).toBe(3);
  batches[1]?.end();
  await expect.poll(() => batches.length).toBe(4);
  let isStopped = false;
  const stopped = loop.stop().then(() => (isStopped = true));
  for (const { end } of batches.slice(0, 3)) end();
  expect(isStopped).toBe(false);
  batches[3]?.end(new Error("injected"));
  await stopped;
  const ids = batches.flatMap(({ claimed }) => claimed.map(({ triggerId }) => triggerId));
  expect([ids.length, new Set(ids).size]).toEqual([7, 7]);
});

test("without another word the next claim waits for the dispatch of the one before", async () => {
  await sources("one", 5);
  const { loop, batches } = gatedLoop("one", 1);
  loop.start();
  for (let n = 1; n <= 3; n += 1) {
    await expect.poll(() => batches.length).toBe(n);
    batches[n - 1]?.end();
  }
  await loop.stop();
  expect(batches.map(({ claimed }) => claimed.length)).toEqual([2, 2, 1]);
});
