import type { JsonObject } from "@fluxo/core/json";
import { createPool } from "@fluxo/prisma/database/pool";
import { claimTriggers, extendTriggerLeases, type ClaimedTrigger } from "@fluxo/prisma/dispatch/claim";
import type { DispatchResult } from "@fluxo/prisma/dispatch/commit";
import { uuidV7 } from "@fluxo/prisma/ids";
import { addSource, seedWorkflow } from "@fluxo/prisma/testing/seed";
import { systemClock } from "@fluxo/runtime/clock";
import { createLogger, type Logger } from "@fluxo/runtime/logger";
import { createTestDatabase, type TestDatabase } from "@fluxo/test/support/database";
import pg from "pg";
import { PollRunner } from "../polling/poll-runner.ts";
import type { PolledSource } from "../polling/source.ts";

/** Where a source under test is set up: its tenant, and the stores of the test file. */
export interface SourcePlace {
  readonly tenantId: string;
  /** Connections of the database's owner. */
  readonly owner: pg.Pool;
  readonly app: pg.Pool;
  readonly system: pg.Pool;
  readonly redisUrl: string;
  readonly logger: Logger;
}

/** A real source that a test can fill, such as a feed on a local server. It is empty, or holds what no test added. */
export interface SourceUnderTest {
  /** The trigger's parameters in their published form, with defaults. */
  readonly config: JsonObject;
  /** Most items that one look takes. */
  readonly pageSize: number;
  /** The dispatcher's side of the source as a new process makes it: what it learned before, it does not know. */
  open(): PolledSource;
  /** Adds items, all of them there when it resolves. */
  add(count: number): Promise<void>;
  /** Adds an item that cannot be read. */
  addPoison(): Promise<void>;
  close(): Promise<void>;
}

/** Sets a source up. What it needs in the database it writes itself (a credential of `place.tenantId`). */
export type SourceHarness = (place: SourcePlace) => Promise<SourceUnderTest>;

/** A source with its trigger. */
export interface StagedSource {
  readonly tenantId: string;
  readonly triggerId: string;
  readonly source: SourceUnderTest;
}

/** What became of a trigger so far, by SQL. */
export interface Tally {
  readonly executions: number;
  readonly parked: number;
  /** Occurrences of any reason. */
  readonly occurrences: number;
}

const GRAPH = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };
const LEASE_MS = 60_000;
const LOOK_TIMEOUT_MS = 30_000;
const LOOKS_MAX = 20;

/** A database of its own, and the hands of dispatchers: claims, looks, lost leases, crashes. */
export class SourceStage {
  readonly #database: TestDatabase;
  readonly #harness: SourceHarness;
  readonly #sources: StagedSource[] = [];
  readonly owner: pg.Pool;
  readonly app: pg.Pool;
  readonly system: pg.Pool;
  readonly redisUrl = process.env["FLUXO_TEST_REDIS_URL"] ?? "";
  readonly logger = createLogger({ service: "test", level: "silent" });

  private constructor(database: TestDatabase, harness: SourceHarness) {
    this.#database = database;
    this.#harness = harness;
    this.owner = new pg.Pool({ connectionString: database.ownerUrl, max: 2 });
    this.app = createPool({ connectionString: database.appUrl, applicationName: "test", max: 4, role: "fluxo_app" });
    this.system = createPool({ connectionString: database.systemUrl, applicationName: "test", max: 4, role: "fluxo_system" });
  }

  static async open(harness: SourceHarness): Promise<SourceStage> {
    return new SourceStage(await createTestDatabase(), harness);
  }

  get urls(): TestDatabase {
    return this.#database;
  }

  /** A source of a new tenant, due now, before its baseline. */
  async stage(): Promise<StagedSource> {
    const workflow = await seedWorkflow(this.owner, GRAPH);
    const { owner, app, system, redisUrl, logger } = this;
    const source = await this.#harness({ tenantId: workflow.tenantId, owner, app, system, redisUrl, logger });
    const triggerId = await addSource(this.owner, workflow, source.open().kind, source.config);
    const staged = { tenantId: workflow.tenantId, triggerId, source };
    this.#sources.push(staged);
    return staged;
  }

  /** A source of a new tenant whose baseline is taken. */
  async stageWatched(): Promise<StagedSource> {
    const staged = await this.stage();
    await this.look(staged);
    return staged;
  }

  /** Ends the sources of a test; nothing claims their triggers any more. */
  async clear(): Promise<void> {
    await this.owner.query("UPDATE trigger_states SET next_due_at = NULL, claimable_at = NULL, lease_owner = NULL, lease_until = NULL");
    await Promise.all(this.#sources.splice(0).map(({ source }) => source.close()));
  }

  async close(): Promise<void> {
    await Promise.all([this.owner.end(), this.app.end(), this.system.end()]);
    await this.#database.drop();
  }

  /** Makes a trigger due, and ends the lease that somebody may hold. A second back, because the clocks of two processors may differ. */
  async makeDue({ triggerId }: StagedSource): Promise<void> {
    await this.owner.query(
      `UPDATE trigger_states SET next_due_at = clock_timestamp() - interval '1 second', claimable_at = clock_timestamp() - interval '1 second',
              lease_until = CASE WHEN lease_owner IS NOT NULL THEN clock_timestamp() - interval '1 second' END WHERE trigger_id = $1`,
      [triggerId],
    );
  }

  /** Makes a trigger due, unless somebody holds it. */
  async hasten({ triggerId }: StagedSource): Promise<void> {
    await this.owner.query("UPDATE trigger_states SET next_due_at = date_trunc('milliseconds', clock_timestamp()), claimable_at = date_trunc('milliseconds', clock_timestamp()) WHERE trigger_id = $1 AND lease_owner IS NULL", [triggerId]);
  }

  /** Claims a trigger for a process. @throws Error when it cannot be claimed */
  async claim(staged: StagedSource, process = "a"): Promise<ClaimedTrigger> {
    await this.makeDue(staged);
    const claimed = await claimTriggers(this.system, { kind: staged.source.open().kind, owner: process, leaseMs: LEASE_MS, limit: 100 });
    const own = claimed.find(({ triggerId }) => triggerId === staged.triggerId);
    if (own === undefined) throw new Error("The trigger was not claimed.");
    return own;
  }

  /** The runner of a process that was just started. @param app its connections, where they are to break */
  runner({ source }: StagedSource, process = "a", app: pg.Pool = this.app): PollRunner {
    return new PollRunner({ source: source.open(), owner: process, app, ids: uuidV7, clock: systemClock, random: () => 0, logger: this.logger, timeoutMs: LOOK_TIMEOUT_MS, keepLease: this.keepLease(process) });
  }

  /** How a process keeps the lease of a look that takes long. */
  keepLease(process: string): (claimed: ClaimedTrigger) => Promise<boolean> {
    return async (claimed) => (await extendTriggerLeases(this.system, process, [claimed], LEASE_MS)).has(claimed.triggerId);
  }

  /** One look by a new process. Undefined when its lease was lost. */
  async look(staged: StagedSource, process = "a"): Promise<DispatchResult | undefined> {
    return this.runner(staged, process).run(await this.claim(staged, process));
  }

  /** Looks until so many occurrences are recorded, each look by a new process. @throws Error when they are not after many looks */
  async lookUntil(staged: StagedSource, occurrences: number): Promise<Tally> {
    for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
      await this.look(staged);
      const tally = await this.tally(staged);
      if (tally.occurrences >= occurrences) return tally;
    }
    throw new Error(`After ${LOOKS_MAX} looks there are ${JSON.stringify(await this.tally(staged))}, not ${occurrences} occurrences. State: ${JSON.stringify(await this.state(staged))}`);
  }

  async tally({ triggerId }: StagedSource): Promise<Tally> {
    const { rows } = await this.owner.query<Tally>(
      `SELECT (SELECT count(*)::int FROM executions WHERE trigger_id = $1) AS executions, (SELECT count(*)::int FROM parked_items WHERE trigger_id = $1) AS parked,
              (SELECT count(*)::int FROM occurrences WHERE trigger_id = $1) AS occurrences`,
      [triggerId],
    );
    if (rows[0] === undefined) throw new Error("Nothing was counted.");
    return rows[0];
  }

  /** The trigger's row of state. */
  async state({ triggerId }: StagedSource): Promise<Record<string, unknown>> {
    const { rows } = await this.owner.query<Record<string, unknown>>("SELECT cursor, lease_epoch AS epoch, next_due_at <= clock_timestamp() AS is_due, failures, error_code, error_message FROM trigger_states WHERE trigger_id = $1", [triggerId]);
    return rows[0] ?? {};
  }

  /** Connections of fluxo_app that can be one only, so that a test can hold it, or open a transaction on it. */
  onlyConnection(): pg.Pool {
    const pool = new pg.Pool({ connectionString: this.#database.appUrl, max: 1 });
    pool.on("error", () => undefined);
    return pool;
  }
}
