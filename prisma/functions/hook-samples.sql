-- fluxo_capture_sample(tenant, trigger, id, payload, received, keep): gives a request to the open test of a webhook, which takes one; keeps the newest `keep`
-- samples of the trigger. Out: false when no test is open. Locks the test, so that two requests at one time are one sample.
CREATE OR REPLACE FUNCTION fluxo_capture_sample(p_tenant uuid, p_trigger uuid, p_id uuid, p_payload jsonb, p_received timestamptz, p_keep int) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  v_outer text := current_setting('app.tenant_id', true);
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  UPDATE hook_tests SET sample_id = p_id WHERE tenant_id = p_tenant AND trigger_id = p_trigger AND sample_id IS NULL AND expires_at > clock_timestamp();
  IF FOUND THEN
    INSERT INTO hook_samples (tenant_id, id, trigger_id, payload, received_at) VALUES (p_tenant, p_id, p_trigger, p_payload, p_received);
    DELETE FROM hook_samples s WHERE s.tenant_id = p_tenant AND s.trigger_id = p_trigger AND s.id NOT IN (
      SELECT k.id FROM hook_samples k WHERE k.tenant_id = p_tenant AND k.trigger_id = p_trigger ORDER BY k.id DESC LIMIT p_keep);
    PERFORM set_config('app.tenant_id', coalesce(v_outer, ''), true);
    RETURN true;
  END IF;
  PERFORM set_config('app.tenant_id', coalesce(v_outer, ''), true);
  RETURN false;
END $$;
REVOKE ALL ON FUNCTION fluxo_capture_sample(uuid, uuid, uuid, jsonb, timestamptz, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_capture_sample(uuid, uuid, uuid, jsonb, timestamptz, int) TO fluxo_app;
