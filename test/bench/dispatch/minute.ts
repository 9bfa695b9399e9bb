import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import { PgBoss } from "pg-boss";
import type { Measured } from "../report.ts";
import { seedTriggers } from "./seed.ts";
import type { DispatchStage } from "./stage.ts";

/** Of either side. pg-boss creates 50 jobs per turn of its worker, so this many take it twenty turns. */
const COUNT = 1_000;
const QUEUE = "minute";
const SCHEMA = "pgboss";
const MINUTE_MS = 60_000;
/** A minute that is older is not begun with: pg-boss looks back for one minute. */
const OLD_MS = 30_000;
const ROUND_MS = 45_000;
const ASKED_EVERY_MS = 100;

/** Cron schedules that are all due at one minute: how fast their executions are made, beside how fast pg-boss makes its jobs. */
export async function measureMinute(stage: DispatchStage, rounds: number): Promise<Measured[]> {
  const { owner } = stage;
  const { rows } = await owner.query<{ count: number }>("SELECT count(*)::int AS count FROM triggers WHERE kind = 'schedule'");
  if ((rows[0]?.count ?? 0) === 0) await seedTriggers(owner, "schedule", COUNT);
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    ours.push(await fireOurs(stage, await freshMinute()));
    theirs.push(await fireTheirs(stage, await freshMinute()));
  }
  return [{ name: `${COUNT} cron schedules of one minute, from the first to the last start, beside pg-boss' cron`, unit: "starts/s", values: ours, baselines: theirs }];
}

/** The beginning of a minute that has just begun. */
async function freshMinute(): Promise<Date> {
  const intoMs = Date.now() % MINUTE_MS;
  if (intoMs > OLD_MS) await sleep(MINUTE_MS - intoMs);
  return new Date(Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS);
}

/** Once a day, so that the next minute adds nothing to what is counted. */
function dailyAt(minute: Date): string {
  return `${minute.getUTCMinutes()} ${minute.getUTCHours()} * * *`;
}

async function fireOurs({ owner, startDispatcher, stores }: DispatchStage, minute: Date): Promise<number> {
  await owner.query("TRUNCATE occurrences, executions, outbox, payloads CASCADE");
  await owner.query("UPDATE trigger_states SET next_due_at = clock_timestamp() + interval '1 year', claimable_at = clock_timestamp() + interval '1 year', lease_owner = NULL, lease_until = NULL WHERE kind = 'schedule'");
  await owner.query(
    `WITH chosen AS (SELECT id FROM triggers WHERE kind = 'schedule' ORDER BY id LIMIT ${COUNT}),
     told AS (UPDATE triggers t SET config = jsonb_build_object('overlap', 'allow', 'when', jsonb_build_object('kind', 'cron', 'expression', $2::text, 'timeZone', 'UTC')) FROM chosen c WHERE t.id = c.id)
     UPDATE trigger_states s
     SET cursor = jsonb_build_object('lastAt', to_char(($1::timestamptz - interval '1 day') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')),
         armed_at = $1::timestamptz - interval '2 days', next_due_at = $1, claimable_at = $1, last_execution_id = NULL
     FROM chosen c WHERE s.trigger_id = c.id`,
    [minute, dailyAt(minute)],
  );
  await owner.query("VACUUM ANALYZE trigger_states");
  const dispatcher = await startDispatcher("schedule");
  try {
    return await rateOfRows(owner, "SELECT created_at AS begun_at, pg_xact_commit_timestamp(xmin) AS ended_at FROM occurrences");
  } finally {
    await stores.supervisor.stop(dispatcher);
  }
}

/** One instance in this process, its intervals as short as it allows. Its schedules are there before it starts, as ours are. */
async function fireTheirs({ owner, stores }: DispatchStage, minute: Date): Promise<number> {
  const options = { connectionString: stores.databaseUrl, schema: SCHEMA, supervise: false, cronWorkerIntervalSeconds: 1, cronMonitorIntervalSeconds: 1 };
  await owner.query(`DROP SCHEMA IF EXISTS ${SCHEMA} CASCADE`);
  const errors: Error[] = [];
  const boss = async <T>(isScheduling: boolean, work: (boss: PgBoss) => Promise<T>): Promise<T> => {
    const started = new PgBoss({ ...options, schedule: isScheduling });
    started.on("error", (error) => errors.push(error));
    await started.start();
    try {
      return await work(started);
    } finally {
      await started.stop({ graceful: false });
    }
  };
  await boss(false, async (writing) => {
    await writing.createQueue(QUEUE);
    for (let n = 0; n < COUNT; n += 1) await writing.schedule(QUEUE, dailyAt(minute), { n }, { tz: "UTC", key: `schedule-${n}` });
  });
  const rate = await boss(true, () => rateOfRows(owner, `SELECT created_on AS begun_at, pg_xact_commit_timestamp(xmin) AS ended_at FROM ${SCHEMA}.job WHERE name = '${QUEUE}'`));
  if (errors[0] !== undefined) throw errors[0];
  await owner.query(`DROP SCHEMA ${SCHEMA} CASCADE`);
  return rate;
}

/**
 * Waits for the rows of all schedules.
 * @param made selects begun_at (start of the transaction) and ended_at (its commit) of each row
 * @returns rows per second from the begin of the first to the commit of the last. @throws Error when there are not `COUNT` of them in time
 */
async function rateOfRows(owner: pg.Pool, made: string): Promise<number> {
  const deadline = Date.now() + ROUND_MS;
  for (;;) {
    const { rows } = await owner.query<{ count: number; rate: number | null }>(`SELECT count(*)::int AS count, (count(*) / extract(epoch FROM max(ended_at) - min(begun_at)))::float8 AS rate FROM (${made}) made`);
    const { count = 0, rate = null } = rows[0] ?? {};
    if (count === COUNT && rate !== null) return rate;
    if (count > COUNT || Date.now() > deadline) throw new Error(`Of ${COUNT} schedules ${count} were started.`);
    await sleep(ASKED_EVERY_MS);
  }
}
