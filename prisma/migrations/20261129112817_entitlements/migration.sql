-- Everything that a plan grants is a column of it: admission reads it in the statement that it makes anyway.
ALTER TABLE "plans"
  ADD COLUMN "node_types_allowed" TEXT[] NOT NULL DEFAULT '{}',
  ADD COLUMN "node_types_denied" TEXT[] NOT NULL DEFAULT '{}',
  ADD COLUMN "active_workflows_max" INTEGER NOT NULL DEFAULT 100,
  ADD COLUMN "payload_bytes_max" INTEGER NOT NULL DEFAULT 1048576,
  ADD COLUMN "execution_retention_days" INTEGER NOT NULL DEFAULT 30,
  ADD COLUMN "file_retention_days" INTEGER NOT NULL DEFAULT 30,
  ADD COLUMN "versions_kept_max" INTEGER NOT NULL DEFAULT 50,
  ADD COLUMN "ai_tokens_per_month" INTEGER NOT NULL DEFAULT 1000000,
  ADD COLUMN "seats_max" INTEGER NOT NULL DEFAULT 5,
  ADD COLUMN "api_requests_per_minute" INTEGER NOT NULL DEFAULT 300,
  ADD COLUMN "ingress_requests_per_minute" INTEGER NOT NULL DEFAULT 600,
  ADD COLUMN "over_quota" TEXT NOT NULL DEFAULT 'REJECT',
  ADD COLUMN "park_hours_max" INTEGER NOT NULL DEFAULT 24,
  ADD COLUMN "drain_per_minute" INTEGER NOT NULL DEFAULT 120,
  ADD COLUMN "alert_percents" INTEGER[] NOT NULL DEFAULT '{80,100}',
  ADD COLUMN "revision" INTEGER NOT NULL DEFAULT 1,
  ADD COLUMN "retired_at" TIMESTAMPTZ(3),
  ADD COLUMN "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  ADD CONSTRAINT "plans_entitlements_check" CHECK (
    "active_workflows_max" >= 0 AND "payload_bytes_max" >= 32768 AND "execution_retention_days" > 0 AND "file_retention_days" > 0 AND "versions_kept_max" > 0
    AND "ai_tokens_per_month" >= 0 AND "seats_max" >= 0 AND "api_requests_per_minute" > 0 AND "ingress_requests_per_minute" > 0
    AND "over_quota" IN ('REJECT', 'PARK') AND "park_hours_max" > 0 AND "drain_per_minute" > 0
    AND 0 < ALL ("alert_percents") AND "poll_interval_seconds_min" > 0);

UPDATE "plans" SET "active_workflows_max" = 5, "payload_bytes_max" = 262144, "execution_retention_days" = 7, "file_retention_days" = 7, "versions_kept_max" = 10, "ai_tokens_per_month" = 0,
  "seats_max" = 2, "api_requests_per_minute" = 600, "ingress_requests_per_minute" = 600 WHERE "agency_id" IS NULL AND "code" = 'FREE';
UPDATE "plans" SET "active_workflows_max" = 25, "payload_bytes_max" = 1048576, "execution_retention_days" = 30, "file_retention_days" = 30, "versions_kept_max" = 50, "ai_tokens_per_month" = 200000,
  "seats_max" = 5, "api_requests_per_minute" = 3000, "ingress_requests_per_minute" = 6000, "over_quota" = 'PARK', "park_hours_max" = 24, "drain_per_minute" = 120 WHERE "agency_id" IS NULL AND "code" = 'STARTER';
UPDATE "plans" SET "active_workflows_max" = 200, "payload_bytes_max" = 4194304, "execution_retention_days" = 90, "file_retention_days" = 90, "versions_kept_max" = 200, "ai_tokens_per_month" = 10000000,
  "seats_max" = 25, "api_requests_per_minute" = 12000, "ingress_requests_per_minute" = 60000, "over_quota" = 'PARK', "park_hours_max" = 72, "drain_per_minute" = 600 WHERE "agency_id" IS NULL AND "code" = 'PRO';
UPDATE "plans" SET "active_workflows_max" = 2000, "payload_bytes_max" = 16777216, "execution_retention_days" = 365, "file_retention_days" = 365, "versions_kept_max" = 1000, "ai_tokens_per_month" = 200000000,
  "seats_max" = 250, "api_requests_per_minute" = 60000, "ingress_requests_per_minute" = 600000, "over_quota" = 'PARK', "park_hours_max" = 168, "drain_per_minute" = 3000 WHERE "agency_id" IS NULL AND "code" = 'AGENCY';

-- Parking: an execution over the quota waits (WAITING, QUOTA) until `resume_at` calls it out; until `park_expires_at` at the latest.
ALTER TABLE "executions" ADD COLUMN "parked_at" TIMESTAMPTZ(3), ADD COLUMN "park_expires_at" TIMESTAMPTZ(3);
CREATE INDEX "executions_parked" ON "executions"("tenant_id", "queued_at", "id") WHERE (reason = 'QUOTA' AND resume_at IS NULL);
CREATE INDEX "executions_called" ON "executions"("tenant_id", "queued_at", "id") WHERE (reason = 'QUOTA' AND resume_at IS NOT NULL);
CREATE INDEX "executions_park_expiry" ON "executions"("park_expires_at") WHERE (reason = 'QUOTA');
ALTER TABLE "concurrency_slots" ADD COLUMN "drain_at" TIMESTAMPTZ(3), ADD COLUMN "drained_at" TIMESTAMPTZ(3);
CREATE INDEX "concurrency_slots_drain" ON "concurrency_slots"("drain_at") WHERE (drain_at IS NOT NULL);
CREATE POLICY system_drains ON "concurrency_slots" FOR UPDATE TO fluxo_system USING (true) WITH CHECK (true);
GRANT UPDATE ("drain_at", "drained_at") ON "concurrency_slots" TO fluxo_system;
CREATE POLICY system_reads ON "usage_windows" FOR SELECT TO fluxo_system USING (true);
GRANT SELECT ON "usage_windows" TO fluxo_system;

-- Thresholds of a quota that were crossed: once per window and threshold.
CREATE TABLE "quota_alerts" (
  "tenant_id" UUID NOT NULL,
  "metric" TEXT NOT NULL,
  "window_start" TIMESTAMPTZ(3) NOT NULL,
  "percent" INTEGER NOT NULL,
  "id" UUID NOT NULL,
  "counted" INTEGER NOT NULL,
  "quota" INTEGER NOT NULL,
  "raised_at" TIMESTAMPTZ(3) NOT NULL,
  CONSTRAINT "quota_alerts_pkey" PRIMARY KEY ("tenant_id", "metric", "window_start", "percent"),
  CONSTRAINT "quota_alerts_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "quota_alerts_metric_check" CHECK ("metric" IN ('executions', 'aiTokens'))
);
CREATE UNIQUE INDEX "quota_alerts_tenant_id_id_key" ON "quota_alerts"("tenant_id", "id");
CREATE INDEX "quota_alerts_raised_at_idx" ON "quota_alerts"("raised_at");
ALTER TABLE "quota_alerts" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "quota_alerts" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON "quota_alerts" TO fluxo_app USING (tenant_id = (SELECT current_tenant_id())) WITH CHECK (tenant_id = (SELECT current_tenant_id()));
CREATE POLICY system_reads ON "quota_alerts" FOR SELECT TO fluxo_system USING (true);
GRANT SELECT, INSERT ON "quota_alerts" TO fluxo_app;
GRANT SELECT ON "quota_alerts" TO fluxo_system;

-- Active workflows beyond the plan's number, after a change to a smaller plan: admission refuses their executions.
ALTER TABLE "workflows" ADD COLUMN "is_beyond_plan" BOOLEAN NOT NULL DEFAULT false;
