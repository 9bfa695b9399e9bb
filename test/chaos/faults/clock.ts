import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { addWorkflow, PLAN, seedWorkflow } from "@fluxo/prisma/testing/seed";
import pg from "pg";
import { migrate, serviceUrl, urlAs } from "../../../scripts/environment/services.ts";
import { childEnv, ROOT } from "../../../scripts/environment/state.ts";
import { startTestStores, type TestStores } from "../../../scripts/environment/stores.ts";
import { waitUntilHealthy, type ManagedProcess } from "../../../scripts/environment/processes.ts";
import { TEST_PASSWORDS } from "../../support/database.ts";
import type { Fault, FaultContext } from "./fault.ts";

const EVERY_SECOND = 8;
const SETTLED_WITHIN_MS = 90_000;
const READY_MS = 60_000;
const LEASE_MS = 6_000;
const LIBRARIES = ["/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1", "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1"];
const GRAPH = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };

/** A change of the clock of Europe/Berlin, and what a schedule at 02:00:30 by the wall clock has due in the minute after it. */
const CHANGES = [
  { name: "spring", at: "2027-03-28T01:00:00Z", policies: [{ gap: "shift", repeat: "first", isDue: true }, { gap: "skip", repeat: "first", isDue: false }] },
  { name: "autumn", at: "2027-10-31T01:00:00Z", policies: [{ gap: "shift", repeat: "both", isDue: true }, { gap: "shift", repeat: "second", isDue: true }, { gap: "shift", repeat: "first", isDue: false }] },
] as const;

/** The library that gives a process another clock; installed on Debian where that is allowed. @throws Error that says what to do */
function findFaketime(): string {
  const found = (): string | undefined => LIBRARIES.find((path) => existsSync(path));
  if (found() === undefined && process.getuid?.() === 0 && existsSync("/etc/debian_version")) {
    spawnSync("apt-get", ["-o", "DPkg::Lock::Timeout=180", "install", "-y", "--no-install-recommends", "faketime"], { stdio: ["ignore", "inherit", "inherit"], env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } });
  }
  const library = found();
  if (library === undefined) throw new Error("This fault needs libfaketime, which is not here: on Debian, apt-get install faketime.");
  return library;
}

/** A PostgreSQL and dispatchers of their own whose clock is a file's. Their time out and wait by the real one. */
class ClockStage {
  readonly #file: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #stores: TestStores;
  readonly #dispatchers = new Map<number, ManagedProcess>();
  readonly db: pg.Pool;

  private constructor(file: string, env: Readonly<Record<string, string>>, stores: TestStores) {
    this.#file = file;
    this.#env = env;
    this.#stores = stores;
    this.db = new pg.Pool({ connectionString: stores.databaseUrl, max: 3 });
    this.db.on("error", () => undefined);
  }

  static async start(dir: string, at: Date): Promise<ClockStage> {
    const file = join(dir, "clock");
    setClock(file, at);
    const env = { LD_PRELOAD: findFaketime(), FAKETIME_TIMESTAMP_FILE: file, FAKETIME_NO_CACHE: "1", FAKETIME_DONT_FAKE_MONOTONIC: "1", DONT_FAKE_MONOTONIC: "1" };
    const stores = await startTestStores({ dir, isDurable: true, postgresEnv: env });
    await migrate({ databaseUrl: stores.databaseUrl, appPassword: TEST_PASSWORDS.app, systemPassword: TEST_PASSWORDS.system });
    return new ClockStage(file, env, stores);
  }

  jumpTo(at: Date): void {
    setClock(this.#file, at);
  }

  async now(): Promise<Date> {
    const { rows } = await this.db.query<{ at: Date }>("SELECT clock_timestamp() AS at");
    if (rows[0] === undefined) throw new Error("PostgreSQL has no clock.");
    return rows[0].at;
  }

  async startDispatcher(index: number): Promise<void> {
    const { databaseUrl, redisUrl, supervisor, dir, ports } = this.#stores;
    // Nothing else of the plan runs here.
    const port = index === 1 ? ports.dispatchers : ports.worker;
    const env = childEnv({
      ...this.#env,
      FLUXO_APP_DATABASE_URL: urlAs(databaseUrl, "fluxo_app", TEST_PASSWORDS.app),
      FLUXO_SYSTEM_DATABASE_URL: urlAs(databaseUrl, "fluxo_system", TEST_PASSWORDS.system),
      REDIS_URL: redisUrl,
      FLUXO_MASTER_KEY: Buffer.alloc(32, 1).toString("base64"),
      DISPATCHER_LEASE_MS: String(LEASE_MS),
      LOG_LEVEL: "warn",
      HOST: "127.0.0.1",
      PORT: String(port),
    });
    const started = await supervisor.start({ name: `clock-dispatcher-${index}`, command: process.execPath, args: [join(ROOT, "dispatchers/src/main.ts"), "schedule"], env, cwd: ROOT, logFile: join(dir, `dispatcher-${index}.log`) });
    this.#dispatchers.set(index, started);
    await waitUntilHealthy(started, `${serviceUrl(port)}/readyz`, READY_MS);
  }

  /** SIGKILL at any instant, and another one in its place; resolves when that is ready. */
  async replaceDispatcher(index: number): Promise<void> {
    const running = this.#dispatchers.get(index);
    if (running !== undefined) {
      process.kill(running.pid, "SIGKILL");
      await running.exited;
    }
    await this.startDispatcher(index);
  }

  async stop(): Promise<void> {
    await this.db.end();
    await this.#stores.stop();
  }
}

/** Relative to the machine's clock, so that time goes on from there. */
function setClock(file: string, at: Date): void {
  const seconds = (at.getTime() - Date.now()) / 1_000;
  writeFileSync(file, `${seconds < 0 ? "-" : "+"}${Math.abs(seconds).toFixed(3)}\n`);
}

interface WatchedSchedules {
  /** Due in every second. */
  readonly everySecond: readonly string[];
  /** Due at 02:00:30 of the wall clock. */
  readonly atChange: readonly { readonly id: string; readonly isDue: boolean }[];
}

/** Schedules of a tenant of their own, armed now by the stage's clock. */
async function watchSchedules(db: pg.Pool, policies: (typeof CHANGES)[number]["policies"]): Promise<WatchedSchedules> {
  const { tenantId } = await seedWorkflow(db, GRAPH, PLAN.AGENCY);
  const add = async (expression: string, { gap, repeat }: { readonly gap: string; readonly repeat: string }): Promise<string> => {
    const { triggerId } = await addWorkflow(db, tenantId, GRAPH);
    const config = { when: { kind: "cron", expression, timeZone: "Europe/Berlin", gap, repeat }, overlap: "allow", misfire: "all" };
    await db.query("UPDATE triggers SET kind = 'schedule', config = $2 WHERE id = $1", [triggerId, JSON.stringify(config)]);
    await db.query(
      `INSERT INTO trigger_states (tenant_id, trigger_id, kind, source_key, armed_at, next_due_at, claimable_at)
       SELECT tenant_id, id, kind, '', clock_timestamp(), clock_timestamp(), clock_timestamp() FROM triggers WHERE id = $1`,
      [triggerId],
    );
    return triggerId;
  };
  const everySecond: string[] = [];
  for (let each = 0; each < EVERY_SECOND; each += 1) everySecond.push(await add("* * * * * *", { gap: "skip", repeat: "both" }));
  const atChange: { id: string; isDue: boolean }[] = [];
  for (const policy of policies) atChange.push({ id: await add("30 0 2 * * *", policy), isDue: policy.isDue });
  return { everySecond, atChange };
}

/** Ends all schedules soon by the stage's clock, and waits until everything up to then is decided. @throws Error when it is not */
async function endSchedules(db: pg.Pool): Promise<void> {
  await db.query(`UPDATE triggers SET config = config || jsonb_build_object('endAt', to_char(date_trunc('second', clock_timestamp() AT TIME ZONE 'UTC') + interval '2 seconds', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) WHERE kind = 'schedule'`);
  for (const deadline = Date.now() + SETTLED_WITHIN_MS; Date.now() < deadline; await sleep(200)) {
    const { rows } = await db.query<{ open: number }>("SELECT count(*)::int AS open FROM trigger_states s JOIN triggers t ON t.id = s.trigger_id WHERE s.next_due_at <= (t.config ->> 'endAt')::timestamptz");
    if (rows[0]?.open === 0) return;
  }
  const { rows } = await db.query("SELECT clock_timestamp() AS now, cursor, next_due_at, claimable_at, lease_until, error_message FROM trigger_states WHERE next_due_at IS NOT NULL LIMIT 2");
  throw new Error(`Schedules were not decided up to their end within ${SETTLED_WITHIN_MS} ms: ${JSON.stringify(rows)}`);
}

/** Compares what was due, by arithmetic alone, with what is recorded. @returns how many instants were due. @throws Error that says what of I1 to I3 does not hold */
async function assertDecided(db: pg.Pool, { everySecond, atChange }: WatchedSchedules, changeAt: string): Promise<number> {
  const dueIds = atChange.filter(({ isDue }) => isDue).map(({ id }) => id);
  const { rows } = await db.query<{ due: number; missing: number; extra: number; idle: number; doubled: number }>(
    `WITH due AS (
       SELECT s.trigger_id, at FROM trigger_states s JOIN triggers t ON t.id = s.trigger_id
       CROSS JOIN LATERAL generate_series(date_trunc('second', s.armed_at) + interval '1 second', (t.config ->> 'endAt')::timestamptz, interval '1 second') at WHERE s.trigger_id = ANY ($1)
       UNION ALL SELECT id, $3::timestamptz + interval '30 seconds' FROM unnest($2::uuid[]) id
     ), keyed AS (SELECT trigger_id, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS key FROM due),
     seen AS (SELECT o.*, (SELECT count(*) FROM executions e WHERE e.trigger_id = o.trigger_id AND e.occurrence_key = o.occurrence_key) AS executions FROM occurrences o WHERE o.trigger_id = ANY ($4))
     SELECT (SELECT count(*) FROM keyed)::int AS due,
            (SELECT count(*) FROM keyed d WHERE NOT EXISTS (SELECT FROM seen s WHERE s.trigger_id = d.trigger_id AND s.occurrence_key = d.key))::int AS missing,
            (SELECT count(*) FROM seen s WHERE NOT EXISTS (SELECT FROM keyed d WHERE s.trigger_id = d.trigger_id AND s.occurrence_key = d.key))::int AS extra,
            (SELECT count(*) FROM seen WHERE executions = 0)::int AS idle, (SELECT count(*) FROM seen WHERE executions > 1)::int AS doubled`,
    [everySecond, dueIds, changeAt, [...everySecond, ...atChange.map(({ id }) => id)]],
  );
  const [found] = rows;
  if (found === undefined || found.due === 0) throw new Error("Nothing could be compared.");
  const { due, missing, extra, idle, doubled } = found;
  const wrong = Object.entries({ "I3 due instants without occurrence": missing, "I1 occurrences of instants that were not due": extra, "I2 occurrences without execution": idle, "I1 instants with several executions": doubled }).filter(([, count]) => count > 0);
  if (wrong.length > 0) throw new Error(`Of ${due} due instants: ${wrong.map(([what, count]) => `${what}: ${count}`).join("; ")}`);
  return due;
}

/** Over the change and back, twice, with a dispatcher killed on each side. */
async function jumpOver({ history, random }: FaultContext, change: (typeof CHANGES)[number]): Promise<void> {
  const changeMs = Date.parse(change.at);
  const at = (seconds: number): Date => new Date(changeMs + seconds * 1_000);
  const dir = mkdtempSync(join(tmpdir(), "fluxo-clock-"));
  chmodSync(dir, 0o755);
  const stage = await ClockStage.start(dir, at(-20));
  try {
    await Promise.all([stage.startDispatcher(1), stage.startDispatcher(2)]);
    stage.jumpTo(at(-20));
    const watched = await watchSchedules(stage.db, change.policies);
    await sleep(random.between(2_000, 3_000));
    for (const [seconds, victim] of [[20, 1], [-15, 2], [45, 1], [-3_600, 2], [70, 1]] as const) {
      stage.jumpTo(at(seconds));
      history.add({ op: "clock jumped", change: change.name, to: (await stage.now()).toISOString() });
      await sleep(random.between(500, 1_500));
      await stage.replaceDispatcher(victim);
      await sleep(random.between(1_000, 2_500));
    }
    await endSchedules(stage.db);
    history.add({ op: "checked", change: change.name, due: await assertDecided(stage.db, watched, change.at) });
  } finally {
    await stage.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The clock of PostgreSQL and of the dispatchers, which is that of due instants and leases, jumps. */
export const clockFaults: readonly Fault[] = [
  {
    name: "clock-jumped",
    lane: "fast",
    description: "the clock of a PostgreSQL and its dispatchers jumps over a change to and from summer time and back, by up to an hour and five times each, with a dispatcher killed after every jump, while the rest is under load",
    run: async (context) => {
      for (const change of CHANGES) await jumpOver(context, change);
      context.back();
    },
  },
];
