-- When a trigger that watches a source was on, and why not: "why didn't it run" is answered for the past too. Written by fluxo_note_periods.
CREATE TABLE "trigger_periods" (
  "tenant_id" UUID NOT NULL,
  "trigger_id" UUID NOT NULL,
  "from_at" TIMESTAMPTZ(3) NOT NULL,
  "to_at" TIMESTAMPTZ(3),
  "off_reason" TEXT,
  CONSTRAINT "trigger_periods_pkey" PRIMARY KEY ("tenant_id", "trigger_id", "from_at"),
  CONSTRAINT "trigger_periods_tenant_id_trigger_id_fkey" FOREIGN KEY ("tenant_id", "trigger_id") REFERENCES "triggers"("tenant_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT,
  CONSTRAINT "trigger_periods_order_check" CHECK ("to_at" >= "from_at"),
  CONSTRAINT "trigger_periods_reason_check" CHECK ("off_reason" IN ('TENANT_SUSPENDED', 'WORKFLOW_INACTIVE', 'TRIGGER_DISABLED', 'PAUSED'))
);
CREATE UNIQUE INDEX "trigger_periods_open" ON "trigger_periods"("tenant_id", "trigger_id") WHERE (to_at IS NULL);
ALTER TABLE "trigger_periods" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "trigger_periods" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON "trigger_periods" TO fluxo_app USING (tenant_id = (SELECT current_tenant_id())) WITH CHECK (tenant_id = (SELECT current_tenant_id()));
GRANT SELECT, INSERT, UPDATE ON "trigger_periods" TO fluxo_app;
INSERT INTO "trigger_periods" ("tenant_id", "trigger_id", "from_at") SELECT "tenant_id", "trigger_id", "armed_at" FROM "trigger_states" WHERE "armed_at" IS NOT NULL AND "next_due_at" IS NOT NULL;

-- Occurrences of a trigger by time, with and without execution.
DROP INDEX "occurrences_without_execution";
CREATE INDEX "occurrences_tenant_id_trigger_id_occurred_at_idx" ON "occurrences"("tenant_id", "trigger_id", "occurred_at");

-- What the health sweep of the dispatchers reads: sources that could have become silent, those that are, and those that fail. A schedule is never silent.
CREATE INDEX "trigger_states_audible" ON "trigger_states"("item_seen_at", "trigger_id") WHERE (kind <> 'schedule' AND silent_since IS NULL AND interval_ms IS NOT NULL AND claimable_at IS NOT NULL);
CREATE INDEX "trigger_states_silent" ON "trigger_states"("kind") WHERE (silent_since IS NOT NULL);
CREATE INDEX "trigger_states_failing" ON "trigger_states"("kind") WHERE (failures > 0);
CREATE POLICY system_reads ON "workflow_version_credentials" FOR SELECT TO fluxo_system USING (true);
GRANT SELECT ON "workflow_version_credentials" TO fluxo_system;

-- Of what is due at the same instant (every full hour), those of one tenant come together: a commit works tenant by tenant.
DROP INDEX "trigger_states_claimable";
CREATE INDEX "trigger_states_claimable" ON "trigger_states"("kind", "claimable_at", "tenant_id") WHERE (claimable_at IS NOT NULL);
