import { setTimeout as sleep } from "node:timers/promises";
import { addWorkflow, PLAN, seedWorkflow } from "@fluxo/prisma/testing/seed";
import type pg from "pg";
import { DISPATCHER_LEASE_MS, DISPATCHERS } from "../system.ts";
import type { Fault, FaultContext } from "./fault.ts";

const SCHEDULES = 12;
const EVERY_SECONDS = 2;
const KILLS = 6;
const PAUSES = 3;
const STORE_RESTARTS = 2;
const SETTLED_WITHIN_MS = 60_000;
/** Everything that was missed is made up for, so that an instant that nobody decided cannot hide behind a policy. */
const CONFIG = { when: { kind: "interval", everySeconds: EVERY_SECONDS }, overlap: "allow", misfire: "all" };
const GRAPH = { nodes: [{ id: "start", type: "trigger.schedule", params: CONFIG }], edges: [] };

/** Schedules of a tenant of their own that come due again and again, spread over the seconds. @returns the ids of their triggers */
async function watchSchedules(db: pg.Pool): Promise<string[]> {
  const { tenantId } = await seedWorkflow(db, GRAPH, PLAN.AGENCY);
  const ids: string[] = [];
  for (let each = 0; each < SCHEDULES; each += 1) {
    const { triggerId } = await addWorkflow(db, tenantId, GRAPH);
    const anchor = new Date(Math.round((each * EVERY_SECONDS * 1_000) / SCHEDULES)).toISOString();
    await db.query("UPDATE triggers SET kind = 'schedule', config = $2 WHERE id = $1", [triggerId, JSON.stringify({ ...CONFIG, when: { ...CONFIG.when, anchor } })]);
    await db.query(
      `INSERT INTO trigger_states (tenant_id, trigger_id, kind, source_key, armed_at, next_due_at, claimable_at) SELECT tenant_id, id, kind, '', now(), now(), now() FROM triggers WHERE id = $1`,
      [triggerId],
    );
    ids.push(triggerId);
  }
  return ids;
}

/** Ends the schedules and waits until dispatchers have decided everything up to the end. @throws Error when they do not */
async function endSchedules(db: pg.Pool, ids: readonly string[]): Promise<void> {
  await db.query(`UPDATE triggers SET config = config || jsonb_build_object('endAt', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) WHERE id = ANY ($1)`, [ids]);
  for (const deadline = Date.now() + SETTLED_WITHIN_MS; Date.now() < deadline; await sleep(200)) {
    const { rows } = await db.query<{ open: number }>("SELECT count(*)::int AS open FROM trigger_states WHERE trigger_id = ANY ($1) AND next_due_at IS NOT NULL", [ids]);
    if (rows[0]?.open === 0) return;
  }
  throw new Error(`Schedules were not decided up to their end within ${SETTLED_WITHIN_MS} ms.`);
}

/** Compares what was due, by arithmetic, with what is recorded. @returns how many instants were due. @throws Error that says what of I1 to I3 does not hold */
async function assertDecided(db: pg.Pool, ids: readonly string[]): Promise<number> {
  const { rows } = await db.query<{ due: number; missing: number; extra: number; idle: number; doubled: number; passed: number }>(
    `WITH known AS (
       SELECT s.trigger_id, s.armed_at, s.cursor ->> 'lastAt' AS last_at, (t.config ->> 'endAt')::timestamptz AS end_at, (t.config -> 'when' ->> 'anchor')::timestamptz AS anchor
       FROM trigger_states s JOIN triggers t ON t.id = s.trigger_id WHERE s.trigger_id = ANY ($1)
     ), due AS (
       SELECT k.trigger_id, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS key
       FROM known k CROSS JOIN LATERAL generate_series(k.anchor + make_interval(secs => $2 * (floor(extract(epoch FROM k.armed_at - k.anchor) / $2) + 1)), k.end_at, make_interval(secs => $2)) at
     ), seen AS (
       SELECT o.*, (SELECT count(*) FROM executions e WHERE e.trigger_id = o.trigger_id AND e.occurrence_key = o.occurrence_key) AS executions FROM occurrences o WHERE o.trigger_id = ANY ($1)
     )
     SELECT (SELECT count(*) FROM due)::int AS due,
            (SELECT count(*) FROM due d WHERE NOT EXISTS (SELECT FROM seen s WHERE s.trigger_id = d.trigger_id AND s.occurrence_key = d.key))::int AS missing,
            (SELECT count(*) FROM seen s WHERE NOT EXISTS (SELECT FROM due d WHERE s.trigger_id = d.trigger_id AND s.occurrence_key = d.key))::int AS extra,
            (SELECT count(*) FROM seen WHERE executions = 0)::int AS idle, (SELECT count(*) FROM seen WHERE executions > 1)::int AS doubled,
            (SELECT count(*) FROM known k WHERE k.last_at > (SELECT max(s.occurrence_key) FROM seen s WHERE s.trigger_id = k.trigger_id))::int AS passed`,
    [ids, EVERY_SECONDS],
  );
  const [found] = rows;
  if (found === undefined) throw new Error("Nothing could be compared.");
  const { due, missing, extra, idle, doubled, passed } = found;
  const wrong = Object.entries({ "I3 due instants without occurrence": missing, "I1 occurrences of instants that were not due": extra, "I2 occurrences without execution": idle, "I1 instants with several executions": doubled, "I3 cursors past their last occurrence": passed }).filter(([, count]) => count > 0);
  if (wrong.length > 0) throw new Error(`Of ${due} due instants: ${wrong.map(([what, count]) => `${what}: ${count}`).join("; ")}`);
  return due;
}

/** Has schedules come due while `breaks` does what it does, and judges them. */
async function underSchedules(context: FaultContext, breaks: () => Promise<void>): Promise<void> {
  const { db, history } = context;
  const ids = await watchSchedules(db);
  try {
    await sleep(EVERY_SECONDS * 1_000);
    await breaks();
    context.back();
    await sleep(EVERY_SECONDS * 1_000);
  } finally {
    await endSchedules(db, ids);
  }
  history.add({ op: "checked", schedules: ids.length, due: await assertDecided(db, ids) });
}

/** Dispatchers that die or are paused past their leases, and stores that restart under them. */
export const dispatcherFaults: readonly Fault[] = [
  {
    name: "dispatcher-killed",
    lane: "fast",
    description: `SIGKILL of a dispatcher of schedules at any instant, ${KILLS} times, at the end of both at once`,
    run: (context) =>
      underSchedules(context, async () => {
        const { system, random } = context;
        for (let kill = 0; kill < KILLS; kill += 1) {
          const victims = kill === KILLS - 1 ? DISPATCHERS : [random.next() < 0.5 ? DISPATCHERS[0] : DISPATCHERS[1]];
          await sleep(random.between(100, 1_500));
          await Promise.all(victims.map((victim) => system.kill(victim)));
          await sleep(random.between(0, 500));
          await Promise.all(victims.map((victim) => system.start(victim)));
        }
      }),
  },
  {
    name: "dispatcher-paused-past-lease",
    lane: "fast",
    description: `SIGSTOP of a dispatcher past its leases of ${DISPATCHER_LEASE_MS} ms at any instant, ${PAUSES} times, then SIGCONT: what it commits late must be refused`,
    run: (context) =>
      underSchedules(context, async () => {
        const { system, random } = context;
        for (let pause = 0; pause < PAUSES; pause += 1) {
          const victim = random.next() < 0.5 ? DISPATCHERS[0] : DISPATCHERS[1];
          await sleep(random.between(100, 1_500));
          system.signal(victim, "SIGSTOP");
          try {
            await sleep(DISPATCHER_LEASE_MS + random.between(500, 1_500));
          } finally {
            system.signal(victim, "SIGCONT");
          }
        }
      }),
  },
  {
    name: "dispatcher-stores-restarted",
    lane: "fast",
    description: `PostgreSQL stopped in immediate mode and Redis killed under dispatchers, ${STORE_RESTARTS} times each, and started again`,
    run: (context) =>
      underSchedules(context, async () => {
        const { system, random } = context;
        for (let restart = 0; restart < STORE_RESTARTS; restart += 1) {
          await sleep(random.between(500, 2_000));
          await system.kill("postgres", "SIGQUIT");
          await sleep(random.between(200, 1_500));
          await system.startStore("postgres");
          await sleep(random.between(500, 2_000));
          await system.kill("redis");
          await sleep(random.between(200, 1_500));
          await system.startStore("redis");
        }
      }),
  },
];
