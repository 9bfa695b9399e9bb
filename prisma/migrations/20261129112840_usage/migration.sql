-- Usage metering. An event is written in the transaction that it tells of and never changes; the relay's process rolls events up by hour and by day.
-- Events have no foreign keys: a check for each would lock the tenant's row in every statement of the hot path, and usage outlives the workflows that it tells of.
CREATE TABLE "usage_events" (
  "id" BIGSERIAL NOT NULL,
  "tenant_id" UUID NOT NULL,
  "txid" BIGINT NOT NULL,
  "occurred_at" TIMESTAMPTZ(3) NOT NULL,
  "workflow_id" UUID,
  "node_type" TEXT NOT NULL DEFAULT '',
  "integration" TEXT NOT NULL DEFAULT '',
  "model" TEXT NOT NULL DEFAULT '',
  "executions" INTEGER NOT NULL DEFAULT 0,
  "node_executions" INTEGER NOT NULL DEFAULT 0,
  "ai_input_tokens" BIGINT NOT NULL DEFAULT 0,
  "ai_output_tokens" BIGINT NOT NULL DEFAULT 0,
  "ai_unpriced_tokens" BIGINT NOT NULL DEFAULT 0,
  "ai_cost_micros" BIGINT NOT NULL DEFAULT 0,
  "egress_bytes" BIGINT NOT NULL DEFAULT 0,
  "storage_bytes" BIGINT NOT NULL DEFAULT 0,
  CONSTRAINT "usage_events_pkey" PRIMARY KEY ("tenant_id", "id"),
  CONSTRAINT "usage_events_quantities_check" CHECK (
    "executions" >= 0 AND "node_executions" >= 0 AND "ai_input_tokens" >= 0 AND "ai_output_tokens" >= 0 AND "ai_unpriced_tokens" >= 0 AND "ai_cost_micros" >= 0 AND "egress_bytes" >= 0)
);
CREATE INDEX "usage_events_txid_idx" ON "usage_events"("txid");

CREATE FUNCTION refuse_usage_event_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'usage events never change' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER usage_events_immutable BEFORE UPDATE ON usage_events FOR EACH ROW EXECUTE FUNCTION refuse_usage_event_change();

-- Sums of events by UTC hour, and by calendar day of the tenant's zone as it was when the day was counted. The workflow of what has none is the nil UUID.
CREATE TABLE "usage_hours" (
  "tenant_id" UUID NOT NULL,
  "hour" TIMESTAMPTZ(3) NOT NULL,
  "workflow_id" UUID NOT NULL,
  "node_type" TEXT NOT NULL,
  "integration" TEXT NOT NULL,
  "model" TEXT NOT NULL,
  "executions" BIGINT NOT NULL,
  "node_executions" BIGINT NOT NULL,
  "ai_input_tokens" BIGINT NOT NULL,
  "ai_output_tokens" BIGINT NOT NULL,
  "ai_unpriced_tokens" BIGINT NOT NULL,
  "ai_cost_micros" BIGINT NOT NULL,
  "egress_bytes" BIGINT NOT NULL,
  "storage_bytes" BIGINT NOT NULL,
  CONSTRAINT "usage_hours_pkey" PRIMARY KEY ("tenant_id", "hour", "workflow_id", "node_type", "integration", "model"),
  CONSTRAINT "usage_hours_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE CASCADE ON UPDATE RESTRICT
) WITH (fillfactor = 70);
CREATE TABLE "usage_days" (
  "tenant_id" UUID NOT NULL,
  "day" DATE NOT NULL,
  "workflow_id" UUID NOT NULL,
  "node_type" TEXT NOT NULL,
  "integration" TEXT NOT NULL,
  "model" TEXT NOT NULL,
  "executions" BIGINT NOT NULL,
  "node_executions" BIGINT NOT NULL,
  "ai_input_tokens" BIGINT NOT NULL,
  "ai_output_tokens" BIGINT NOT NULL,
  "ai_unpriced_tokens" BIGINT NOT NULL,
  "ai_cost_micros" BIGINT NOT NULL,
  "egress_bytes" BIGINT NOT NULL,
  "storage_bytes" BIGINT NOT NULL,
  CONSTRAINT "usage_days_pkey" PRIMARY KEY ("tenant_id", "day", "workflow_id", "node_type", "integration", "model"),
  CONSTRAINT "usage_days_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE CASCADE ON UPDATE RESTRICT
) WITH (fillfactor = 70);

-- How far events are rolled up: one row. See functions/usage.sql.
CREATE TABLE "usage_mark" (
  "id" INTEGER NOT NULL DEFAULT 1,
  "upto" BIGINT NOT NULL DEFAULT 0,
  "floor_id" BIGINT NOT NULL DEFAULT 0,
  "id_max" BIGINT NOT NULL DEFAULT 0,
  "rolled_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "usage_mark_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "usage_mark_id_check" CHECK ("id" = 1)
);
INSERT INTO "usage_mark" DEFAULT VALUES;

-- What ended in a window is looked for by the reconciliation only: an index that costs next to nothing to keep.
CREATE INDEX "executions_completed" ON "executions" USING brin ("completed_at");
CREATE INDEX "node_executions_completed" ON "node_executions" USING brin ("completed_at");

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['usage_events', 'usage_hours', 'usage_days'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY tenant_rows ON %I TO fluxo_app USING (tenant_id = (SELECT current_tenant_id())) WITH CHECK (tenant_id = (SELECT current_tenant_id()))', t);
    EXECUTE format('CREATE POLICY system_rows ON %I TO fluxo_system USING (true) WITH CHECK (true)', t);
  END LOOP;
  -- What an agency may read of its tenants.
  FOREACH t IN ARRAY ARRAY['usage_hours', 'usage_days'] LOOP
    EXECUTE format('CREATE POLICY agency_rows ON %I FOR SELECT TO fluxo_app USING (tenant_id IN (SELECT id FROM tenants WHERE agency_id = (SELECT current_agency_id())))', t);
  END LOOP;
END $$;
ALTER TABLE "usage_mark" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "usage_mark" FORCE ROW LEVEL SECURITY;
CREATE POLICY system_rows ON "usage_mark" TO fluxo_system USING (true) WITH CHECK (true);
CREATE POLICY mark_of_all ON "usage_mark" FOR SELECT TO fluxo_app USING (true);

GRANT SELECT, INSERT ON usage_events TO fluxo_app;
GRANT USAGE ON SEQUENCE usage_events_id_seq TO fluxo_app, fluxo_system;
GRANT SELECT ON usage_hours, usage_days, usage_mark TO fluxo_app;
GRANT SELECT, INSERT ON usage_events TO fluxo_system;
GRANT SELECT, INSERT, UPDATE ON usage_hours, usage_days TO fluxo_system;
GRANT SELECT, UPDATE ON usage_mark TO fluxo_system;
-- The reconciliation counts over all tenants; it sees no output and no error.
CREATE POLICY system_rows ON node_executions FOR SELECT TO fluxo_system USING (true);
CREATE POLICY system_rows ON files FOR SELECT TO fluxo_system USING (true);
GRANT SELECT (tenant_id, execution_id, node_type, integration, status, usage, is_seeded, completed_at) ON node_executions TO fluxo_system;
GRANT SELECT (tenant_id, bytes) ON files TO fluxo_system;

-- Events of what ended before there were any. The owner is no exception to row-level security, so it is lifted for this transaction.
ALTER TABLE executions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE node_executions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE files NO FORCE ROW LEVEL SECURITY;
ALTER TABLE usage_events NO FORCE ROW LEVEL SECURITY;
INSERT INTO usage_events (tenant_id, txid, occurred_at, workflow_id, executions)
SELECT e.tenant_id, txid_current(), max(e.completed_at), e.workflow_id, count(*)
FROM executions e WHERE e.completed_at IS NOT NULL AND e.started_at IS NOT NULL AND e.status <> 'BLOCKED'
GROUP BY e.tenant_id, e.workflow_id, date_trunc('hour', e.completed_at, 'UTC');
INSERT INTO usage_events (tenant_id, txid, occurred_at, workflow_id, node_type, integration, model, node_executions, ai_input_tokens, ai_output_tokens, ai_unpriced_tokens, ai_cost_micros)
SELECT n.tenant_id, txid_current(), max(n.completed_at), e.workflow_id, n.node_type, coalesce(n.integration, ''), coalesce(n.usage ->> 'model', ''), count(*),
       coalesce(sum((n.usage ->> 'inputTokens')::bigint), 0), coalesce(sum((n.usage ->> 'outputTokens')::bigint), 0),
       coalesce(sum((n.usage ->> 'inputTokens')::bigint + (n.usage ->> 'outputTokens')::bigint) FILTER (WHERE n.usage ->> 'costMicros' IS NULL), 0),
       coalesce(sum((n.usage ->> 'costMicros')::bigint), 0)
FROM node_executions n JOIN executions e ON e.tenant_id = n.tenant_id AND e.id = n.execution_id
WHERE n.status IN ('SUCCESS', 'FAILED') AND NOT n.is_seeded AND n.completed_at IS NOT NULL
GROUP BY n.tenant_id, e.workflow_id, n.node_type, n.integration, n.usage ->> 'model', date_trunc('hour', n.completed_at, 'UTC');
INSERT INTO usage_events (tenant_id, txid, occurred_at, storage_bytes)
SELECT f.tenant_id, txid_current(), max(f.created_at), sum(f.bytes) FROM files f GROUP BY f.tenant_id, date_trunc('hour', f.created_at, 'UTC');
ALTER TABLE executions FORCE ROW LEVEL SECURITY;
ALTER TABLE node_executions FORCE ROW LEVEL SECURITY;
ALTER TABLE files FORCE ROW LEVEL SECURITY;
ALTER TABLE usage_events FORCE ROW LEVEL SECURITY;
