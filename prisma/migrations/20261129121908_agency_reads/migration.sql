-- What an agency may look at across its tenants. A role of its own, which fluxo_app takes for one transaction: policies of several roles would be joined by OR
-- in every statement of the hot path. It writes nothing, and sees neither payloads nor drafts.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'fluxo_agency') THEN
    CREATE ROLE fluxo_agency NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOINHERIT;
  END IF;
END $$;
GRANT USAGE ON SCHEMA public TO fluxo_agency;
-- fluxo_app inherits nothing (NOINHERIT): it has these rights while it acts as this role, and only then.
GRANT fluxo_agency TO fluxo_app;

CREATE POLICY tenants_of_agency_read ON tenants FOR SELECT TO fluxo_agency USING (agency_id = (SELECT current_agency_id()));
DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['workflows', 'workflow_versions', 'triggers', 'trigger_states', 'executions', 'outages'] LOOP
    EXECUTE format('CREATE POLICY agency_reads ON %I FOR SELECT TO fluxo_agency USING (tenant_id IN (SELECT id FROM tenants WHERE agency_id = (SELECT current_agency_id())))', t);
  END LOOP;
END $$;
GRANT SELECT (id, agency_id) ON tenants TO fluxo_agency;
GRANT SELECT (tenant_id, id, name, is_active, draft_revision, published_version_id, error_workflow_id, queued_ttl_seconds, created_at, updated_at) ON workflows TO fluxo_agency;
GRANT SELECT (tenant_id, id, workflow_id, number) ON workflow_versions TO fluxo_agency;
GRANT SELECT ON triggers, trigger_states, outages TO fluxo_agency;
GRANT SELECT (tenant_id, id, workflow_id, version_id, trigger_id, trigger_node_id, status, reason, queued_at, started_at, completed_at, resume_at, cancel_requested_at, rerun_of,
              parent_execution_id, parent_node_id, parent_item, error_code, error_message, error_node_id) ON executions TO fluxo_agency;
