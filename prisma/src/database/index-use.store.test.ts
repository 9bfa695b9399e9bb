import type pg from "pg";
import { beforeAll, expect, test } from "vitest";
import { cancelExecution } from "../executions/cancel.ts";
import { claimExecutions } from "../executions/claim.ts";
import { intake } from "../executions/intake.ts";
import { recordNodes, type JournalRow } from "../executions/journal.ts";
import { extendLeases } from "../executions/leases.ts";
import { settleExecutions } from "../executions/settle.ts";
import { uuidV7 } from "../ids.ts";
import { claimOutbox, markSent } from "../relay/outbox.ts";
import { sweep } from "../relay/sweep.ts";
import { addPlan, occurrenceOf, seedWorkflow, type SeededWorkflow } from "../testing/seed.ts";
import { useTestDatabase } from "../testing/test-database.ts";

const GRAPH = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };
/** Executions of one tenant that wait in the outbox, and such that ended. */
const BACKLOG = 50_000;
const ENDED = 50_000;
const BATCH = 20;
/** PostgreSQL plans anew for the first five calls of a statement, and may keep a plan for any values from then on. */
const CALLS = 8;
/** Reads of rows that a call may cost, whatever the tables hold: a small multiple of its batch. */
const READS_MAX = 60 * BATCH;

// One connection each, so that what a call read can be counted as soon as it is over.
const { owner, app, system } = await useTestDatabase({ app: 1, system: 1 });
let workflow: SeededWorkflow;

beforeAll(async () => {
  workflow = await seedWorkflow(owner, GRAPH, await addPlan(owner, { executionsPerMonth: 1_000_000, concurrencyMax: 1_000_000 }));
  await fill(workflow);
});

/** One large tenant: what ended, a backlog, ten thousand that wait, and five hundred that run. */
async function fill({ tenantId, workflowId, versionId, triggerId }: SeededWorkflow): Promise<void> {
  const insert = (count: number, status: string, columns = "", values = ""): Promise<unknown> =>
    owner.query(
      `INSERT INTO executions (tenant_id, id, workflow_id, version_id, trigger_id, trigger_node_id, status, concurrency_class, queued_at${columns})
       SELECT $1, gen_random_uuid(), $2, $3, $4, 'start', $5, 'small', now() - n * interval '1 second'${values} FROM generate_series(1, ${count}) n`,
      [tenantId, workflowId, versionId, triggerId, status],
    );
  await insert(ENDED, "SUCCESS", ", completed_at, released_at, started_at, lease_epoch", ", now(), now() - interval '1 hour', now(), 1");
  await insert(BACKLOG, "QUEUED", ", updated_at", ", now() - interval '1 hour'");
  await insert(10_000, "WAITING", ", reason, resume_at, lease_epoch, released_at", ", 'DELAY', now() + interval '1 day', 1, now()");
  await insert(500, "RUNNING", ", lease_owner, lease_until, lease_epoch, released_at", ", 'another', now() + interval '1 day', 1, now()");
  await owner.query("INSERT INTO outbox (tenant_id, execution_id, concurrency_class, event_id) SELECT tenant_id, id, 'small', id::text FROM executions WHERE status = 'QUEUED'");
  await owner.query(
    `INSERT INTO node_executions (tenant_id, execution_id, node_id, position, node_type, node_name, status, attempt, epoch)
     SELECT tenant_id, id, 'start', 0, 'trigger.manual', 'start', 'SUCCESS', 1, 1 FROM executions WHERE lease_epoch = 1`,
  );
  await owner.query(
    `INSERT INTO occurrences (tenant_id, trigger_id, occurrence_key, reason, execution_id, occurred_at)
     SELECT tenant_id, trigger_id, id::text, 'ACCEPTED', id, now() FROM executions WHERE completed_at IS NOT NULL`,
  );
  await owner.query("INSERT INTO reservations (tenant_id, execution_id, metric, window_start, amount) SELECT tenant_id, id, 'executions', now(), 1 FROM executions WHERE status IN ('RUNNING', 'WAITING')");
  await owner.query("INSERT INTO concurrency_slots (tenant_id, used) VALUES ($1, 500)", [tenantId]);
  await owner.query("ANALYZE");
  // What filling has read is told now, and not counted for a call later on.
  await owner.query("SELECT pg_stat_force_next_flush()");
}

interface Reads {
  readonly table: string;
  readonly sequentialScans: number;
  readonly rows: number;
}

/** What has been read of the tables that grow. Statistics of a connection are told when its transaction ends, if it is asked to. */
async function readsSoFar(pool: pg.Pool): Promise<Reads[]> {
  await pool.query("SELECT pg_stat_force_next_flush()");
  const { rows } = await owner.query<Reads>(
    `SELECT relname AS table, seq_scan::int AS "sequentialScans", (seq_tup_read + coalesce(idx_tup_fetch, 0))::int AS rows FROM pg_stat_user_tables
     WHERE relname IN ('executions', 'outbox', 'node_executions', 'occurrences', 'reservations', 'payloads') ORDER BY relname`,
  );
  return rows;
}

/** Calls again and again, and fails for a call that scans a table, or reads many more rows than it was asked about. */
async function expectIndexes(pool: pg.Pool, call: () => Promise<unknown>, readsMax = READS_MAX): Promise<void> {
  for (let count = 0; count < CALLS; count += 1) {
    const before = await readsSoFar(pool);
    await call();
    const after = await readsSoFar(pool);
    for (const [index, { table, sequentialScans, rows }] of after.entries()) {
      // An empty table is best scanned.
      if (table !== "payloads") expect(sequentialScans - (before[index]?.sequentialScans ?? 0), `sequential scans of ${table} in call ${count}`).toBe(0);
      expect(rows - (before[index]?.rows ?? 0), `rows of ${table} read in call ${count}`).toBeLessThan(readsMax);
    }
  }
}

/** Accepts and claims a batch. */
async function running(): Promise<{ executionId: string; epoch: number }[]> {
  const items = Array.from({ length: BATCH }, () => occurrenceOf(workflow));
  await intake(app, items);
  const { claimed } = await claimExecutions(app, { tenantId: workflow.tenantId, executionIds: items.map(({ executionId }) => executionId), owner: "w", leaseMs: 60_000, nodeTiers: {}, keepStarved: "never" });
  expect(claimed).toHaveLength(BATCH);
  return claimed.map(({ executionId, epoch }) => ({ executionId, epoch }));
}

function rowOf(executionId: string, epoch: number): JournalRow {
  return {
    ...{ tenantId: workflow.tenantId, executionId, epoch, nodeId: "start", item: 0, position: 0, nodeType: "trigger.manual", nodeName: "start", integration: null },
    ...{ status: "SUCCESS", attempt: 1, ports: ["main"], usage: null, output: {}, payloadId: uuidV7.next(), failure: null, attempts: [], startedAt: null, completedAt: null, resumeAt: null, reason: null },
  };
}

test("intake and cancel read what they are asked about", async () => {
  const known = occurrenceOf(workflow);
  await intake(app, [known]);
  await expectIndexes(app, () => intake(app, [known, ...Array.from({ length: BATCH }, () => occurrenceOf(workflow))]));
  await expectIndexes(app, async () => {
    const item = occurrenceOf(workflow);
    await intake(app, [item]);
    await cancelExecution(app, workflow.tenantId, item.executionId);
  });
});

test("claim, record, heartbeat and settle read what they are asked about", async () => {
  const { tenantId } = workflow;
  await expectIndexes(app, running);
  await expectIndexes(app, async () => {
    const batch = await running();
    await recordNodes(app, batch.map(({ executionId, epoch }) => rowOf(executionId, epoch)));
  });
  await expectIndexes(app, async () => {
    const [waits, ...ends] = await running();
    const item = { tenantId, payloadId: uuidV7.next() };
    const settled = await settleExecutions(app, [
      ...ends.map((execution) => ({ ...item, ...execution, settlement: { status: "SUCCESS", output: {} } as const })),
      { ...item, executionId: "", epoch: 0, ...waits, settlement: { status: "WAITING", reason: "DELAY", resumeAt: new Date(Date.now() + 86_400_000) } as const },
    ]);
    expect(settled.size).toBe(BATCH);
  });
  const held = (await running()).map((execution) => ({ tenantId, ...execution }));
  await expectIndexes(system, () => extendLeases(system, "w", 60_000, held));
});

test("the relay reads what it takes, however long the backlog is", async () => {
  await expectIndexes(system, async () => {
    const entries = await claimOutbox(system, { owner: "relay", limit: BATCH, leaseMs: 600_000, outstandingMax: 10_000 });
    expect(entries).toHaveLength(BATCH);
    await markSent(system, "relay", entries);
  });
});

test("the sweep scans no table and looks at nothing that ended or has been sent, only once at each entry that waits in the outbox", async () => {
  await expectIndexes(system, () => sweep(system, 60_000, BATCH), BACKLOG + READS_MAX);
});
