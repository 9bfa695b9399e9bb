import { claimTriggers, type ClaimedTrigger } from "@fluxo/prisma/dispatch/claim";
import { commitDispatch, type DispatchOutcome } from "@fluxo/prisma/dispatch/commit";
import { uuidV7 } from "@fluxo/prisma/ids";
import { systemClock } from "@fluxo/runtime/clock";
import { createLogger } from "@fluxo/runtime/logger";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { manualGraph } from "../../testing/graphs.ts";
import { backfills as backfillsOf } from "../../../operations/backfills.ts";
import type { OperationWorker } from "../../../operations/operation-worker.ts";
import { workerOf } from "../../../operations/testing/workers.ts";
import { startHarness, type Harness, type TestAgency, type TestTenant } from "../../testing/harness.ts";

const MINUTE_MS = 60_000;
const EVERY_MINUTE = { when: { kind: "interval", everySeconds: 60 }, overlap: "allow" };
const LATER = new Date("2100-01-01T00:00:00Z");

let api: Harness;
let agency: TestAgency;
let tenant: TestTenant;

beforeAll(async () => {
  api = await startHarness();
  agency = await api.createTestAgency("Northwind");
  tenant = await api.createTestTenant(agency, "Bakery");
});
afterAll(() => api.stop());

/** As the relay's process works on them. */
let backfills: OperationWorker;
beforeAll(() => {
  backfills = workerOf(backfillsOf({ app: api.pool, tenantDb: api.tenantDb, clock: systemClock, ids: uuidV7, logger: createLogger({ service: "test", level: "silent" }) }), api.system);
});

/** Turns of backfills until one has a status. */
async function rounds(path: string, status: string): Promise<void> {
  await expect.poll(async () => {
    await backfills.tick();
    return (await tenant.client.get(path)).at("status");
  }).toBe(status);
}

interface Source {
  readonly workflowId: string;
  readonly triggerId: string;
  readonly path: string;
}

let count = 0;
/** A published workflow with a schedule. */
async function publish(params: object): Promise<Source> {
  const graph = { nodes: [{ id: "tick", type: "trigger.schedule", params }], edges: [] };
  const workflowId = (await tenant.client.post("/v1/workflows", { name: `Workflow ${(count += 1)}`, graph })).text("id");
  const triggerId = (await tenant.client.post(`/v1/workflows/${workflowId}/publish`)).text("triggers", 0, "id");
  return { workflowId, triggerId, path: `/v1/triggers/${triggerId}` };
}

function sql(statement: string, ...values: readonly unknown[]): Promise<unknown> {
  return api.tenantDb.withTenant(tenant.id, (db) => db.$executeRawUnsafe(statement, ...values));
}

/** As if the trigger had been switched on so many minutes ago and decided nothing since. */
async function winded({ triggerId }: Source, minutes: number): Promise<Date> {
  const since = new Date(Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS - minutes * MINUTE_MS);
  await sql("UPDATE trigger_states SET armed_at = $2::timestamptz, cursor = $3::jsonb WHERE trigger_id = $1::uuid", triggerId, since, JSON.stringify({ lastAt: since.toISOString() }));
  await sql("UPDATE trigger_periods SET from_at = $2::timestamptz WHERE trigger_id = $1::uuid", triggerId, since);
  return since;
}

/** Claims one trigger, made of another kind so that nobody else's is meant, and commits what is given. */
async function dispatch({ triggerId }: Source, parts: Partial<DispatchOutcome>, kind = "schedule"): Promise<void> {
  await sql("UPDATE trigger_states SET kind = $2, next_due_at = date_trunc('milliseconds', clock_timestamp()), claimable_at = date_trunc('milliseconds', clock_timestamp()) WHERE trigger_id = $1::uuid", triggerId, `own-${triggerId}`);
  const [held] = await claim(`own-${triggerId}`);
  if (held === undefined) throw new Error("Nothing was claimed.");
  const [result] = await commitDispatch(api.pool, "test", [{ held, nextDueAt: LATER, hold: false, isConnected: true, items: [], marks: [], parked: [], ...parts }], uuidV7);
  expect(result?.isHeld).toBe(true);
  await sql("UPDATE trigger_states SET kind = $2 WHERE trigger_id = $1::uuid", triggerId, kind);
}

function claim(kind: string): Promise<ClaimedTrigger[]> {
  return claimTriggers(api.system, { kind, owner: "test", leaseMs: 60_000, limit: 100 });
}

const plus = (since: Date, minutes: number): Date => new Date(since.getTime() + minutes * MINUTE_MS);
const reasons = (answer: { at(...path: readonly (string | number)[]): unknown }): string[] => (answer.at("entries") as { reason: string }[]).map(({ reason }) => reason);

describe("state", () => {
  test("a schedule is listed and read with its clocks; a filter finds it by kind, workflow and health", async () => {
    const source = await publish(EVERY_MINUTE);
    const read = await tenant.client.get(source.path);
    expect(read.at("health")).toBe("ok");
    expect(read.at("state")).toMatchObject({ isPaused: false, failures: 0, lastError: null, checkedAt: null, silentSince: null });
    expect(read.at("state", "lagMs")).toBeGreaterThanOrEqual(0);
    const find = async (query: string): Promise<unknown[]> => ((await tenant.client.get(`/v1/triggers?workflowId=${source.workflowId}&${query}`)).at("data") as { id: string }[]).map(({ id }) => id);
    expect(await find("kind=schedule&health=ok")).toEqual([source.triggerId]);
    expect([await find("kind=rss"), await find("health=failing"), await find("health=silent")]).toEqual([[], [], []]);
    await dispatch(source, { error: { code: "CONNECTION_FAILED", message: "away" }, isConnected: false });
    expect(await find("health=failing")).toEqual([source.triggerId]);
    await sql("UPDATE trigger_states SET failures = 0, silent_since = clock_timestamp() WHERE trigger_id = $1::uuid", source.triggerId);
    expect(await find("health=silent")).toEqual([source.triggerId]);
  });

  test("a paused trigger is not claimed; a resumed one goes on from now", async () => {
    const source = await publish(EVERY_MINUTE);
    const since = await winded(source, 10);
    const paused = await tenant.client.post(`${source.path}/pause`);
    expect([paused.at("health"), paused.at("state", "nextDueAt")]).toEqual(["paused", null]);
    expect((await claim("schedule")).map(({ triggerId }) => triggerId)).not.toContain(source.triggerId);
    expect((await tenant.client.post(`${source.path}/pause`)).status).toBe(200);
    const resumed = await tenant.client.post(`${source.path}/resume`);
    expect([resumed.at("health"), Date.parse(resumed.text("state", "armedAt")) > since.getTime()]).toEqual(["ok", true]);
    const again = await tenant.client.post(`${source.path}/resume`);
    expect(again.at("state", "armedAt")).toBe(resumed.at("state", "armedAt"));
    expect((await claim("schedule")).map(({ triggerId }) => triggerId)).toContain(source.triggerId);
  });

  test("another schedule under the same node begins anew: what it had before is nobody's miss", async () => {
    const source = await publish(EVERY_MINUTE);
    const since = await winded(source, 600);
    const publishAgain = async (params: object): Promise<string> => {
      await tenant.client.put(`/v1/workflows/${source.workflowId}/draft`, { graph: { nodes: [{ id: "tick", type: "trigger.schedule", params }], edges: [] } });
      await tenant.client.post(`/v1/workflows/${source.workflowId}/publish`);
      return (await tenant.client.get(source.path)).text("state", "armedAt");
    };
    expect(await publishAgain({ ...EVERY_MINUTE, jitterSeconds: 1 })).toBe(since.toISOString());
    expect(Date.parse(await publishAgain({ when: { kind: "interval", everySeconds: 120 } }))).toBeGreaterThan(Date.now() - MINUTE_MS);
  });

  test("what watches no source cannot be paused, run, backfilled or previewed", async () => {
    const id = (await tenant.client.post("/v1/workflows", { name: "Manual", graph: manualGraph })).text("id");
    const path = `/v1/triggers/${(await tenant.client.post(`/v1/workflows/${id}/publish`)).text("triggers", 0, "id")}`;
    const backfill = { from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z" };
    const answers = [await tenant.client.post(`${path}/pause`), await tenant.client.post(`${path}/run-now`), await tenant.client.post(`${path}/backfill`, backfill), await tenant.client.get(`${path}/preview`)];
    expect(answers.map(({ status }) => status)).toEqual([409, 409, 409, 409]);
    expect((await tenant.client.get(path)).at("state")).toBeNull();
    expect((await tenant.client.get(`${path}/explain`)).at("entries")).toEqual([]);
  });
});

describe("explain", () => {
  test("every due instant has one reason: its occurrence's, or why there is none", async () => {
    const source = await publish(EVERY_MINUTE);
    const since = await winded(source, 10);
    const at = (minutes: number) => ({ key: plus(since, minutes).toISOString(), occurredAt: plus(since, minutes) });
    await dispatch(source, {
      cursor: { lastAt: plus(since, 3).toISOString() },
      items: [{ ...at(1), input: {} }],
      marks: [{ ...at(2), reason: "OVERLAP_SKIPPED", detail: "busy" }],
    });
    await sql("UPDATE trigger_periods SET from_at = $2::timestamptz, to_at = $3::timestamptz, off_reason = 'PAUSED' WHERE trigger_id = $1::uuid", source.triggerId, plus(since, 4), plus(since, 6));
    await sql("INSERT INTO trigger_periods (tenant_id, trigger_id, from_at, to_at) VALUES ($1::uuid, $2::uuid, $3::timestamptz, $4::timestamptz)", tenant.id, source.triggerId, since, plus(since, 4));
    await sql("INSERT INTO trigger_periods (tenant_id, trigger_id, from_at) VALUES ($1::uuid, $2::uuid, $3::timestamptz)", tenant.id, source.triggerId, plus(since, 6));
    const answer = await tenant.client.get(`${source.path}/explain?from=${plus(since, -1).toISOString()}&to=${plus(since, 20).toISOString()}`);
    const expected = ["BEFORE_ARMED", "NOT_DISPATCHED", "ACCEPTED", "OVERLAP_SKIPPED", "NOT_DISPATCHED", "PAUSED", "PAUSED", "PENDING", "PENDING", "PENDING", "PENDING", "PENDING"];
    expect(reasons(answer).slice(0, 12)).toEqual(expected);
    expect(reasons(answer).at(-1)).toBe("NOT_DUE_YET");
    expect(answer.at("entries", 2)).toMatchObject({ at: plus(since, 1).toISOString(), execution: { status: "QUEUED" } });
    expect(answer.at("entries", 3)).toMatchObject({ detail: "busy", execution: null });
    expect([answer.at("nextFrom"), answer.at("polls")]).toEqual([null, null]);
  });

  test("unless a range is asked for, it is the last day, and nothing of the time before there was a trigger", async () => {
    const source = await publish({ when: { kind: "interval", everySeconds: 1 } });
    const createdAt = (await tenant.client.get(source.path)).text("createdAt");
    expect((await tenant.client.get(`${source.path}/explain`)).at("from")).toBe(createdAt);
    const before = new Date(Date.parse(createdAt) - 1_000);
    const earlier = await tenant.client.get(`${source.path}/explain?to=${before.toISOString()}`);
    expect([earlier.at("from"), reasons(earlier)[0]]).toEqual([plus(before, -1_440).toISOString(), "BEFORE_ARMED"]);
  });

  test("switching workflow, trigger and pause is remembered, once each", async () => {
    const source = await publish(EVERY_MINUTE);
    const workflow = `/v1/workflows/${source.workflowId}`;
    await tenant.client.patch(workflow, { isActive: false });
    await tenant.client.patch(workflow, { isActive: false });
    await tenant.client.patch(workflow, { isActive: true });
    await tenant.client.post(`${source.path}/pause`);
    await tenant.client.post(`${source.path}/resume`);
    await tenant.client.put(`${workflow}/draft`, { graph: manualGraph });
    await tenant.client.post(`${workflow}/publish`);
    const periods = (await tenant.client.get(`${source.path}/explain`)).at("periods") as { offReason: string | null; to: string | null }[];
    expect(periods.map(({ offReason }) => offReason)).toEqual([null, "WORKFLOW_INACTIVE", null, "PAUSED", null, "TRIGGER_DISABLED"]);
    expect(periods.map(({ to }) => to === null)).toEqual([false, false, false, false, false, true]);
  });

  test("the suspension of a tenant is remembered for all of its triggers", async () => {
    const source = await publish(EVERY_MINUTE);
    for (const status of ["SUSPENDED", "SUSPENDED", "ACTIVE"]) expect((await agency.client.patch(`/v1/tenants/${tenant.id}`, { status })).status).toBe(200);
    const periods = (await tenant.client.get(`${source.path}/explain`)).at("periods") as { offReason: string | null }[];
    expect(periods.map(({ offReason }) => offReason)).toEqual([null, "TENANT_SUSPENDED", null]);
  });

  test("a range with more than an answer holds goes on where it was cut, and loses nothing", async () => {
    const source = await publish({ when: { kind: "interval", everySeconds: 1 } });
    const [from, to] = ["2026-01-01T00:00:00.000Z", "2026-01-01T00:25:00.000Z"];
    const seen: string[] = [];
    for (let next: string | undefined = from; next !== undefined; ) {
      const page = await tenant.client.get(`${source.path}/explain?from=${next}&to=${to}`);
      seen.push(...(page.at("entries") as { at: string }[]).map(({ at }) => at));
      next = page.at("nextFrom") === null ? undefined : page.text("nextFrom");
    }
    expect([seen.length, new Set(seen).size]).toEqual([1_500, 1_500]);
  });
});

describe("a polled source", () => {
  test("is explained by its items and the balance of its polls", async () => {
    const source = await publish(EVERY_MINUTE);
    const now = new Date();
    const items = [{ key: "a", occurredAt: now, input: {} }];
    const parked = [{ key: "uid:1/2 x", occurredAt: now, code: "DATA_UNREADABLE", message: "broken", reference: "item 2", raw: Buffer.from("raw") }] as const;
    await sql("UPDATE triggers SET kind = 'rss' WHERE id = $1::uuid", source.triggerId);
    await dispatch(source, { cursor: 1, items, parked, durationMs: 5 }, "rss");
    await dispatch(source, { cursor: 2, items, durationMs: 5 }, "rss");
    await dispatch(source, { error: { code: "CONNECTION_FAILED", message: "away" }, isConnected: false, durationMs: 5 }, "rss");
    const answer = await tenant.client.get(`${source.path}/explain?to=${new Date(Date.now() + MINUTE_MS).toISOString()}`);
    expect(reasons(answer).toSorted()).toEqual(["ACCEPTED", "PARKED"]);
    expect(answer.at("polls")).toEqual({ polls: 3, failed: 1, seen: 3, accepted: 1, duplicate: 1, filtered: 0, parked: 1 });
    const polls = await tenant.client.get(`${source.path}/polls?limit=2`);
    expect([polls.at("data", 0, "errorCode"), polls.at("data", 1, "duplicate")]).toEqual(["CONNECTION_FAILED", 1]);
    expect((await tenant.client.get(`${source.path}/polls?limit=2&pageToken=${polls.text("nextPageToken")}`)).at("data")).toHaveLength(1);
    const occurrences = await tenant.client.get(`${source.path}/occurrences?limit=1`);
    const rest = await tenant.client.get(`${source.path}/occurrences?limit=1&pageToken=${occurrences.text("nextPageToken")}`);
    expect(new Set([occurrences.at("data", 0, "key"), rest.at("data", 0, "key")])).toEqual(new Set(["a", "uid:1/2 x"]));
    expect((await tenant.client.get(`${source.path}/occurrences?reason=PARKED`)).at("data")).toMatchObject([{ key: "uid:1/2 x", detail: "broken" }]);
    expect((await tenant.client.get(`${source.path}/parked`)).at("data")).toMatchObject([{ key: "uid:1/2 x", code: "DATA_UNREADABLE", reference: "item 2", rawBytes: 3 }]);
    expect((await tenant.client.post(`${source.path}/parked/${encodeURIComponent("uid:1/2 x")}/dismiss`)).status).toBe(204);
    expect((await tenant.client.get(`${source.path}/parked`)).at("data")).toEqual([]);
    expect((await tenant.client.get(`${source.path}/parked?dismissed=true`)).at("data")).toHaveLength(1);
    expect((await tenant.client.post(`${source.path}/parked/nothing/dismiss`)).status).toBe(404);
    const look = await tenant.client.post(`${source.path}/run-now`);
    const waitMs = Date.parse(look.text("nextDueAt")) - Date.now();
    expect([look.status, look.at("executionId"), waitMs > 30_000 && waitMs <= 60_000]).toEqual([202, null, true]);
  });
});

describe("operations of a schedule", () => {
  test("trigger now starts one execution per idempotency key", async () => {
    const source = await publish(EVERY_MINUTE);
    const first = await tenant.client.post(`${source.path}/run-now`, undefined, { "idempotency-key": "once" });
    const second = await tenant.client.post(`${source.path}/run-now`, undefined, { "idempotency-key": "once" });
    expect([first.status, second.status, second.at("executionId") === first.at("executionId"), second.at("duplicate")]).toEqual([202, 200, true, true]);
    expect((await tenant.client.get(`/v1/executions/${first.text("executionId")}`)).at("input")).toMatchObject({ manual: true, timeZone: "UTC" });
  });

  test("nothing starts by hand while fifty executions of the tenant wait to start, but a repeat is answered", async () => {
    const source = await publish(EVERY_MINUTE);
    await sql("UPDATE executions SET status = 'CANCELED', completed_at = clock_timestamp() WHERE status = 'QUEUED'");
    const start = (key: string) => tenant.client.post(`${source.path}/run-now`, undefined, { "idempotency-key": key });
    for (let count = 0; count < 50; count += 1) expect((await start(`start-${count}`)).status).toBe(202);
    const refused = await start("one-more");
    expect([refused.status, refused.at("code"), refused.headers.get("retry-after")]).toEqual([429, "RATE_LIMITED", "5"]);
    expect((await start("start-7")).status).toBe(200);
    await sql("UPDATE executions SET status = 'CANCELED', completed_at = clock_timestamp() WHERE id IN (SELECT id FROM executions WHERE status = 'QUEUED' LIMIT 1)");
    expect((await start("one-more")).status).toBe(202);
    await sql("UPDATE executions SET status = 'CANCELED', completed_at = clock_timestamp() WHERE status = 'QUEUED'");
  });

  test("a backfill starts what has no execution and will get none, once", async () => {
    const source = await publish(EVERY_MINUTE);
    const since = await winded(source, 10);
    const at = (minutes: number) => ({ key: plus(since, minutes).toISOString(), occurredAt: plus(since, minutes) });
    await dispatch(source, {
      cursor: { lastAt: plus(since, 5).toISOString() },
      items: [{ ...at(1), input: {} }],
      marks: [{ ...at(2), reason: "MISFIRE_SKIPPED", detail: "late" }],
    });
    // Before the trigger, and decided without an occurrence: 0, 3, 4, 5; skipped: 2; accepted: 1; not decided yet: from 6 on.
    const range = { from: plus(since, -2).toISOString(), to: plus(since, 8).toISOString() };
    const begun = await tenant.client.post(`${source.path}/backfill`, { ...range, pacePerMinute: 6_000 });
    expect([begun.status, begun.at("status"), begun.at("started"), begun.at("pacePerMinute")]).toEqual([202, "RUNNING", 0, 6_000]);
    const path = `${source.path}/backfills/${begun.text("id")}`;
    await rounds(path, "DONE");
    expect((await tenant.client.get(path)).body).toMatchObject({ status: "DONE", started: 7, duplicate: 0, skipped: 3, nextFrom: range.to, abortReason: null });
    const again = await tenant.client.post(`${source.path}/backfill`, { ...range, pacePerMinute: 6_000 });
    await rounds(`${source.path}/backfills/${again.text("id")}`, "DONE");
    expect((await tenant.client.get(`${source.path}/backfills?limit=1`)).at("data")).toMatchObject([{ id: again.text("id"), started: 0, duplicate: 7, skipped: 3 }]);
    const executions = (await tenant.client.get(`/v1/executions?triggerId=${source.triggerId}&limit=100`)).at("data") as unknown[];
    expect(executions).toHaveLength(8);
    expect((await tenant.client.post(`${path}/abort`)).status).toBe(409);
    const future = await tenant.client.post(`${source.path}/backfill`, { from: range.from, to: LATER.toISOString() });
    expect([future.status, future.at("issues", 0, "path")]).toEqual([400, "/body/to"]);
  });

  test("a backfill can be aborted; what it started goes on, and no more than ten of a tenant run at one time", async () => {
    const source = await publish(EVERY_MINUTE);
    const since = await winded(source, 10);
    const range = { from: plus(since, -1_000).toISOString(), to: since.toISOString() };
    const begun = await tenant.client.post(`${source.path}/backfill`, range);
    const path = `${source.path}/backfills/${begun.text("id")}`;
    await backfills.tick();
    const aborted = await tenant.client.post(`${path}/abort`);
    expect([aborted.status, aborted.at("status"), aborted.at("abortReason"), aborted.at("started")]).toEqual([200, "ABORTED", "REQUESTED", 1]);
    await sql("UPDATE backfills SET next_at = clock_timestamp() - interval '1 hour'");
    await backfills.tick();
    expect((await tenant.client.get(path)).at("started")).toBe(1);
    // Of three triggers, whose requests do not wait for each other.
    const sources = [source, await publish(EVERY_MINUTE), await publish(EVERY_MINUTE)];
    const all = await Promise.all(Array.from({ length: 24 }, (_, index) => tenant.client.post(`${sources[index % 3]?.path}/backfill`, range)));
    expect(all.filter(({ status }) => status === 202)).toHaveLength(10);
    expect(new Set(all.filter(({ status }) => status !== 202).map((answer) => answer.at("code")))).toEqual(new Set(["STATE_CONFLICT"]));
    await sql("UPDATE backfills SET status = 'ABORTED', abort_reason = 'REQUESTED', completed_at = clock_timestamp() WHERE status = 'RUNNING'");
  });
});

describe("a preview", () => {
  test("of saved and unsaved schedules goes across a change of the clock", async () => {
    const when = { kind: "cron", expression: "30 2 * * *", timeZone: "Europe/Berlin" };
    const source = await publish({ when });
    const after = "2026-03-28T12:00:00Z";
    const saved = await tenant.client.get(`${source.path}/preview?count=2&after=${after}`);
    expect(saved.at("instants")).toEqual([
      { at: "2026-03-29T01:30:00.000Z", localTime: "2026-03-29T03:30:00.000+02:00", clockChange: "shifted" },
      { at: "2026-03-30T00:30:00.000Z", localTime: "2026-03-30T02:30:00.000+02:00" },
    ]);
    const unsaved = await tenant.client.post("/v1/schedules/preview", { params: { when }, count: 2, after });
    expect(unsaved.body).toEqual(saved.body);
    const wrong = await tenant.client.post("/v1/schedules/preview", { params: { when: { ...when, timeZone: "Mars/Olympus" } } });
    expect([wrong.status, wrong.at("issues", 0, "path")]).toEqual([400, "/body/params/when/timeZone"]);
  });

  test("of a schedule that ends before it starts is refused", async () => {
    const when = { kind: "interval", everySeconds: 60 };
    const turned = await tenant.client.post("/v1/schedules/preview", { params: { when, startAt: "2027-01-01T00:00:00+01:00", endAt: "2026-12-31T22:59:59Z" } });
    expect([turned.status, turned.at("issues", 0, "path")]).toEqual([400, "/body/params/endAt"]);
    const moment = await tenant.client.post("/v1/schedules/preview", { params: { when, startAt: "2027-01-01T00:00:00+01:00", endAt: "2026-12-31T23:00:00Z" } });
    expect(moment.status).toBe(200);
  });
});
