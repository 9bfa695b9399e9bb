-- fluxo_trigger_started(tenant, trigger, keys): which of these occurrences started an execution, for a dispatcher that does something at the source afterwards.
CREATE OR REPLACE FUNCTION fluxo_trigger_started(p_tenant uuid, p_trigger uuid, p_keys text[])
RETURNS TABLE (key text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  RETURN QUERY SELECT o.occurrence_key FROM occurrences o WHERE o.tenant_id = p_tenant AND o.trigger_id = p_trigger AND o.occurrence_key = ANY (p_keys) AND o.reason = 'ACCEPTED';
END $$;
REVOKE ALL ON FUNCTION fluxo_trigger_started(uuid, uuid, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_trigger_started(uuid, uuid, text[]) TO fluxo_app;
