import { claimTriggers } from "@fluxo/prisma/dispatch/claim";
import type { SeenItem } from "@fluxo/prisma/dispatch/commit";
import { uuidV7 } from "@fluxo/prisma/ids";
import { addSource, seedWorkflow } from "@fluxo/prisma/testing/seed";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { systemClock } from "@fluxo/runtime/clock";
import { createLogger } from "@fluxo/runtime/logger";
import { expect, test } from "vitest";
import { PollRunner } from "./polling/poll-runner.ts";
import type { PolledSource } from "./polling/source.ts";
import { dispatchSchedules } from "./schedule/dispatch-schedules.ts";

const GRAPH = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };
const logger = createLogger({ service: "test", level: "silent" });
const { owner, app, system } = await useTestDatabase();

async function rows(sql: string, triggerId: string): Promise<Record<string, unknown>[]> {
  return (await owner.query(sql, [triggerId])).rows;
}

async function claim(kind: string) {
  return claimTriggers(system, { kind, owner: "one", leaseMs: 60_000, limit: 10 });
}

test("what a polled source has and the filter does not match is marked in the commit that moves the cursor, and the ledger balances", async () => {
  const filter = { match: "all", conditions: [{ path: "title", operator: "contains", right: "Sale" }] };
  const triggerId = await addSource(owner, await seedWorkflow(owner, GRAPH), "rss", { filter });
  const item = (key: string, title: string | number): SeenItem => ({ key, occurredAt: new Date(), input: { title } });
  const source: PolledSource = {
    kind: "rss",
    intervalMs: () => 1,
    limits: () => [],
    poll: () => Promise.resolve({ cursor: { at: 3 }, items: [item("1", "Sale today"), item("2", "Weather"), item("3", 7)], marks: [], parked: [], hasMore: false }),
  };
  const runner = new PollRunner({ source, owner: "one", app, ids: uuidV7, clock: systemClock, random: Math.random, logger, timeoutMs: 10_000 });
  const [claimed] = await claim("rss");
  if (claimed === undefined) throw new Error("The trigger is not due.");
  expect(await runner.run(claimed)).toMatchObject({ accepted: 1, filtered: 2, duplicate: 0, parked: 0 });
  expect(await rows("SELECT occurrence_key AS key, reason, detail, execution_id IS NOT NULL AS started FROM occurrences WHERE trigger_id = $1 ORDER BY 1", triggerId)).toEqual([
    { key: "1", reason: "ACCEPTED", detail: null, started: true },
    { key: "2", reason: "FILTERED", detail: "title: contains does not hold.", started: false },
    { key: "3", reason: "FILTERED", detail: "title is a number, which contains cannot look at.", started: false },
  ]);
  expect(await rows("SELECT seen, accepted, filtered FROM polls WHERE trigger_id = $1", triggerId)).toEqual([{ seen: 3, accepted: 1, filtered: 2 }]);
  expect(await rows("SELECT cursor FROM trigger_states WHERE trigger_id = $1", triggerId)).toEqual([{ cursor: { at: 3 } }]);
});

test("a source whose filter cannot be read records nothing, says so, and stays where it is", async () => {
  const triggerId = await addSource(owner, await seedWorkflow(owner, GRAPH), "rss", { filter: { conditions: "none" } });
  const source: PolledSource = {
    kind: "rss",
    intervalMs: () => 1,
    limits: () => [],
    poll: () => Promise.resolve({ cursor: { at: 1 }, items: [{ key: "1", occurredAt: new Date(), input: {} }], marks: [], parked: [], hasMore: false }),
  };
  const runner = new PollRunner({ source, owner: "one", app, ids: uuidV7, clock: systemClock, random: Math.random, logger, timeoutMs: 10_000 });
  const claimed = (await claim("rss")).find((trigger) => trigger.triggerId === triggerId);
  if (claimed === undefined) throw new Error("The trigger is not due.");
  expect(await runner.run(claimed)).toMatchObject({ accepted: 0, filtered: 0 });
  expect(await rows("SELECT failures, cursor FROM trigger_states WHERE trigger_id = $1", triggerId)).toEqual([{ failures: 1, cursor: null }]);
  expect(await rows("SELECT 1 FROM occurrences WHERE trigger_id = $1", triggerId)).toEqual([]);
});

test("an instant that the filter does not match starts nothing and cancels nothing", async () => {
  const filter = { match: "all", conditions: [{ path: "localTime", operator: "startsWith", right: "1999" }] };
  const config = { when: { kind: "interval", everySeconds: 60 }, overlap: "cancelPrevious", misfire: "latest", filter };
  const triggerId = await addSource(owner, await seedWorkflow(owner, GRAPH), "schedule", config);
  const lastAt = new Date(Math.floor((Date.now() - 60_000) / 60_000) * 60_000).toISOString();
  await owner.query("UPDATE trigger_states SET armed_at = $2, cursor = $3 WHERE trigger_id = $1", [triggerId, lastAt, { lastAt }]);
  await dispatchSchedules(await claim("schedule"), { owner: "one", app, system, ids: uuidV7, logger });
  const occurrences = await rows("SELECT reason, detail FROM occurrences WHERE trigger_id = $1", triggerId);
  expect(occurrences[0]).toEqual({ reason: "FILTERED", detail: "localTime: startsWith does not hold." });
  expect(new Set(occurrences.map(({ reason }) => reason))).toEqual(new Set(["FILTERED"]));
  expect(await rows("SELECT 1 FROM executions WHERE trigger_id = $1", triggerId)).toEqual([]);
});
