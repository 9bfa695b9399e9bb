-- The instants of a range of a schedule that get executions after all, worked at a pace of its own.
CREATE TABLE "backfills" (
  "tenant_id" UUID NOT NULL,
  "id" UUID NOT NULL,
  "trigger_id" UUID NOT NULL,
  "from_at" TIMESTAMPTZ(3) NOT NULL,
  "to_at" TIMESTAMPTZ(3) NOT NULL,
  "next_from" TIMESTAMPTZ(3) NOT NULL,
  "pace_per_minute" INTEGER NOT NULL,
  "status" TEXT NOT NULL,
  "abort_reason" TEXT,
  "started" INTEGER NOT NULL DEFAULT 0,
  "duplicate" INTEGER NOT NULL DEFAULT 0,
  "skipped" INTEGER NOT NULL DEFAULT 0,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "completed_at" TIMESTAMPTZ(3),
  "next_at" TIMESTAMPTZ(3) NOT NULL,
  "worked_at" TIMESTAMPTZ(3),
  "lease_owner" TEXT,
  "lease_until" TIMESTAMPTZ(3),
  "lease_epoch" INTEGER NOT NULL DEFAULT 0,
  CONSTRAINT "backfills_pkey" PRIMARY KEY ("tenant_id", "id"),
  CONSTRAINT "backfills_tenant_id_trigger_id_fkey" FOREIGN KEY ("tenant_id", "trigger_id") REFERENCES "triggers"("tenant_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT,
  CONSTRAINT "backfills_status_check" CHECK ("status" IN ('RUNNING', 'ABORTED', 'DONE')),
  CONSTRAINT "backfills_completed_check" CHECK (("status" = 'RUNNING') = ("completed_at" IS NULL)),
  CONSTRAINT "backfills_abort_check" CHECK (("status" = 'ABORTED') = ("abort_reason" IS NOT NULL) AND "abort_reason" IN ('REQUESTED', 'TRIGGER_OFF')),
  CONSTRAINT "backfills_range_check" CHECK ("from_at" < "to_at" AND "next_from" BETWEEN "from_at" AND "to_at"),
  CONSTRAINT "backfills_lease_check" CHECK (("lease_owner" IS NULL) = ("lease_until" IS NULL)),
  CONSTRAINT "backfills_pace_check" CHECK ("pace_per_minute" > 0)
);
CREATE INDEX "backfills_tenant_id_trigger_id_id_idx" ON "backfills"("tenant_id", "trigger_id", "id");
CREATE INDEX "backfills_due" ON "backfills"("next_at") WHERE (status = 'RUNNING');
ALTER TABLE "backfills" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "backfills" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON "backfills" TO fluxo_app USING (tenant_id = (SELECT current_tenant_id())) WITH CHECK (tenant_id = (SELECT current_tenant_id()));
GRANT SELECT, INSERT, UPDATE ON "backfills" TO fluxo_app;
-- The system role finds what is due and leases it.
CREATE POLICY system_rows ON "backfills" TO fluxo_system USING (true) WITH CHECK (true);
GRANT SELECT ON "backfills" TO fluxo_system;
GRANT UPDATE (lease_owner, lease_until, lease_epoch) ON "backfills" TO fluxo_system;
