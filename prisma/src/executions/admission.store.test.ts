import { setTimeout as sleep } from "node:timers/promises";
import { monthWindow } from "@fluxo/core/quota/window";
import fc from "fast-check";
import { expect, test } from "vitest";
import { claimOutbox, markSent } from "../relay/outbox.ts";
import { addPlan, queueExecutions, seedWorkflow } from "../testing/seed.ts";
import { uuidV7 } from "../ids.ts";
import { useTestDatabase } from "../testing/test-database.ts";
import { claimExecutions, type ClaimResult } from "./claim.ts";
import { settleExecutions } from "./settle.ts";

const GRAPH = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };
const CONNECTIONS = 16;

const { owner, app, system } = await useTestDatabase({ app: CONNECTIONS });

function claim(tenantId: string, executionId: string): Promise<ClaimResult> {
  return claimExecutions(app, { tenantId, executionIds: [executionId], owner: `worker-${executionId}`, leaseMs: 60_000, nodeTiers: {}, keepStarved: "never" });
}

test("two hundred admissions at once with a quota of ten left: ten run, the others are refused and say why", async () => {
  const planId = await addPlan(owner, { executionsPerMonth: 500, concurrencyMax: 1_000 });
  const { tenantId, ...workflow } = await seedWorkflow(owner, GRAPH, planId);
  const { start, end } = monthWindow(new Date(), "UTC");
  await owner.query("INSERT INTO usage_windows (tenant_id, metric, window_start, window_end, used, reserved) VALUES ($1, 'executions', $2, $3, 486, 4)", [tenantId, start, end]);
  const ids = await queueExecutions(app, { tenantId, ...workflow }, Array.from({ length: 200 }, () => ({})));
  const results = await Promise.all(ids.map((id) => claim(tenantId, id)));
  expect(results.flatMap(({ claimed }) => claimed)).toHaveLength(10);
  expect(results.flatMap(({ blocked }) => blocked.map(({ reason }) => reason))).toEqual(Array.from({ length: 190 }, () => "QUOTA_EXCEEDED"));
  const { rows } = await owner.query(
    `SELECT status, reason, error_code AS code, max(error_message) AS message, count(*)::int AS count, count(completed_at)::int AS ended FROM executions WHERE tenant_id = $1 GROUP BY 1, 2, 3 ORDER BY 1`,
    [tenantId],
  );
  const message = `The plan Test allows 500 executions a month; they are used up until ${end.toISOString().replace(".000Z", "Z")}.`;
  expect(rows).toEqual([
    { status: "BLOCKED", reason: "QUOTA_EXCEEDED", code: "QUOTA_EXCEEDED", message, count: 190, ended: 190 },
    { status: "RUNNING", reason: null, code: null, message: null, count: 10, ended: 0 },
  ]);
  const usage = await owner.query("SELECT used, reserved, (SELECT count(*)::int FROM reservations WHERE tenant_id = $1) AS reservations FROM usage_windows WHERE tenant_id = $1", [tenantId]);
  expect(usage.rows).toEqual([{ used: 486, reserved: 14, reservations: 10 }]);
});

/** Runs executions to their end as workers and relay do, each claim by itself, and again whatever an event wakes. */
async function runAll(tenantId: string, ids: readonly string[]): Promise<number> {
  let starvedCount = 0;
  const run = async (id: string): Promise<void> => {
    const { claimed, starved } = await claim(tenantId, id);
    starvedCount += starved.length;
    for (const { executionId, epoch } of claimed) {
      await sleep(2);
      await settleExecutions(app, [{ tenantId, executionId, epoch, payloadId: uuidV7.next(), settlement: { status: "SUCCESS", output: {} } }]);
    }
  };
  for (let due = [...ids]; due.length > 0; ) {
    await Promise.all(due.map(run));
    const entries = await claimOutbox(system, { owner: "relay", limit: 1_000, leaseMs: 60_000, outstandingMax: 1_000 });
    await markSent(system, "relay", entries);
    due = [...new Set(entries.map(({ executionId }) => executionId))];
  }
  return starvedCount;
}

test("a hundred claimers and three slots: never more than three run at once, by their own instants, and all of them run", async () => {
  const planId = await addPlan(owner, { executionsPerMonth: 1_000, concurrencyMax: 3 });
  const workflow = await seedWorkflow(owner, GRAPH, planId);
  const ids = await queueExecutions(app, workflow, Array.from({ length: 100 }, () => ({})));
  expect(await runAll(workflow.tenantId, ids), "slots were fought over").toBeGreaterThan(0);
  const { rows } = await owner.query<{ status: string; started_at: Date; completed_at: Date }>("SELECT status, started_at, completed_at FROM executions WHERE tenant_id = $1", [workflow.tenantId]);
  expect(rows.filter(({ status }) => status === "SUCCESS")).toHaveLength(100);
  const edges = rows.flatMap(({ started_at: start, completed_at: end }) => [{ at: start.getTime(), change: 1 }, { at: end.getTime(), change: -1 }]);
  let [running, most] = [0, 0];
  // At one instant ends come before starts: a slot is free from the instant on at which its holder ended.
  for (const { change } of edges.toSorted((left, right) => left.at - right.at || left.change - right.change)) {
    running += change;
    most = Math.max(most, running);
  }
  expect(most).toBe(3);
  expect((await owner.query("SELECT used FROM concurrency_slots WHERE tenant_id = $1", [workflow.tenantId])).rows).toEqual([{ used: 0 }]);
});

test("tenants do not wait for each other's slots, and one claim for two tenants' ids takes its own only", async () => {
  const planId = await addPlan(owner, { executionsPerMonth: 1_000, concurrencyMax: 1 });
  const [a, b] = [await seedWorkflow(owner, GRAPH, planId), await seedWorkflow(owner, GRAPH, planId)];
  const [ofA = "", alsoOfA = ""] = await queueExecutions(app, a, [{}, {}]);
  const [ofB = ""] = await queueExecutions(app, b, [{}]);
  const request = { owner: "w", leaseMs: 60_000, nodeTiers: {}, keepStarved: "never" } as const;
  const first = await claimExecutions(app, { ...request, tenantId: a.tenantId, executionIds: [ofA, ofB] });
  expect({ claimed: first.claimed.map(({ executionId }) => executionId), skipped: first.skipped }).toEqual({ claimed: [ofA], skipped: [ofB] });
  expect((await claimExecutions(app, { ...request, tenantId: a.tenantId, executionIds: [alsoOfA] })).starved).toEqual([alsoOfA]);
  expect((await claimExecutions(app, { ...request, tenantId: b.tenantId, executionIds: [ofB] })).claimed).toHaveLength(1);
});

/** The month's window as admission computes it, for many instants and zones in one statement. */
async function windowsOf(cases: readonly (readonly [zone: string, instant: Date])[]): Promise<{ start: Date; end: Date }[]> {
  const { rows } = await owner.query<{ start: Date; end: Date }>(
    `SELECT w.starts_at AS start, w.ends_at AS end
     FROM unnest($1::text[], $2::timestamptz[]) WITH ORDINALITY AS c(zone, instant, ordinal) CROSS JOIN LATERAL fluxo_month_window(c.instant, c.zone) w ORDER BY c.ordinal`,
    [cases.map(([zone]) => zone), cases.map(([, instant]) => instant)],
  );
  return rows;
}

/** Minutes that a zone is ahead of UTC, by PostgreSQL's time zone database. */
async function offsetsOf(cases: readonly (readonly [zone: string, instant: Date])[]): Promise<number[]> {
  const { rows } = await owner.query<{ minutes: number }>(
    `SELECT (extract(epoch FROM (c.instant AT TIME ZONE c.zone) AT TIME ZONE 'UTC') - extract(epoch FROM c.instant))::float8 / 60 AS minutes
     FROM unnest($1::text[], $2::timestamptz[]) WITH ORDINALITY AS c(zone, instant, ordinal) ORDER BY c.ordinal`,
    [cases.map(([zone]) => zone), cases.map(([, instant]) => instant)],
  );
  return rows.map(({ minutes }) => minutes);
}

/** The same by that of this process. */
function offsetOf(zone: string, instant: Date): number {
  const parts = new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "longOffset" }).formatToParts(instant);
  const [, sign, hours, minutes = "0"] = /GMT([+-])(\d+):?(\d+)?/.exec(parts.find(({ type }) => type === "timeZoneName")?.value ?? "") ?? [undefined, "+", "0"];
  return (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}

test("where midnight comes twice, the month of the quota begins with the first one", async () => {
  const zone = "America/Havana";
  const given = ["2026-11-01T03:59:59Z", "2026-11-01T04:00:00Z", "2026-11-01T04:30:00Z", "2026-11-01T05:30:00Z"].map((time) => [zone, new Date(time)] as [string, Date]);
  const [before, ...after] = await windowsOf(given);
  expect(before?.end.toISOString()).toBe("2026-11-01T04:00:00.000Z");
  expect(after.map(({ start }) => start.toISOString())).toEqual(after.map(() => "2026-11-01T04:00:00.000Z"));
  expect(await windowsOf(given)).toEqual(given.map(([, instant]) => monthWindow(instant, zone)));
});

test("the month of the quota is core's month, in every zone and at its edges", async () => {
  const { rows: known } = await owner.query<{ name: string }>("SELECT name FROM pg_timezone_names");
  const names = new Set(known.map(({ name }) => name));
  const zones = Intl.supportedValuesOf("timeZone").filter((zone) => names.has(zone));
  const edges = Array.from({ length: 36 }, (_, month) => Date.UTC(2025, month, 1));
  const instants = fc.oneof(
    fc.date({ min: new Date("2025-01-01"), max: new Date("2036-01-01"), noInvalidDate: true }),
    fc.record({ edge: fc.constantFrom(...edges), offsetMs: fc.integer({ min: -15 * 3_600_000, max: 15 * 3_600_000 }) }).map(({ edge, offsetMs }) => new Date(edge + offsetMs)),
  );
  const counts = { cases: 0, compared: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.constantFrom(...zones), instants), { minLength: 100, maxLength: 100 }), async (given) => {
      const windows = given.map(([zone, instant]) => monthWindow(instant, zone));
      const times = given.flatMap(([zone, instant], index) => [instant, windows[index]?.start ?? instant, windows[index]?.end ?? instant].map((time) => [zone, time] as const));
      const offsets = await offsetsOf(times);
      // The two databases of time zones may be of different years: only where they agree can the windows.
      const agree = times.map(([zone, time], index) => offsets[index] === offsetOf(zone, time));
      const isComparable = (_: unknown, index: number): boolean => agree.slice(3 * index, 3 * index + 3).every(Boolean);
      expect((await windowsOf(given)).filter(isComparable)).toEqual(windows.filter(isComparable));
      counts.cases += given.length;
      counts.compared += windows.filter(isComparable).length;
    }),
    { numRuns: 15, endOnFailure: true, interruptAfterTimeLimit: 20_000 },
  );
  expect(counts.compared / counts.cases).toBeGreaterThan(0.9);
});
