-- fluxo_heartbeat(owner, lease, tenants, ids, epochs): extends the leases that the owner still holds, of any tenant.
-- Out:  the ids still held, with whether a cancel was asked for. An id that is missing is lost: its work must stop and write nothing more.
CREATE OR REPLACE FUNCTION fluxo_heartbeat(p_owner text, p_lease_ms int, p_tenants uuid[], p_ids uuid[], p_epochs int[])
RETURNS TABLE (execution_id uuid, is_canceled boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  PERFORM 1 FROM executions e JOIN unnest(p_tenants, p_ids) AS h(tenant_id, id) ON e.tenant_id = h.tenant_id AND e.id = h.id
  ORDER BY e.tenant_id, e.id FOR UPDATE OF e;
  RETURN QUERY
  UPDATE executions e SET lease_until = clock_timestamp() + make_interval(secs => p_lease_ms / 1000.0)
  FROM unnest(p_tenants, p_ids, p_epochs) AS h(tenant_id, id, epoch)
  WHERE e.tenant_id = h.tenant_id AND e.id = h.id AND e.status = 'RUNNING' AND e.lease_owner = p_owner AND e.lease_epoch = h.epoch
  RETURNING e.id, e.cancel_requested_at IS NOT NULL;
END $$;
REVOKE ALL ON FUNCTION fluxo_heartbeat(text, int, uuid[], uuid[], int[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_heartbeat(text, int, uuid[], uuid[], int[]) TO fluxo_system;
