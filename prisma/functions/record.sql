-- fluxo_record(rows): writes journal rows of many executions in one statement (I4, I5).
-- In:   a JSON array of { tenantId, rows }, once per tenant; a row is { executionId, epoch, nodeId, item, position, nodeType, nodeName, integration, status, attempt, ports,
--       output | outputRef + outputBody + outputBytes, failure, attempts, startedAt, completedAt, resumeAt, reason }.
-- Out:  the ids of the fenced executions: their lease ran out or belongs to a later epoch, and nothing was written for them.
-- Fence: the execution row is share-locked while its epoch and lease are checked, so no takeover can happen between the check and the commit.
--        A row that tells of a finished node is never overwritten. A skip may be: it follows from results, and a result that a crash lost may differ.
-- Usage: each node counts once, when its row becomes SUCCESS or FAILED, with all that its attempts used. A row that is written again unchanged adds nothing.
CREATE OR REPLACE FUNCTION fluxo_record(p_rows jsonb)
RETURNS TABLE (execution_id uuid)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_tenant uuid;
  v_rows jsonb;
  v_ids uuid[];
  v_epochs int[];
  v_held uuid[];
  v_workflows uuid[];
BEGIN
  FOR v_tenant, v_rows IN SELECT (g ->> 'tenantId')::uuid, g -> 'rows' FROM jsonb_array_elements(p_rows) g ORDER BY 1 LOOP
    PERFORM set_config('app.tenant_id', v_tenant::text, true);
    SELECT array_agg(x.id), array_agg(x.epoch) INTO v_ids, v_epochs
    FROM (SELECT DISTINCT r."executionId" AS id, r."epoch" AS epoch FROM jsonb_to_recordset(v_rows) AS r("executionId" uuid, "epoch" int)) x;
    WITH held AS (
      SELECT e.id, e.workflow_id FROM executions e
      WHERE e.tenant_id = v_tenant AND e.id = ANY (v_ids) AND e.lease_epoch = v_epochs[array_position(v_ids, e.id)]
        AND e.status = 'RUNNING' AND e.lease_until > clock_timestamp()
      ORDER BY e.id FOR SHARE
    )
    SELECT coalesce(array_agg(id), '{}'), coalesce(array_agg(workflow_id), '{}') INTO v_held, v_workflows FROM held;

    WITH given AS (
      SELECT r.* FROM jsonb_to_recordset(v_rows) AS r(
        "executionId" uuid, "epoch" int, "nodeId" text, "item" int, "position" int, "nodeType" text, "nodeName" text, "integration" text, "status" text,
        "attempt" int, "ports" text[], "usage" jsonb, "output" jsonb, "outputRef" uuid, "outputBody" jsonb, "outputBytes" int, "failure" jsonb, "attempts" jsonb,
        "startedAt" timestamptz, "completedAt" timestamptz, "resumeAt" timestamptz, "reason" text)
      WHERE r."executionId" = ANY (v_held)
    ), stored AS (
      INSERT INTO payloads (tenant_id, id, execution_id, bytes, body)
      SELECT v_tenant, "outputRef", "executionId", "outputBytes", "outputBody" FROM given WHERE "outputRef" IS NOT NULL
      ON CONFLICT DO NOTHING
    ), written AS (
    INSERT INTO node_executions AS n (tenant_id, execution_id, node_id, item, position, node_type, node_name, integration, status, attempt, ports, usage, output, output_ref,
                                      failure, attempts, started_at, completed_at, resume_at, reason, epoch)
    SELECT v_tenant, "executionId", "nodeId", "item", "position", "nodeType", "nodeName", "integration", "status", "attempt", coalesce("ports", '{}'), nullif("usage", 'null'), "output", "outputRef",
           "failure", coalesce("attempts", '[]'), "startedAt", "completedAt", "resumeAt", "reason", "epoch"
    FROM given
    ON CONFLICT (tenant_id, execution_id, node_id, item) DO UPDATE
    SET status = excluded.status, attempt = excluded.attempt, ports = excluded.ports,
        usage = CASE WHEN n.usage IS NULL THEN excluded.usage WHEN n.status = excluded.status AND n.attempt = excluded.attempt THEN n.usage ELSE fluxo_add_usage(n.usage, excluded.usage) END, output = excluded.output, output_ref = excluded.output_ref, failure = excluded.failure,
        attempts = excluded.attempts, started_at = coalesce(n.started_at, excluded.started_at), completed_at = excluded.completed_at, resume_at = excluded.resume_at,
        reason = excluded.reason, epoch = excluded.epoch
    WHERE n.status IN ('RUNNING', 'WAITING', 'SKIPPED')
    RETURNING n.execution_id, n.node_type, n.integration, n.status, n.usage, n.completed_at
    )
    INSERT INTO usage_events (tenant_id, txid, occurred_at, workflow_id, node_type, integration, model, node_executions, ai_input_tokens, ai_output_tokens, ai_unpriced_tokens, ai_cost_micros, egress_bytes)
    SELECT v_tenant, txid_current(), coalesce(max(w.completed_at), now()), h.workflow_id, w.node_type, coalesce(w.integration, ''), coalesce(w.usage ->> 'model', ''), count(*),
           coalesce(sum((w.usage ->> 'inputTokens')::bigint), 0), coalesce(sum((w.usage ->> 'outputTokens')::bigint), 0),
           coalesce(sum((w.usage ->> 'inputTokens')::bigint + (w.usage ->> 'outputTokens')::bigint) FILTER (WHERE w.usage ->> 'costMicros' IS NULL), 0),
           coalesce(sum((w.usage ->> 'costMicros')::bigint), 0), coalesce(sum((w.usage ->> 'egressBytes')::bigint), 0)
    FROM written w JOIN unnest(v_held, v_workflows) AS h(id, workflow_id) ON h.id = w.execution_id
    WHERE w.status IN ('SUCCESS', 'FAILED')
    GROUP BY h.workflow_id, w.node_type, w.integration, w.usage ->> 'model', date_trunc('hour', w.completed_at, 'UTC');

    RETURN QUERY
    SELECT x.id FROM unnest(v_ids) AS x(id) WHERE x.id <> ALL (v_held);
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION fluxo_record(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_record(jsonb) TO fluxo_app;
