-- fluxo_dry_claim(owner, lease, limit, attempts): leases dry reruns that wait or were left behind, at most one of a tenant at a time, oldest first.
-- One that took its worker down with it so many times ends as FAILED.
CREATE OR REPLACE FUNCTION fluxo_dry_claim(p_owner text, p_lease_ms int, p_limit int, p_attempts_max int)
RETURNS TABLE (tenant_id uuid, id uuid)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz := clock_timestamp();
BEGIN
  UPDATE dry_reruns d
  SET status = 'FAILED', completed_at = v_now, lease_owner = NULL, lease_until = NULL, error_code = 'EXECUTION_UNREADABLE', error_message = 'No worker could finish the dry rerun.'
  WHERE d.completed_at IS NULL AND d.status = 'RUNNING' AND d.lease_until < v_now AND d.attempts >= p_attempts_max;
  RETURN QUERY
  WITH turn AS (
    SELECT DISTINCT ON (d.tenant_id) d.tenant_id, d.id, d.created_at FROM dry_reruns d
    WHERE d.completed_at IS NULL AND (d.status = 'QUEUED' OR d.lease_until < v_now)
      AND NOT EXISTS (SELECT FROM dry_reruns o WHERE o.tenant_id = d.tenant_id AND o.completed_at IS NULL AND o.lease_until >= v_now)
    ORDER BY d.tenant_id, d.created_at, d.id
  ), next AS (
    SELECT d.tenant_id, d.id FROM dry_reruns d JOIN turn t ON t.tenant_id = d.tenant_id AND t.id = d.id
    WHERE d.completed_at IS NULL AND (d.status = 'QUEUED' OR d.lease_until < v_now)
    ORDER BY t.created_at, d.id LIMIT p_limit FOR UPDATE OF d SKIP LOCKED
  )
  UPDATE dry_reruns d SET status = 'RUNNING', lease_owner = p_owner, lease_until = clock_timestamp() + make_interval(secs => p_lease_ms / 1000.0), attempts = d.attempts + 1
  FROM next n WHERE d.tenant_id = n.tenant_id AND d.id = n.id
  RETURNING d.tenant_id, d.id;
END $$;
REVOKE ALL ON FUNCTION fluxo_dry_claim(text, int, int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_dry_claim(text, int, int, int) TO fluxo_system;

-- fluxo_dry_load(tenant, id): everything that a dry rerun needs: the graph to take, the input, and the journal of the execution to compare with.
CREATE OR REPLACE FUNCTION fluxo_dry_load(p_tenant uuid, p_id uuid)
RETURNS TABLE (execution_id uuid, workflow_id uuid, version_id uuid, trigger_node_id text, graph jsonb, input jsonb, started_at timestamptz, journal jsonb)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  RETURN QUERY
  SELECT e.id, e.workflow_id, coalesce(d.version_id, e.version_id), d.trigger_node_id, d.graph, d.input, coalesce(e.started_at, e.queued_at),
         coalesce((SELECT jsonb_agg(jsonb_build_object('nodeId', n.node_id, 'name', n.node_name, 'type', n.node_type, 'item', n.item, 'status', n.status, 'ports', n.ports,
                                                       'output', coalesce(n.output, o.body), 'failure', n.failure) ORDER BY n.position, n.item)
                   FROM node_executions n LEFT JOIN payloads o ON o.tenant_id = p_tenant AND o.id = n.output_ref
                   WHERE n.tenant_id = p_tenant AND n.execution_id = e.id), '[]')
  FROM dry_reruns d JOIN executions e ON e.tenant_id = p_tenant AND e.id = d.execution_id
  WHERE d.tenant_id = p_tenant AND d.id = p_id;
END $$;
REVOKE ALL ON FUNCTION fluxo_dry_load(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_dry_load(uuid, uuid) TO fluxo_app;

-- fluxo_dry_finish(tenant, id, owner, result, code, message): ends a dry rerun that the owner still holds. Out: whether it did.
CREATE OR REPLACE FUNCTION fluxo_dry_finish(p_tenant uuid, p_id uuid, p_owner text, p_result jsonb, p_code text, p_message text) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  UPDATE dry_reruns d
  SET status = CASE WHEN p_code IS NULL THEN 'DONE' ELSE 'FAILED' END, result = p_result, error_code = p_code, error_message = p_message,
      completed_at = clock_timestamp(), lease_owner = NULL, lease_until = NULL
  WHERE d.tenant_id = p_tenant AND d.id = p_id AND d.status = 'RUNNING' AND d.lease_owner = p_owner;
  RETURN FOUND;
END $$;
REVOKE ALL ON FUNCTION fluxo_dry_finish(uuid, uuid, text, jsonb, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_dry_finish(uuid, uuid, text, jsonb, text, text) TO fluxo_app;
