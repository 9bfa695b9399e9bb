import { claimTriggers, type ClaimedTrigger } from "@fluxo/prisma/dispatch/claim";
import { uuidV7 } from "@fluxo/prisma/ids";
import { addSource, seedWorkflow } from "@fluxo/prisma/testing/seed";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { systemClock } from "@fluxo/runtime/clock";
import { createLogger } from "@fluxo/runtime/logger";
import { afterEach, expect, test, vi } from "vitest";
import { PollRunner } from "./poll-runner.ts";
import type { PolledSource, PollResult } from "./source.ts";

const GRAPH = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };
const COUNT = 40;
const logger = createLogger({ service: "test", level: "silent" });

const { owner, app, system } = await useTestDatabase();

afterEach(() => vi.restoreAllMocks());

const found = (cursor: number, items = 1): PollResult => ({
  ...{ cursor, marks: [], parked: [], hasMore: false },
  items: Array.from({ length: items }, (_, n) => ({ key: `item ${n}`, occurredAt: new Date(), input: {} })),
});

function runner(): PollRunner {
  const source: PolledSource = { kind: "rss", intervalMs: () => 60_000, limits: () => [], poll: () => Promise.resolve(found(1)) };
  return new PollRunner({ source, owner: "one", app, ids: uuidV7, clock: systemClock, random: () => 0, logger, timeoutMs: 10_000 });
}

/** Sources of so many tenants, held. */
async function claimed(tenants: number): Promise<ClaimedTrigger[]> {
  await owner.query("UPDATE trigger_states SET claimable_at = NULL, next_due_at = NULL");
  for (let n = 0; n < tenants; n += 1) await addSource(owner, await seedWorkflow(owner, GRAPH), "rss", {});
  return claimTriggers(system, { kind: "rss", owner: "one", leaseMs: 60_000, limit: tenants });
}

async function cursorsOf(claims: readonly ClaimedTrigger[]): Promise<unknown[]> {
  const { rows } = await owner.query("SELECT cursor FROM trigger_states WHERE trigger_id = ANY ($1) ORDER BY array_position($1, trigger_id)", [claims.map(({ triggerId }) => triggerId)]);
  return rows.map(({ cursor }) => cursor);
}

test("looks of many tenants that end together share statements, and each has its own result", async () => {
  const claims = await claimed(COUNT);
  const polled = runner();
  const query = vi.spyOn(app, "query");
  const results = await Promise.all(claims.map((claim) => polled.run(claim)));
  expect(query.mock.calls.length).toBeLessThanOrEqual(2);
  expect(results.map((result) => result?.triggerId)).toEqual(claims.map(({ triggerId }) => triggerId));
  expect(results.map((result) => result?.accepted)).toEqual(claims.map(() => 1));
  expect(await cursorsOf(claims)).toEqual(claims.map(() => 1));
});

test("a look that cannot be written fails alone", async () => {
  const claims = await claimed(3);
  const polled = runner();
  // More milliseconds than the ledger has room for.
  const results = await Promise.allSettled(claims.map((claim, n) => polled.commit(polled.outcomeOf(claim, found(2)), n === 1 ? 1e12 : 1)));
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(await cursorsOf(claims)).toEqual([2, null, 2]);
});

test("what found much is committed alone", async () => {
  const [much, little] = await claimed(2);
  if (much === undefined || little === undefined) throw new Error("The triggers are not due.");
  const polled = runner();
  const query = vi.spyOn(app, "query");
  const results = await Promise.all([polled.commit(polled.outcomeOf(much, found(1, 21))), polled.commit(polled.outcomeOf(little, found(1)))]);
  expect(results.map((result) => result?.accepted)).toEqual([21, 1]);
  expect(query).toHaveBeenCalledTimes(2);
});

test("a late look and its successor in one process: the late one writes nothing, though both end at once", async () => {
  const [late] = await claimed(1);
  if (late === undefined) throw new Error("The trigger is not due.");
  await owner.query("UPDATE trigger_states SET lease_until = clock_timestamp() - interval '1 second', claimable_at = clock_timestamp() - interval '1 second' WHERE trigger_id = $1", [late.triggerId]);
  const [successor] = await claimTriggers(system, { kind: "rss", owner: "one", leaseMs: 60_000, limit: 1 });
  if (successor === undefined) throw new Error("The trigger is not due again.");
  const polled = runner();
  const [first, second] = await Promise.all([polled.commit(polled.outcomeOf(late, found(1, 3))), polled.commit(polled.outcomeOf(successor, found(2)))]);
  expect(first).toBeUndefined();
  expect(second).toMatchObject({ accepted: 1 });
  expect(await cursorsOf([late])).toEqual([2]);
});
