-- Reruns: which rows of a journal were taken over from the execution that is repeated, and all reruns of one execution.
ALTER TABLE "node_executions" ADD COLUMN "is_seeded" BOOLEAN NOT NULL DEFAULT false;
CREATE INDEX "executions_reruns" ON "executions"("tenant_id", "rerun_of", "id" DESC) WHERE (rerun_of IS NOT NULL);

-- A named change of many executions, worked in the background. What it is about is fixed when it is created.
CREATE TABLE "bulk_operations" (
  "tenant_id" UUID NOT NULL,
  "id" UUID NOT NULL,
  "kind" TEXT NOT NULL,
  "name" TEXT NOT NULL,
  "filter" JSONB NOT NULL,
  "options" JSONB NOT NULL,
  "pace_per_minute" INTEGER NOT NULL,
  "status" TEXT NOT NULL,
  "matched" INTEGER NOT NULL,
  "done" INTEGER NOT NULL DEFAULT 0,
  "failed" INTEGER NOT NULL DEFAULT 0,
  "skipped" INTEGER NOT NULL DEFAULT 0,
  "idempotency_key" TEXT,
  "fingerprint" TEXT NOT NULL,
  "created_by" UUID NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "completed_at" TIMESTAMPTZ(3),
  "next_at" TIMESTAMPTZ(3) NOT NULL,
  "worked_at" TIMESTAMPTZ(3),
  "lease_owner" TEXT,
  "lease_until" TIMESTAMPTZ(3),
  "lease_epoch" INTEGER NOT NULL DEFAULT 0,
  CONSTRAINT "bulk_operations_pkey" PRIMARY KEY ("tenant_id", "id"),
  CONSTRAINT "bulk_operations_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "bulk_operations_kind_check" CHECK ("kind" IN ('rerun', 'cancel')),
  CONSTRAINT "bulk_operations_status_check" CHECK ("status" IN ('RUNNING', 'PAUSED', 'ABORTED', 'DONE')),
  CONSTRAINT "bulk_operations_completed_check" CHECK (("status" IN ('ABORTED', 'DONE')) = ("completed_at" IS NOT NULL)),
  CONSTRAINT "bulk_operations_counts_check" CHECK ("done" >= 0 AND "failed" >= 0 AND "skipped" >= 0 AND "done" + "failed" + "skipped" <= "matched"),
  CONSTRAINT "bulk_operations_pace_check" CHECK ("pace_per_minute" > 0)
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX "bulk_operations_tenant_id_idempotency_key_key" ON "bulk_operations"("tenant_id", "idempotency_key");
CREATE INDEX "bulk_operations_due" ON "bulk_operations"("next_at") WHERE (status = 'RUNNING');

-- One execution of a bulk operation: changed in the transaction that acts on the execution, so that nothing is done twice.
CREATE TABLE "bulk_operation_items" (
  "tenant_id" UUID NOT NULL,
  "operation_id" UUID NOT NULL,
  "position" INTEGER NOT NULL,
  "execution_id" UUID NOT NULL,
  "status" TEXT NOT NULL DEFAULT 'PENDING',
  "code" TEXT,
  "message" TEXT,
  "result_id" UUID,
  CONSTRAINT "bulk_operation_items_pkey" PRIMARY KEY ("tenant_id", "operation_id", "position"),
  CONSTRAINT "bulk_operation_items_tenant_id_operation_id_fkey" FOREIGN KEY ("tenant_id", "operation_id") REFERENCES "bulk_operations"("tenant_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT,
  CONSTRAINT "bulk_operation_items_status_check" CHECK ("status" IN ('PENDING', 'DONE', 'FAILED', 'SKIPPED'))
) WITH (fillfactor = 70);
CREATE INDEX "bulk_operation_items_pending" ON "bulk_operation_items"("tenant_id", "operation_id", "position") WHERE (status = 'PENDING');
CREATE INDEX "bulk_operation_items_refused" ON "bulk_operation_items"("tenant_id", "operation_id", "position") WHERE (code IS NOT NULL);

-- A question, not an execution: what a graph would make of a recorded execution now. It acts nowhere and counts against nothing.
CREATE TABLE "dry_reruns" (
  "tenant_id" UUID NOT NULL,
  "id" UUID NOT NULL,
  "execution_id" UUID NOT NULL,
  "version" TEXT NOT NULL,
  "version_id" UUID,
  "graph" JSONB NOT NULL,
  "trigger_node_id" TEXT NOT NULL,
  "input" JSONB NOT NULL,
  "status" TEXT NOT NULL DEFAULT 'QUEUED',
  "result" JSONB,
  "error_code" TEXT,
  "error_message" TEXT,
  "attempts" INTEGER NOT NULL DEFAULT 0,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "completed_at" TIMESTAMPTZ(3),
  "lease_owner" TEXT,
  "lease_until" TIMESTAMPTZ(3),
  CONSTRAINT "dry_reruns_pkey" PRIMARY KEY ("tenant_id", "id"),
  CONSTRAINT "dry_reruns_tenant_id_execution_id_fkey" FOREIGN KEY ("tenant_id", "execution_id") REFERENCES "executions"("tenant_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT,
  CONSTRAINT "dry_reruns_version_check" CHECK ("version" IN ('same', 'latest', 'draft')),
  CONSTRAINT "dry_reruns_status_check" CHECK ("status" IN ('QUEUED', 'RUNNING', 'DONE', 'FAILED')),
  CONSTRAINT "dry_reruns_lease_check" CHECK (("status" = 'RUNNING') = ("lease_owner" IS NOT NULL AND "lease_until" IS NOT NULL)),
  CONSTRAINT "dry_reruns_completed_check" CHECK (("status" IN ('DONE', 'FAILED')) = ("completed_at" IS NOT NULL))
);
CREATE INDEX "dry_reruns_tenant_id_execution_id_idx" ON "dry_reruns"("tenant_id", "execution_id");
CREATE INDEX "dry_reruns_open" ON "dry_reruns"("created_at") WHERE (completed_at IS NULL);

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['bulk_operations', 'bulk_operation_items', 'dry_reruns'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY tenant_rows ON %I TO fluxo_app USING (tenant_id = (SELECT current_tenant_id())) WITH CHECK (tenant_id = (SELECT current_tenant_id()))', t);
  END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE ON bulk_operations, bulk_operation_items, dry_reruns TO fluxo_app;

-- The system role finds what is due and leases it; it reads neither items nor payloads.
CREATE POLICY system_rows ON bulk_operations TO fluxo_system USING (true) WITH CHECK (true);
GRANT SELECT ON bulk_operations TO fluxo_system;
GRANT UPDATE (lease_owner, lease_until, lease_epoch) ON bulk_operations TO fluxo_system;
CREATE POLICY system_rows ON dry_reruns TO fluxo_system USING (true) WITH CHECK (true);
GRANT SELECT (tenant_id, id, status, attempts, created_at, completed_at, lease_owner, lease_until, error_code, error_message) ON dry_reruns TO fluxo_system;
GRANT UPDATE (status, attempts, completed_at, lease_owner, lease_until, error_code, error_message) ON dry_reruns TO fluxo_system;
