import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Measured } from "../report.ts";
import { SCHEDULES, seedTriggers, windSchedules } from "./seed.ts";
import type { DispatchStage } from "./stage.ts";

/** Starts per second that are asked for, one after the other, until the lag is over the goal. */
const RATES = [100, 400, 1_600, 3_200] as const;
const LOAD_MS = 12_000;
const WARM_MS = 3_000;
/** How long it may take to put the schedules in their places. */
const WIND_MS = 15_000;
const LAG_MS_MAX = 2_000;
const BURST_MS = 20_000;
const BATCH = 500;

/** 100,000 schedules of 1,000 tenants: the lag under a uniform load, and how fast a burst is drained. */
export async function measureSchedules(stage: DispatchStage, rounds: number): Promise<Measured[]> {
  const { owner, print } = stage;
  await seedTriggers(owner, "schedule", SCHEDULES);
  let reached: { readonly rate: number; readonly lag: number } | undefined;
  for (const rate of RATES) {
    const begin = new Date(Date.now() + WIND_MS);
    await windSchedules(owner, Math.round(SCHEDULES / rate), begin, true);
    const { done, p99 } = await underLoad(stage, begin);
    print(`  ${rate} instants/s asked for: ${done.toFixed(0)}/s started, lag p99 ${p99.toFixed(0)} ms`);
    if (reached !== undefined && (p99 > LAG_MS_MAX || done < 0.9 * rate)) break;
    reached = { rate: done, lag: p99 };
  }
  const [drained, bare]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    await windSchedules(owner, 3_600, new Date(), false);
    drained.push(await drainBurst(stage));
    await windSchedules(owner, 3_600, new Date(), false);
    bare.push(await drainBare(stage));
  }
  return [
    { name: `lag p99 of ${SCHEDULES} schedules at the highest uniform rate that keeps it`, unit: "ms", values: [reached?.lag ?? Number.NaN], goal: { of: "value", is: "<=", bound: LAG_MS_MAX } },
    { name: "that rate", unit: "instants/s", values: [reached?.rate ?? Number.NaN] },
    { name: "drain of an all-at-once burst, beside a bare claim loop that writes one job per row", unit: "instants/s", values: drained, baselines: bare, goal: { of: "ratio", is: ">=", bound: 0.5 } },
  ];
}

/** Runs a dispatcher over what comes due. Lag: from the due instant to the commit of its execution, by PostgreSQL's own clock. */
async function underLoad({ owner, startDispatcher, stores }: DispatchStage, begin: Date): Promise<{ readonly done: number; readonly p99: number }> {
  const dispatcher = await startDispatcher("schedule");
  const warmAt = Math.max(begin.getTime(), Date.now()) + WARM_MS;
  await sleep(warmAt + LOAD_MS - Date.now());
  const { rows } = await owner.query<{ started: number; p99: number | null }>(
    `SELECT count(*)::int AS started, (percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM pg_xact_commit_timestamp(xmin) - occurred_at)) * 1000)::float8 AS p99
     FROM occurrences WHERE occurred_at >= $1 AND occurred_at < $1 + make_interval(secs => $2)`,
    [new Date(warmAt), (LOAD_MS - LAG_MS_MAX) / 1_000],
  );
  await stores.supervisor.stop(dispatcher);
  return { done: (rows[0]?.started ?? 0) / ((LOAD_MS - LAG_MS_MAX) / 1_000), p99: rows[0]?.p99 ?? Number.POSITIVE_INFINITY };
}

/** Instants per second that one dispatcher commits while far more is due; the start of the process does not count. */
async function drainBurst({ owner, startDispatcher, stores }: DispatchStage): Promise<number> {
  const dispatcher = await startDispatcher("schedule");
  await sleep(BURST_MS);
  await stores.supervisor.stop(dispatcher);
  const { rows } = await owner.query<{ rate: number }>(
    `SELECT (count(*) / extract(epoch FROM max(pg_xact_commit_timestamp(xmin)) - min(created_at)))::float8 AS rate FROM occurrences`,
  );
  return rows[0]?.rate ?? 0;
}

/**
 * What any queue on PostgreSQL does at least: claim due rows past the locks of others, write a job with a payload for each, move each, commit. No tenants,
 * no policies, no uniqueness over time, no events, no leases.
 */
async function drainBare({ owner, stores }: DispatchStage): Promise<number> {
  await owner.query("DROP TABLE IF EXISTS bare_jobs");
  await owner.query("CREATE TABLE bare_jobs (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), trigger_id uuid NOT NULL, due_at timestamptz NOT NULL, payload jsonb NOT NULL, created_at timestamptz NOT NULL DEFAULT now())");
  const client = new pg.Client({ connectionString: stores.databaseUrl });
  await client.connect();
  const begun = performance.now();
  let done = 0;
  try {
    while (performance.now() - begun < BURST_MS / 2) {
      const claimed = await client.query<{ tenant_id: string; trigger_id: string; next_due_at: Date }>({
        name: "claim",
        text: `UPDATE trigger_states s SET lease_owner = 'bare', lease_until = clock_timestamp() + interval '30 seconds', claimable_at = clock_timestamp() + interval '30 seconds'
               FROM (SELECT tenant_id, trigger_id FROM trigger_states WHERE kind = 'schedule' AND claimable_at <= clock_timestamp() ORDER BY claimable_at LIMIT ${BATCH} FOR UPDATE SKIP LOCKED) d
               WHERE s.tenant_id = d.tenant_id AND s.trigger_id = d.trigger_id RETURNING s.tenant_id, s.trigger_id, s.next_due_at`,
      });
      if (claimed.rows.length === 0) break;
      const jobs = claimed.rows.map(({ tenant_id: tenant, trigger_id: id, next_due_at: at }) => ({ tenant, id, at, payload: { scheduledAt: at, localTime: at, timeZone: "UTC", lateMs: 0, missed: 0 } }));
      await client.query({
        name: "commit",
        text: `WITH given AS (SELECT * FROM jsonb_to_recordset($1) AS j(tenant uuid, id uuid, at timestamptz, payload jsonb)), made AS (INSERT INTO bare_jobs (trigger_id, due_at, payload) SELECT id, at, payload FROM given)
               UPDATE trigger_states s SET next_due_at = s.next_due_at + interval '1 hour', claimable_at = s.next_due_at + interval '1 hour', lease_owner = NULL, lease_until = NULL, cursor = to_jsonb(s.next_due_at)
               FROM given g WHERE s.tenant_id = g.tenant AND s.trigger_id = g.id`,
        values: [JSON.stringify(jobs)],
      });
      done += claimed.rows.length;
    }
  } finally {
    await client.end();
  }
  return done / ((performance.now() - begun) / 1_000);
}
