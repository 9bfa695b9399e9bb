-- fluxo_version_graphs(tenant, ids): the graphs of published versions, for a worker that does not know them yet.
CREATE OR REPLACE FUNCTION fluxo_version_graphs(p_tenant uuid, p_ids uuid[])
RETURNS TABLE (id uuid, graph jsonb)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  RETURN QUERY SELECT v.id, v.graph FROM workflow_versions v WHERE v.tenant_id = p_tenant AND v.id = ANY (p_ids);
END $$;
REVOKE ALL ON FUNCTION fluxo_version_graphs(uuid, uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_version_graphs(uuid, uuid[]) TO fluxo_app;
