-- Roles. They are created without a password and without login; `migrate` gives them both when it is told to.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'fluxo_app') THEN
    CREATE ROLE fluxo_app NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOINHERIT;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'fluxo_system') THEN
    CREATE ROLE fluxo_system NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOINHERIT;
  END IF;
END $$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO fluxo_app, fluxo_system;

-- The tenant and the agency of the transaction. A GUC that was set locally once reads '' afterwards, not NULL: NULLIF makes both fail closed.
CREATE FUNCTION current_tenant_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid $$;
CREATE FUNCTION current_agency_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT NULLIF(current_setting('app.agency_id', true), '')::uuid $$;

-- Row-level security: enabled and forced on every table that belongs to somebody. `(SELECT …)` makes the check once per statement.
DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['workflows', 'workflow_versions', 'triggers', 'occurrences', 'executions', 'node_executions', 'payloads',
                           'outbox', 'concurrency_slots', 'usage_windows', 'reservations'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY tenant_rows ON %I TO fluxo_app USING (tenant_id = (SELECT current_tenant_id())) WITH CHECK (tenant_id = (SELECT current_tenant_id()))', t);
  END LOOP;
  FOREACH t IN ARRAY ARRAY['agencies', 'plans', 'tenants', 'api_keys'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
  END LOOP;
END $$;

CREATE POLICY own_agency ON agencies FOR SELECT TO fluxo_app USING (id = (SELECT current_agency_id()));
CREATE POLICY plans_of_agency ON plans FOR SELECT TO fluxo_app
  USING (agency_id IS NULL OR agency_id = (SELECT current_agency_id())
         OR id = (SELECT plan_id FROM tenants WHERE tenants.id = (SELECT current_tenant_id())));
CREATE POLICY tenants_of_agency ON tenants TO fluxo_app
  USING (agency_id = (SELECT current_agency_id())) WITH CHECK (agency_id = (SELECT current_agency_id()));
CREATE POLICY own_tenant ON tenants FOR SELECT TO fluxo_app USING (id = (SELECT current_tenant_id()));
CREATE POLICY keys_of_agency ON api_keys TO fluxo_app
  USING (agency_id = (SELECT current_agency_id())) WITH CHECK (agency_id = (SELECT current_agency_id()));

-- What the tenant role may do. No TRUNCATE (it ignores row-level security), no REFERENCES.
GRANT SELECT ON agencies, plans TO fluxo_app;
GRANT SELECT, INSERT, UPDATE ON tenants, api_keys, workflows, triggers, executions, node_executions, occurrences, concurrency_slots, usage_windows TO fluxo_app;
GRANT SELECT, INSERT ON workflow_versions, payloads, outbox TO fluxo_app;
GRANT SELECT, INSERT, DELETE ON reservations TO fluxo_app;
GRANT DELETE ON triggers, workflows, workflow_versions, occurrences TO fluxo_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO fluxo_app;

-- The system role: relay, sweeps, heartbeats and the resolution of tokens. Explicit policies, named tables, no more than it needs.
CREATE POLICY system_rows ON outbox TO fluxo_system USING (true) WITH CHECK (true);
CREATE POLICY system_rows ON executions TO fluxo_system USING (true) WITH CHECK (true);
CREATE POLICY system_rows ON concurrency_slots FOR SELECT TO fluxo_system USING (true);
CREATE POLICY system_rows ON tenants FOR SELECT TO fluxo_system USING (true);
CREATE POLICY system_rows ON plans FOR SELECT TO fluxo_system USING (true);
CREATE POLICY system_rows ON workflows FOR SELECT TO fluxo_system USING (true);
CREATE POLICY system_rows ON triggers FOR SELECT TO fluxo_system USING (true);
CREATE POLICY system_rows ON api_keys TO fluxo_system USING (true) WITH CHECK (true);
CREATE POLICY system_rows ON agencies TO fluxo_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO fluxo_system;
GRANT SELECT ON executions, concurrency_slots, tenants, plans, workflows, triggers TO fluxo_system;
GRANT UPDATE (inngest_event_id, released_at, wake_count, starved_at, lease_until, updated_at) ON executions TO fluxo_system;
GRANT SELECT, INSERT, UPDATE ON api_keys, agencies TO fluxo_system;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO fluxo_system;

-- Closed sets and arithmetic that no code path may break.
ALTER TABLE executions
  ADD CONSTRAINT executions_status_check CHECK (status IN ('QUEUED', 'RUNNING', 'WAITING', 'SUCCESS', 'FAILED', 'BLOCKED', 'CANCELED')),
  ADD CONSTRAINT executions_lease_check CHECK ((status = 'RUNNING') = (lease_owner IS NOT NULL AND lease_until IS NOT NULL)),
  ADD CONSTRAINT executions_terminal_check CHECK ((status IN ('SUCCESS', 'FAILED', 'BLOCKED', 'CANCELED')) = (completed_at IS NOT NULL));
ALTER TABLE node_executions ADD CONSTRAINT node_executions_status_check CHECK (status IN ('RUNNING', 'WAITING', 'SUCCESS', 'FAILED', 'SKIPPED'));
ALTER TABLE tenants ADD CONSTRAINT tenants_status_check CHECK (status IN ('ACTIVE', 'SUSPENDED'));
ALTER TABLE concurrency_slots ADD CONSTRAINT concurrency_slots_used_check CHECK (used >= 0);
ALTER TABLE usage_windows ADD CONSTRAINT usage_windows_counts_check CHECK (used >= 0 AND reserved >= 0);
ALTER TABLE plans ADD CONSTRAINT plans_limits_check
  CHECK (executions_per_month >= 0 AND nodes_per_workflow_max > 0 AND concurrency_max > 0 AND weight > 0 AND tier_rank BETWEEN 0 AND 3);

-- I5: a terminal execution keeps its status, reason, output and error. Only retention's reductions may touch it, by the owner.
CREATE FUNCTION refuse_terminal_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.status IN ('SUCCESS', 'FAILED', 'BLOCKED', 'CANCELED')
     AND (NEW.status, NEW.reason, NEW.completed_at, NEW.output, NEW.error_code) IS DISTINCT FROM (OLD.status, OLD.reason, OLD.completed_at, OLD.output, OLD.error_code) THEN
    RAISE EXCEPTION 'execution % is %: terminal statuses never change', OLD.id, OLD.status USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER executions_terminal BEFORE UPDATE ON executions
  FOR EACH ROW WHEN (OLD.status IN ('SUCCESS', 'FAILED', 'BLOCKED', 'CANCELED')) EXECUTE FUNCTION refuse_terminal_change();

-- A published version never changes.
CREATE FUNCTION refuse_version_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'workflow version % is published: it never changes', OLD.id USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER workflow_versions_immutable BEFORE UPDATE ON workflow_versions FOR EACH ROW EXECUTE FUNCTION refuse_version_change();

-- Rows that are updated often keep room for it on their page (heap-only updates); the outbox is a queue, so it is vacuumed early.
ALTER TABLE executions SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
ALTER TABLE concurrency_slots SET (fillfactor = 50);
ALTER TABLE usage_windows SET (fillfactor = 50);

-- The operator's plans.
INSERT INTO plans (id, agency_id, code, name, tier_rank, executions_per_month, nodes_per_workflow_max, concurrency_max, concurrency_class, weight) VALUES
  ('00000000-0000-7000-8000-000000000001', NULL, 'FREE', 'Free', 0, 500, 10, 2, 'small', 1),
  ('00000000-0000-7000-8000-000000000002', NULL, 'STARTER', 'Starter', 1, 10000, 50, 10, 'medium', 2),
  ('00000000-0000-7000-8000-000000000003', NULL, 'PRO', 'Pro', 2, 250000, 200, 50, 'large', 5),
  ('00000000-0000-7000-8000-000000000004', NULL, 'AGENCY', 'Agency', 3, 5000000, 1000, 200, 'huge', 10);
