-- fluxo_cancel(tenant, id): asks for the end of an execution and tells the truth about it.
-- Out:  no row when there is no such execution; else its status after the call and whether a running worker still has to observe the request.
--       QUEUED and WAITING end here and now, with the sub-workflows that they wait for; RUNNING is flagged (its owner, or the one who takes it over, settles it as CANCELED); terminal stays.
CREATE OR REPLACE FUNCTION fluxo_cancel(p_tenant uuid, p_id uuid)
RETURNS TABLE (status text, is_requested boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_status text;
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  PERFORM 1 FROM concurrency_slots s WHERE s.tenant_id = p_tenant FOR UPDATE;
  SELECT e.status INTO v_status FROM executions e WHERE e.tenant_id = p_tenant AND e.id = p_id FOR UPDATE;
  IF NOT FOUND THEN
    RETURN;
  ELSIF v_status IN ('QUEUED', 'WAITING') THEN
    UPDATE executions e
    SET status = 'CANCELED', reason = NULL, resume_at = NULL, starved_at = NULL, cancel_requested_at = coalesce(e.cancel_requested_at, clock_timestamp()),
        completed_at = clock_timestamp(), error_code = 'EXECUTION_CANCELED', error_message = 'The execution was canceled.', updated_at = clock_timestamp()
    WHERE e.tenant_id = p_tenant AND e.id = p_id;
    PERFORM fluxo_settle_usage(p_tenant, ARRAY[p_id]);
    PERFORM fluxo_settle_open_nodes(p_tenant, ARRAY[p_id]);
    IF fluxo_settle_parents(p_tenant, ARRAY[p_id]) + fluxo_wake_parents(p_tenant, ARRAY[p_id]) > 0 THEN
      PERFORM pg_notify('fluxo_outbox', '');
    END IF;
    RETURN QUERY SELECT 'CANCELED', false;
  ELSIF v_status = 'RUNNING' THEN
    UPDATE executions e SET cancel_requested_at = coalesce(e.cancel_requested_at, clock_timestamp()), updated_at = clock_timestamp() WHERE e.tenant_id = p_tenant AND e.id = p_id;
    RETURN QUERY SELECT 'RUNNING', true;
  ELSE
    RETURN QUERY SELECT v_status, false;
  END IF;
END $$;
REVOKE ALL ON FUNCTION fluxo_cancel(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_cancel(uuid, uuid) TO fluxo_app;
