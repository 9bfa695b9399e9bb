import { randomBytes, randomUUID } from "node:crypto";
import type { TenantDb } from "@fluxo/prisma/database/tenant-db";
import { createBulkOperation } from "@fluxo/prisma/executions/bulk";
import { uuidV7 } from "@fluxo/prisma/ids";
import type { OperationKind } from "@fluxo/prisma/operations/turns";
import { createBackfill } from "@fluxo/prisma/repositories/backfills";
import { addSource, queueExecutions, seedWorkflow } from "@fluxo/prisma/testing/seed";
import { systemClock } from "@fluxo/runtime/clock";
import { createLogger } from "@fluxo/runtime/logger";
import type pg from "pg";
import type { Harness } from "../../api/testing/harness.ts";
import { createTemplate, greetingVersion, installed } from "../../api/testing/templates.ts";
import { Rollouts } from "../../templates/rollouts.ts";
import { backfills } from "../backfills.ts";
import { bulkOperations } from "../bulk-operations.ts";
import { OffBoardings } from "../off-boarding/off-boardings.ts";
import type { OperationWork } from "../operation-worker.ts";

/** Connections of a process that works. */
export interface Connections {
  readonly app: pg.Pool;
  readonly system: pg.Pool;
  readonly tenantDb: TenantDb;
}

/** An operation that a test made. */
export interface MadeOperation {
  readonly scopeId: string;
  readonly id: string;
  /** Its status as the table has it. */
  readonly status: () => Promise<string>;
  /** What it did outside of its own tables, each thing by its name: with a thing done twice, a name is there twice. */
  readonly effects: () => Promise<readonly string[]>;
  /** Ends it as the API would. */
  readonly abort: () => Promise<void>;
}

/** A kind of operations as the contract sees it. */
export interface KindUnderTest {
  readonly kind: OperationKind;
  readonly table: string;
  /** The status in which it has nothing more to do. */
  readonly done: string;
  /** As the relay works it, in turns so small that an operation needs several. */
  readonly work: (connections: Connections) => OperationWork;
  readonly make: () => Promise<MadeOperation>;
  /** How many effects an operation has that is done. */
  readonly effects: number;
}

const GRAPH = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };
const MINUTE_MS = 60_000;
const logger = createLogger({ service: "test", level: "silent" });

/** All kinds over one database. */
export function kindsOf(api: Harness): readonly KindUnderTest[] {
  const { owner } = api;
  const column = async (text: string, values: readonly unknown[]): Promise<string[]> => (await owner.query<{ value: string }>(text, [...values])).rows.map(({ value }) => value);
  const made = (table: string, scopeId: string, id: string, effects: MadeOperation["effects"], abort: string): MadeOperation => ({
    scopeId,
    id,
    effects,
    status: async () => (await column(`SELECT status AS value FROM ${table} WHERE id = $1`, [id]))[0] ?? "",
    abort: async () => void (await owner.query(`UPDATE ${table} SET ${abort} WHERE id = $1`, [id])),
  });

  const bulk: KindUnderTest = {
    ...{ kind: "bulk", table: "bulk_operations", done: "DONE", effects: 5 },
    work: ({ app }) => bulkOperations({ app, ids: uuidV7, logger, batchMax: 2 }),
    async make() {
      const workflow = await seedWorkflow(owner, GRAPH);
      const { tenantId } = workflow;
      await queueExecutions(api.pool, workflow, Array.from({ length: 5 }, () => ({})));
      await owner.query("UPDATE executions SET status = 'FAILED', started_at = now(), completed_at = now(), error_code = 'NODE_INTERNAL' WHERE tenant_id = $1", [tenantId]);
      const id = uuidV7.next();
      await createBulkOperation(api.pool, { tenantId, id, kind: "rerun", name: "Test", filter: { workflowId: workflow.workflowId }, options: { from: "start", version: "same" }, pacePerMinute: 6_000, idempotencyKey: null, fingerprint: "f", createdBy: randomUUID() });
      return made("bulk_operations", tenantId, id, () => column("SELECT rerun_of AS value FROM executions WHERE tenant_id = $1 AND rerun_of IS NOT NULL", [tenantId]), "status = 'ABORTED', completed_at = now()");
    },
  };
  const backfill: KindUnderTest = {
    ...{ kind: "backfill", table: "backfills", done: "DONE", effects: 5 },
    work: ({ app, tenantDb }) => backfills({ app, tenantDb, clock: systemClock, ids: uuidV7, logger }),
    async make() {
      const workflow = await seedWorkflow(owner, GRAPH);
      const { tenantId } = workflow;
      const triggerId = await addSource(owner, workflow, "schedule", { when: { kind: "interval", everySeconds: 60, anchor: "1970-01-01T00:00:00Z" }, overlap: "allow", misfire: "latest" });
      const [id, fromAt] = [uuidV7.next(), new Date("2026-01-05T08:00:00.000Z")];
      await api.tenantDb.withTenant(tenantId, (db) => createBackfill(db, tenantId, { id, triggerId, fromAt, toAt: new Date(fromAt.getTime() + 5 * MINUTE_MS), pacePerMinute: 60 }, new Date()));
      return made("backfills", tenantId, id, () => column("SELECT occurrence_key AS value FROM executions WHERE trigger_id = $1", [triggerId]), "status = 'ABORTED', abort_reason = 'REQUESTED', completed_at = now()");
    },
  };
  const rollout: KindUnderTest = {
    ...{ kind: "rollout", table: "template_rollouts", done: "DONE", effects: 3 },
    work: ({ tenantDb }) => new Rollouts({ tenantDb, clock: systemClock, ids: uuidV7, randomBytes, box: api.box, logger, batchMax: 2 }),
    async make() {
      const agency = await api.createTestAgency(`Agency ${randomUUID()}`);
      const templateId = await createTemplate(agency, greetingVersion());
      for (let index = 0; index < 3; index += 1) await installed(agency, templateId, await api.createTestTenant(agency, `Shop ${index}`), { shop: "Shop" });
      await agency.client.post(`/v1/templates/${templateId}/versions`, greetingVersion("Good day"));
      const id = (await agency.client.post(`/v1/templates/${templateId}/rollouts`, {})).text("id");
      const effects = (): Promise<string[]> => column("SELECT v.tenant_id AS value FROM workflow_versions v JOIN template_rollout_items i ON i.tenant_id = v.tenant_id AND i.status = 'DONE' WHERE i.rollout_id = $1 AND v.number > 1", [id]);
      return made("template_rollouts", agency.id, id, effects, "status = 'ABORTED', completed_at = now()");
    },
  };
  const offBoarding: KindUnderTest = {
    ...{ kind: "off_boarding", table: "off_boardings", done: "READY", effects: 2 },
    work: ({ app, system }) => new OffBoardings({ system, app, logger, eraseSignals: () => Promise.resolve(0) }),
    async make() {
      const agency = await api.createTestAgency(`Agency ${randomUUID()}`);
      const tenant = await api.createTestTenant(agency, "Shop");
      const id = (await agency.client.post(`/v1/tenants/${tenant.id}/off-boarding`)).text("id");
      const effects = (): Promise<string[]> => column("SELECT file_name AS value FROM archive_parts WHERE off_boarding_id = $1 AND file_name IN ('tenant.json', 'contents.json')", [id]);
      return made("off_boardings", agency.id, id, effects, "status = 'ABORTED', completed_at = now(), archive_ready_at = NULL, archive_sha256 = NULL, archive_bytes = NULL");
    },
  };
  return [bulk, backfill, rollout, offBoarding];
}
