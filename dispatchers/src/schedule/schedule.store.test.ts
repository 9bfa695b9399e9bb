import { addSource, seedWorkflow, type SeededWorkflow } from "@fluxo/prisma/testing/seed";
import { claimTriggers } from "@fluxo/prisma/dispatch/claim";
import { uuidV7 } from "@fluxo/prisma/ids";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { systemClock } from "@fluxo/runtime/clock";
import { createLogger } from "@fluxo/runtime/logger";
import { expect, test } from "vitest";
import { ClaimLoop } from "../claim-loop.ts";
import { dispatchSchedules } from "./dispatch-schedules.ts";

const GRAPH = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };
const EVERY_MINUTE = { when: { kind: "interval", everySeconds: 60 }, overlap: "allow" };
const MINUTE_MS = 60_000;

const logger = createLogger({ service: "test", level: "silent" });
const { owner, app, system } = await useTestDatabase();

function loop(by: string, clock = systemClock): ClaimLoop {
  const dispatch = (claimed: Parameters<typeof dispatchSchedules>[0]): Promise<void> => dispatchSchedules(claimed, { owner: by, app, system, ids: uuidV7, logger });
  return new ClaimLoop({ kind: "schedule", owner: by, system, clock, logger, leaseMs: 60_000, batch: 100, dispatch });
}

async function schedule(config: Record<string, unknown>): Promise<{ workflow: SeededWorkflow; triggerId: string }> {
  const workflow = await seedWorkflow(owner, GRAPH);
  return { workflow, triggerId: await addSource(owner, workflow, "schedule", JSON.parse(JSON.stringify(config))) };
}

/** As if the schedule had been looked at last so long ago, and is due. */
async function wind(triggerId: string, ms: number): Promise<Date> {
  const lastAt = new Date(Math.floor((Date.now() - ms) / MINUTE_MS) * MINUTE_MS);
  // Cut, not rounded: columns hold milliseconds, and a claim may follow within half of one.
  await owner.query("UPDATE trigger_states SET armed_at = $2, cursor = $3, next_due_at = date_trunc('milliseconds', clock_timestamp()), claimable_at = date_trunc('milliseconds', clock_timestamp()), lease_owner = NULL, lease_until = NULL WHERE trigger_id = $1", [
    triggerId,
    lastAt,
    { lastAt: lastAt.toISOString() },
  ]);
  return lastAt;
}

async function occurrences(triggerId: string): Promise<{ key: string; reason: string; execution: boolean }[]> {
  const { rows } = await owner.query("SELECT occurrence_key AS key, reason, execution_id IS NOT NULL AS execution FROM occurrences WHERE trigger_id = $1 ORDER BY 1", [triggerId]);
  return rows;
}

test("the baseline starts nothing; a due instant starts one execution with the instant as its input; the next instant is awaited", async () => {
  const { triggerId } = await schedule(EVERY_MINUTE);
  await loop("a").tick();
  expect(await occurrences(triggerId)).toEqual([]);
  const lastAt = await wind(triggerId, MINUTE_MS);
  await loop("a").tick();
  const [occurrence, ...others] = await occurrences(triggerId);
  expect(others.length).toBeLessThanOrEqual(1);
  expect(occurrence).toEqual({ key: new Date(lastAt.getTime() + MINUTE_MS).toISOString(), reason: "ACCEPTED", execution: true });
  const { rows } = await owner.query("SELECT e.input, s.next_due_at > clock_timestamp() AS is_ahead FROM executions e JOIN trigger_states s ON s.trigger_id = e.trigger_id WHERE e.trigger_id = $1", [triggerId]);
  expect(rows[0]).toMatchObject({ is_ahead: true, input: { scheduledAt: occurrence?.key, timeZone: "UTC", missed: 0 } });
});

test("after an absence, each instant ends in one reason code, and the latest starts", async () => {
  const { triggerId } = await schedule(EVERY_MINUTE);
  await wind(triggerId, 10 * MINUTE_MS);
  await loop("a").tick();
  const reasons = (await occurrences(triggerId)).map(({ reason }) => reason);
  expect(reasons.length).toBeGreaterThanOrEqual(9);
  expect(reasons.filter((reason) => reason === "ACCEPTED").length).toBeGreaterThanOrEqual(1);
  expect(reasons.at(-1)).toBe("ACCEPTED");
  expect(new Set(reasons.slice(0, 8))).toEqual(new Set(["MISFIRE_SKIPPED"]));
});

test("an absence longer than one look takes is made up for in several, without a gap", async () => {
  const { triggerId } = await schedule({ ...EVERY_MINUTE, misfire: "all", catchUpSeconds: 31_622_400 });
  const lastAt = await wind(triggerId, 1_200 * MINUTE_MS);
  const dispatcher = loop("a");
  for (let look = 0; look < 5; look += 1) await dispatcher.tick();
  const keys = (await occurrences(triggerId)).map(({ key }) => Date.parse(key));
  expect(keys[0]).toBe(lastAt.getTime() + MINUTE_MS);
  expect(keys.length).toBeGreaterThanOrEqual(1_199);
  expect(keys.every((key, index) => index === 0 || key - (keys[index - 1] ?? 0) === MINUTE_MS)).toBe(true);
});

test("a dispatcher that dies after its claim, or is paused past its lease, starts nothing twice", async () => {
  const { triggerId } = await schedule(EVERY_MINUTE);
  await wind(triggerId, 3 * MINUTE_MS);
  const claimed = await claimTriggers(system, { kind: "schedule", owner: "zombie", leaseMs: 1, limit: 100 });
  expect(claimed.map((trigger) => trigger.triggerId)).toContain(triggerId);
  await expect.poll(async () => (await loop("b").tick(), (await occurrences(triggerId)).length)).toBeGreaterThan(0);
  const before = await occurrences(triggerId);
  await dispatchSchedules(claimed, { owner: "zombie", app, system, ids: uuidV7, logger });
  expect(await occurrences(triggerId)).toEqual(before);
});

test("while the execution before is not over, an instant is skipped and says why; with cancelPrevious that execution is canceled", async () => {
  for (const [overlap, reason, status] of [["skip", "OVERLAP_SKIPPED", "QUEUED"], ["cancelPrevious", "ACCEPTED", "CANCELED"]] as const) {
    const { triggerId } = await schedule({ ...EVERY_MINUTE, overlap });
    await wind(triggerId, MINUTE_MS);
    await loop("a").tick();
    const first = await occurrences(triggerId);
    const { rows: [{ last_execution_id: executionId }] } = await owner.query("SELECT last_execution_id FROM trigger_states WHERE trigger_id = $1", [triggerId]);
    // The next instant, as if a minute had passed: the one before it is known already.
    await owner.query("DELETE FROM occurrences WHERE trigger_id = $1", [triggerId]);
    await wind(triggerId, MINUTE_MS);
    await loop("a").tick();
    expect(first.length).toBeGreaterThan(0);
    expect((await occurrences(triggerId)).map((occurrence) => occurrence.reason)).toContain(reason);
    expect((await owner.query("SELECT status FROM executions WHERE id = $1", [executionId])).rows).toEqual([{ status }]);
  }
});

test("a schedule that cannot be read is told and does not hold up the others", async () => {
  const broken = await schedule({ when: { kind: "cron", expression: "not cron" } });
  const sound = await schedule(EVERY_MINUTE);
  await wind(sound.triggerId, MINUTE_MS);
  await loop("a").tick();
  expect((await owner.query("SELECT error_code, failures FROM trigger_states WHERE trigger_id = $1", [broken.triggerId])).rows).toEqual([{ error_code: "PARAMS_INVALID", failures: 1 }]);
  expect((await occurrences(sound.triggerId)).length).toBeGreaterThan(0);
});

test("it works by itself, rests for half a second at most and not beyond the next instant, and ends cleanly", async () => {
  const at = new Date(Date.now() + 4_000);
  const { triggerId } = await schedule({ when: { kind: "once", at: at.toISOString() } });
  const rests: number[] = [];
  const dispatcher = loop("c", { ...systemClock, sleep: (ms, signal) => (rests.push(ms), systemClock.sleep(ms, signal)) });
  dispatcher.start();
  await expect.poll(() => occurrences(triggerId)).toMatchObject([{ key: at.toISOString(), reason: "ACCEPTED" }]);
  await dispatcher.stop();
  const { rows } = await owner.query("SELECT extract(epoch FROM queued_at - $2::timestamptz) AS lag, (SELECT next_due_at FROM trigger_states WHERE trigger_id = $1) AS next FROM executions WHERE trigger_id = $1", [triggerId, at]);
  expect(Math.max(...rests)).toBe(500);
  expect(Math.min(...rests)).toBeLessThan(500);
  expect(Number(rows[0].lag)).toBeLessThan(10);
  expect(rows[0].next).toBeNull();
});
