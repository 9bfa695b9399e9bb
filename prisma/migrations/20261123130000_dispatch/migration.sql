-- What dispatchers know of a trigger that watches a source. Beside the trigger, because it changes with every poll.
CREATE TABLE "trigger_states" (
  "tenant_id" UUID NOT NULL,
  "trigger_id" UUID NOT NULL,
  "kind" TEXT NOT NULL,
  "source_key" TEXT NOT NULL,
  "cursor" JSONB,
  "armed_at" TIMESTAMPTZ(3),
  "next_due_at" TIMESTAMPTZ(3),
  "claimable_at" TIMESTAMPTZ(3),
  "lease_owner" TEXT,
  "lease_until" TIMESTAMPTZ(3),
  "lease_epoch" INTEGER NOT NULL DEFAULT 0,
  "is_paused" BOOLEAN NOT NULL DEFAULT false,
  "last_execution_id" UUID,
  "failures" INTEGER NOT NULL DEFAULT 0,
  "error_code" TEXT,
  "error_message" TEXT,
  "failed_at" TIMESTAMPTZ(3),
  "connected_at" TIMESTAMPTZ(3),
  "checked_at" TIMESTAMPTZ(3),
  "item_seen_at" TIMESTAMPTZ(3),
  "execution_at" TIMESTAMPTZ(3),
  "interval_ms" DOUBLE PRECISION,
  "silent_since" TIMESTAMPTZ(3),
  CONSTRAINT "trigger_states_pkey" PRIMARY KEY ("tenant_id", "trigger_id"),
  CONSTRAINT "trigger_states_tenant_id_trigger_id_fkey" FOREIGN KEY ("tenant_id", "trigger_id") REFERENCES "triggers"("tenant_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT,
  CONSTRAINT "trigger_states_lease_check" CHECK (("lease_owner" IS NULL) = ("lease_until" IS NULL)),
  CONSTRAINT "trigger_states_armed_check" CHECK (("next_due_at" IS NULL) = ("claimable_at" IS NULL))
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
-- claimable_at is next_due_at, or the end of the lease while somebody holds it: a claim reads the head of this index and nothing else.
CREATE INDEX "trigger_states_claimable" ON "trigger_states"("kind", "claimable_at") WHERE (claimable_at IS NOT NULL);

-- The ledger: what each poll saw and what became of it. It balances by constraint.
CREATE TABLE "polls" (
  "tenant_id" UUID NOT NULL,
  "id" UUID NOT NULL,
  "trigger_id" UUID NOT NULL,
  "polled_at" TIMESTAMPTZ(3) NOT NULL,
  "duration_ms" INTEGER NOT NULL,
  "seen" INTEGER NOT NULL,
  "accepted" INTEGER NOT NULL,
  "duplicate" INTEGER NOT NULL,
  "filtered" INTEGER NOT NULL,
  "parked" INTEGER NOT NULL,
  "error_code" TEXT,
  CONSTRAINT "polls_pkey" PRIMARY KEY ("tenant_id", "id"),
  CONSTRAINT "polls_tenant_id_trigger_id_fkey" FOREIGN KEY ("tenant_id", "trigger_id") REFERENCES "triggers"("tenant_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT,
  CONSTRAINT "polls_balance_check" CHECK ("seen" = "accepted" + "duplicate" + "filtered" + "parked")
);
CREATE INDEX "polls_tenant_id_trigger_id_id_idx" ON "polls"("tenant_id", "trigger_id", "id");

-- Poison: an item that cannot become an execution. Its source goes on.
CREATE TABLE "parked_items" (
  "tenant_id" UUID NOT NULL,
  "trigger_id" UUID NOT NULL,
  "occurrence_key" TEXT NOT NULL,
  "code" TEXT NOT NULL,
  "message" TEXT NOT NULL,
  "reference" TEXT NOT NULL,
  "raw" BYTEA,
  "parked_at" TIMESTAMPTZ(3) NOT NULL,
  "dismissed_at" TIMESTAMPTZ(3),
  CONSTRAINT "parked_items_pkey" PRIMARY KEY ("tenant_id", "trigger_id", "occurrence_key"),
  CONSTRAINT "parked_items_tenant_id_trigger_id_fkey" FOREIGN KEY ("tenant_id", "trigger_id") REFERENCES "triggers"("tenant_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT
);

-- Why an occurrence ended as it did, in words; for those without an execution.
ALTER TABLE "occurrences" ADD COLUMN "detail" TEXT;
CREATE INDEX "occurrences_without_execution" ON "occurrences"("tenant_id", "trigger_id", "occurred_at") WHERE (execution_id IS NULL);
-- The shortest time between two polls of one trigger.
ALTER TABLE "plans" ADD COLUMN "poll_interval_seconds_min" INTEGER NOT NULL DEFAULT 60, ADD CONSTRAINT "plans_poll_interval_check" CHECK ("poll_interval_seconds_min" >= 1);
UPDATE "plans" SET "poll_interval_seconds_min" = CASE "code" WHEN 'FREE' THEN 900 WHEN 'STARTER' THEN 300 WHEN 'PRO' THEN 60 ELSE 30 END WHERE "agency_id" IS NULL;

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['trigger_states', 'polls', 'parked_items'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY tenant_rows ON %I TO fluxo_app USING (tenant_id = (SELECT current_tenant_id())) WITH CHECK (tenant_id = (SELECT current_tenant_id()))', t);
  END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE, DELETE ON trigger_states TO fluxo_app;
GRANT SELECT, INSERT ON polls TO fluxo_app;
GRANT SELECT, INSERT, UPDATE ON parked_items TO fluxo_app;
-- The claim crosses tenants; what it commits does not.
CREATE POLICY system_rows ON trigger_states TO fluxo_system USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE ON trigger_states TO fluxo_system;
