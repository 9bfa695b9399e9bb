-- fluxo_trigger_entries(tenant, trigger): what the kind of a trigger remembers entry by entry. Written by fluxo_dispatch_commit.
CREATE OR REPLACE FUNCTION fluxo_trigger_entries(p_tenant uuid, p_trigger uuid)
RETURNS TABLE (key text, value jsonb)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  RETURN QUERY SELECT e.key, e.value FROM trigger_entries e WHERE e.tenant_id = p_tenant AND e.trigger_id = p_trigger;
END $$;
REVOKE ALL ON FUNCTION fluxo_trigger_entries(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_trigger_entries(uuid, uuid) TO fluxo_app;
