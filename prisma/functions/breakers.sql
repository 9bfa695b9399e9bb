-- fluxo_open_outage(tenant, id, credential, host, integration, next probe, class, code): records that a breaker opened. Credential or host is null. An outage of the same that was
-- never closed (its breaker was lost with Redis) ends here, as LOST.
CREATE OR REPLACE FUNCTION fluxo_open_outage(p_tenant uuid, p_id uuid, p_credential uuid, p_host text, p_integration text, p_next_probe_at timestamptz, p_class text, p_code text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  UPDATE outages SET closed_at = clock_timestamp(), closed_by = 'LOST'
  WHERE tenant_id = p_tenant AND closed_at IS NULL AND id <> p_id AND credential_id IS NOT DISTINCT FROM p_credential AND host IS NOT DISTINCT FROM p_host;
  INSERT INTO outages (tenant_id, id, key_kind, credential_id, host, integration, next_probe_at, error_class, error_code)
  VALUES (p_tenant, p_id, CASE WHEN p_credential IS NULL THEN 'host' ELSE 'credential' END, p_credential, p_host, p_integration, p_next_probe_at, p_class, p_code)
  ON CONFLICT DO NOTHING;
END $$;
REVOKE ALL ON FUNCTION fluxo_open_outage(uuid, uuid, uuid, text, text, timestamptz, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_open_outage(uuid, uuid, uuid, text, text, timestamptz, text, text) TO fluxo_app;

-- fluxo_prolong_outage(tenant, id, next probe, class, code): records that a probe failed. An outage that is closed stays so.
CREATE OR REPLACE FUNCTION fluxo_prolong_outage(p_tenant uuid, p_id uuid, p_next_probe_at timestamptz, p_class text, p_code text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  UPDATE outages SET next_probe_at = p_next_probe_at, error_class = p_class, error_code = p_code WHERE tenant_id = p_tenant AND id = p_id AND closed_at IS NULL;
END $$;
REVOKE ALL ON FUNCTION fluxo_prolong_outage(uuid, uuid, timestamptz, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_prolong_outage(uuid, uuid, timestamptz, text, text) TO fluxo_app;

-- fluxo_await_outage(tenant, id, execution): records that an execution waits for the end of an outage. It counts once.
CREATE OR REPLACE FUNCTION fluxo_await_outage(p_tenant uuid, p_id uuid, p_execution uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  INSERT INTO outage_executions (tenant_id, outage_id, execution_id)
  SELECT p_tenant, o.id, p_execution FROM outages o WHERE o.tenant_id = p_tenant AND o.id = p_id ON CONFLICT DO NOTHING;
  IF FOUND THEN
    UPDATE outages SET affected = affected + 1 WHERE tenant_id = p_tenant AND id = p_id;
  END IF;
END $$;
REVOKE ALL ON FUNCTION fluxo_await_outage(uuid, uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_await_outage(uuid, uuid, uuid) TO fluxo_app;

-- fluxo_close_outage(tenant, id, by, gap): records that a breaker closed, and lets the executions that wait for it go on in the order in which they were queued, a gap apart.
-- Out:   how many go on; null when the outage was closed already, or is not there.
-- Locks: what somebody holds right now is left alone: it goes on when it would have asked again.
CREATE OR REPLACE FUNCTION fluxo_close_outage(p_tenant uuid, p_id uuid, p_by text, p_gap_ms int) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
  v_count int;
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  UPDATE outages SET closed_at = v_now, closed_by = p_by WHERE tenant_id = p_tenant AND id = p_id AND closed_at IS NULL;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  WITH waiting AS (
    SELECT e.id, e.queued_at FROM outage_executions x JOIN executions e ON e.tenant_id = p_tenant AND e.id = x.execution_id
    WHERE x.tenant_id = p_tenant AND x.outage_id = p_id AND e.status = 'WAITING' AND e.reason <> 'QUOTA'
    ORDER BY e.id FOR UPDATE OF e SKIP LOCKED
  ), resumed AS (
    UPDATE node_executions n SET resume_at = v_now FROM waiting w
    WHERE n.tenant_id = p_tenant AND n.execution_id = w.id AND n.status = 'WAITING' AND n.reason = 'BACKOFF' AND n.failure ->> 'code' = 'INTEGRATION_OUTAGE'
    RETURNING n.execution_id
  ), placed AS (
    SELECT w.id, row_number() OVER (ORDER BY w.queued_at, w.id) - 1 AS place FROM waiting w WHERE w.id IN (SELECT execution_id FROM resumed)
  )
  UPDATE executions e SET resume_at = least(e.resume_at, v_now + make_interval(secs => p.place * p_gap_ms / 1000.0)), updated_at = v_now
  FROM placed p WHERE e.tenant_id = p_tenant AND e.id = p.id;
  GET DIAGNOSTICS v_count = ROW_COUNT;
  RETURN v_count;
END $$;
REVOKE ALL ON FUNCTION fluxo_close_outage(uuid, uuid, text, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_close_outage(uuid, uuid, text, int) TO fluxo_app;
