-- fluxo_draft(tenant, workflow): the draft, for a worker that tests a node of it. No row when there is no such workflow.
CREATE OR REPLACE FUNCTION fluxo_draft(p_tenant uuid, p_workflow uuid)
RETURNS TABLE (graph jsonb)
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  RETURN QUERY SELECT w.draft FROM workflows w WHERE w.tenant_id = p_tenant AND w.id = p_workflow;
END $$;
REVOKE ALL ON FUNCTION fluxo_draft(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_draft(uuid, uuid) TO fluxo_app;
