-- fluxo_uuid_v7(): a new id as the services make them (RFC 9562): 48 bits of milliseconds, then chance.
CREATE OR REPLACE FUNCTION fluxo_uuid_v7() RETURNS uuid
LANGUAGE sql VOLATILE AS $$
  SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid
$$;
REVOKE ALL ON FUNCTION fluxo_uuid_v7() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_uuid_v7() TO fluxo_app;

-- fluxo_error_triggers(workflows): where failures of workflows of the transaction's tenant are told: the first of the workflow's, the tenant's and the agency's error workflow that has an
-- enabled trigger.error in its published version and is not archived. The agency's may be of another of its tenants, so this reads across tenants: as fluxo_system, whose policies
-- cover just the tables named here, and for the tenant of the transaction only.
CREATE OR REPLACE FUNCTION fluxo_error_triggers(p_workflows uuid[])
RETURNS TABLE (workflow_id uuid, tenant_id uuid, trigger_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  SELECT w.id, x.tenant_id, x.trigger_id
  FROM workflows w JOIN tenants te ON te.id = w.tenant_id JOIN agencies a ON a.id = te.agency_id
  CROSS JOIN LATERAL (
    SELECT t.tenant_id, t.id AS trigger_id
    FROM (VALUES (1, w.tenant_id, w.error_workflow_id), (2, te.id, te.error_workflow_id), (3, a.error_tenant_id, a.error_workflow_id)) AS s(rank, tenant_id, workflow_id)
    JOIN workflows e ON e.tenant_id = s.tenant_id AND e.id = s.workflow_id AND e.published_version_id IS NOT NULL AND e.archived_at IS NULL
    JOIN triggers t ON t.tenant_id = e.tenant_id AND t.workflow_id = e.id AND t.kind = 'error' AND t.is_enabled
    ORDER BY s.rank, t.node_id LIMIT 1) x
  WHERE w.tenant_id = current_tenant_id() AND w.id = ANY (p_workflows)
$$;
ALTER FUNCTION fluxo_error_triggers(uuid[]) OWNER TO fluxo_system;
REVOKE ALL ON FUNCTION fluxo_error_triggers(uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_error_triggers(uuid[]) TO fluxo_app;

-- fluxo_tell_failures(tenant, ids): starts the error workflows of executions that failed, through intake, in the transaction that failed them. The occurrence's key is the failed execution's id.
-- An execution of an error workflow tells nobody of its own failure, and neither do the sub-workflows that it started: no failure causes failures without end.
CREATE OR REPLACE FUNCTION fluxo_tell_failures(p_tenant uuid, p_ids uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_rows jsonb;
BEGIN
  WITH RECURSIVE lineage AS (
    SELECT e.id AS failed_id, e.parent_execution_id, e.trigger_id FROM executions e WHERE e.tenant_id = p_tenant AND e.id = ANY (p_ids)
    UNION ALL
    SELECT l.failed_id, p.parent_execution_id, p.trigger_id FROM lineage l JOIN executions p ON p.tenant_id = p_tenant AND p.id = l.parent_execution_id
  ), failed AS (
    SELECT e.* FROM executions e
    WHERE e.tenant_id = p_tenant AND e.id = ANY (p_ids)
      AND NOT EXISTS (SELECT FROM lineage l JOIN triggers t ON t.tenant_id = p_tenant AND t.id = l.trigger_id WHERE l.failed_id = e.id AND t.kind = 'error')
  ), told AS (
    SELECT x.tenant_id, jsonb_build_object(
      'idx', 0, 'triggerId', x.trigger_id, 'occurrenceKey', f.id, 'executionId', fluxo_uuid_v7(), 'occurredAt', f.completed_at,
      'input', jsonb_build_object(
        'execution', jsonb_build_object(
          'id', f.id, 'tenantId', p_tenant, 'workflowId', f.workflow_id, 'versionId', f.version_id, 'triggerKind', t.kind, 'parentExecutionId', f.parent_execution_id,
          'startedAt', to_char(f.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'completedAt', to_char(f.completed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
          'error', jsonb_build_object('code', f.error_code, 'message', f.error_message, 'nodeId', f.error_node_id),
          'failedNodes', coalesce(n.failures, '[]')),
        'workflow', jsonb_build_object('id', w.id, 'name', w.name))) AS item
    FROM failed f
    JOIN (SELECT * FROM fluxo_error_triggers((SELECT array_agg(DISTINCT workflow_id) FROM failed))) x ON x.workflow_id = f.workflow_id
    JOIN triggers t ON t.tenant_id = p_tenant AND t.id = f.trigger_id
    JOIN workflows w ON w.tenant_id = p_tenant AND w.id = f.workflow_id
    LEFT JOIN payloads o ON o.tenant_id = p_tenant AND o.id = f.output_ref
    LEFT JOIN LATERAL (
      SELECT jsonb_agg(i.failure - 'stack' ORDER BY i.place) AS failures
      FROM jsonb_array_elements(CASE jsonb_typeof(coalesce(f.output, o.body) -> 'failures') WHEN 'array' THEN coalesce(f.output, o.body) -> 'failures' ELSE '[]' END)
           WITH ORDINALITY AS i(failure, place)
      WHERE i.place <= 20) n ON true
  )
  SELECT jsonb_agg(g.rows) INTO v_rows FROM (SELECT jsonb_build_object('tenantId', tenant_id, 'rows', jsonb_agg(item)) AS rows FROM told GROUP BY tenant_id) g;
  IF v_rows IS NOT NULL THEN
    PERFORM fluxo_intake(v_rows);
  END IF;
END $$;
REVOKE ALL ON FUNCTION fluxo_tell_failures(uuid, uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_tell_failures(uuid, uuid[]) TO fluxo_app;
