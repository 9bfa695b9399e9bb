import { createPool } from "@fluxo/prisma/database/pool";
import { createTestDatabase, type TestDatabase } from "@fluxo/test/support/database";
import fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seenArrows, statusCommands } from "./testing/status/commands.ts";
import { StatusModel } from "./testing/status/model.ts";
import { StatusWorld, WORKFLOWS, type Pools } from "./testing/status/world.ts";

let database: TestDatabase;
let pools: Pools;
let runs = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  pools = {
    owner: new pg.Pool({ connectionString: database.ownerUrl, max: 1 }),
    app: createPool({ connectionString: database.appUrl, applicationName: "test", max: 3, role: "fluxo_app" }),
    system: createPool({ connectionString: database.systemUrl, applicationName: "test", max: 2, role: "fluxo_system" }),
  };
  await pools.owner.query(
    `CREATE TABLE status_log (seq bigserial PRIMARY KEY, tenant_id uuid NOT NULL, before text NOT NULL, after text NOT NULL);
     CREATE FUNCTION log_status() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
       $$ BEGIN INSERT INTO status_log (tenant_id, before, after) VALUES (NEW.tenant_id, OLD.status, NEW.status); RETURN NULL; END $$;
     CREATE TRIGGER status_log AFTER UPDATE OF status ON executions FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION log_status()`,
  );
});

afterAll(async () => {
  await Promise.all([pools.owner.end(), pools.app.end(), pools.system.end()]);
  await database.drop();
});

/** Every arrow of the machine. */
const ARROWS = [
  ...["QUEUED → RUNNING", "QUEUED → WAITING", "QUEUED → BLOCKED", "QUEUED → CANCELED", "RUNNING → WAITING", "RUNNING → SUCCESS", "RUNNING → FAILED", "RUNNING → CANCELED"],
  ...["WAITING → RUNNING", "WAITING → BLOCKED", "WAITING → CANCELED"],
];
const RUNS = 120;
const TIME_LIMIT_MS = 90_000;

test("whatever happens in whatever order, the database is where the model of the status machine is, and everything ends", { timeout: 2 * TIME_LIMIT_MS }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.commands(statusCommands, { maxCommands: 80, size: "max" }), async (commands) => {
      runs += 1;
      const model = new StatusModel(WORKFLOWS);
      const world = await StatusWorld.create(pools, runs, model.plan);
      try {
        await fc.asyncModelRun(() => ({ model, real: world }), commands);
        expect(await world.drain(), "everything ends").toEqual([]);
        const { slots, usage, executions } = await world.observe();
        expect({ slots, usage }).toEqual({ slots: 0, usage: { reserved: 0, used: executions.filter(({ epoch }) => epoch > 0).length } });
      } finally {
        await world.close();
      }
    }),
    { seed: Number(process.env["FLUXO_MODEL_SEED"] ?? 20_261_123), numRuns: RUNS, unbiased: true, interruptAfterTimeLimit: TIME_LIMIT_MS },
  );
  // A machine too busy for all the runs has proved less, but nothing wrong.
  if (runs >= RUNS) expect([...seenArrows].toSorted()).toEqual(ARROWS.toSorted());
});
