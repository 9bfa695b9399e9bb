-- fluxo_intake(rows): the one door by which occurrences become executions (I1, I2).
-- In:   a JSON array of { tenantId, rows }, once per tenant; a row is
--       { idx, triggerId, occurrenceKey, executionId, input | inputRef + inputBody + inputBytes, fingerprint, filtered, occurredAt }; of a sub-workflow also
--       { parentId, parentNodeId, parentItem, depth, isAwaited } (fluxo_start_children). A row with `filtered` (why, in words) makes no execution.
--       Each tenant's rows are written under that tenant's row-level security.
-- Out:  for each row: accepted (executionId is the new one), duplicate (the id of the first), conflict (the key was used with another
--       fingerprint; the id of the first), tooLarge (the input is larger than the plan allows; recorded, now or before, without an execution), filtered (recorded, now or before, without an execution) or gone (no such enabled trigger with a published version, the workflow is archived, or the tenant is being off-boarded).
-- Locks: occurrence keys in sorted order, so that two batches never deadlock. Wakes the relay once per batch.
CREATE OR REPLACE FUNCTION fluxo_intake(p_rows jsonb)
RETURNS TABLE (idx int, outcome text, execution_id uuid)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_outer text := current_setting('app.tenant_id', true);
  v_tenant uuid;
  v_rows jsonb;
  v_accepted int;
BEGIN
  FOR v_tenant, v_rows IN SELECT (g ->> 'tenantId')::uuid, g -> 'rows' FROM jsonb_array_elements(p_rows) g ORDER BY 1 LOOP
    PERFORM set_config('app.tenant_id', v_tenant::text, true);

    RETURN QUERY
    WITH given AS (
      SELECT r.* FROM jsonb_to_recordset(v_rows) AS r("idx" int, "triggerId" uuid, "occurrenceKey" text, "executionId" uuid, "input" jsonb,
                                                      "inputRef" uuid, "inputBody" jsonb, "inputBytes" int, "fingerprint" text, "filtered" text, "occurredAt" timestamptz,
                                                      "parentId" uuid, "parentNodeId" text, "parentItem" int, "depth" int, "isAwaited" boolean)
    ), target AS (
      SELECT g.*, t.node_id, w.id AS workflow_id, w.published_version_id, w.queued_ttl_seconds, p.concurrency_class,
             -- Every plan allows what is small enough to be stored inline, and what workflows of the tenant hand to each other.
             CASE WHEN g."filtered" IS NOT NULL THEN 'FILTERED' WHEN g."inputBytes" > p.payload_bytes_max AND g."parentId" IS NULL THEN 'PAYLOAD_TOO_LARGE' ELSE 'ACCEPTED' END AS reason,
             p.payload_bytes_max
      FROM given g
      JOIN triggers t ON t.tenant_id = v_tenant AND t.id = g."triggerId" AND t.is_enabled
      JOIN workflows w ON w.tenant_id = v_tenant AND w.id = t.workflow_id AND w.published_version_id IS NOT NULL AND w.archived_at IS NULL
      JOIN tenants te ON te.id = v_tenant AND te.status <> 'OFFBOARDING'
      JOIN plans p ON p.id = te.plan_id
    ), taken AS (
      INSERT INTO occurrences (tenant_id, trigger_id, occurrence_key, reason, detail, execution_id, fingerprint, occurred_at)
      SELECT v_tenant, "triggerId", "occurrenceKey", reason,
             CASE reason WHEN 'PAYLOAD_TOO_LARGE' THEN format('The input has %s bytes; the plan allows %s.', "inputBytes", payload_bytes_max) ELSE "filtered" END,
             CASE WHEN reason = 'ACCEPTED' THEN "executionId" END, "fingerprint", "occurredAt"
      FROM target
      ORDER BY "triggerId", "occurrenceKey"
      ON CONFLICT DO NOTHING
      RETURNING occurrences.execution_id
    ), made AS (
      INSERT INTO executions (tenant_id, id, workflow_id, version_id, trigger_id, trigger_node_id, occurrence_key, status, concurrency_class, input, input_ref,
                              parent_execution_id, parent_node_id, parent_item, depth, is_awaited, expires_at)
      SELECT v_tenant, g."executionId", g.workflow_id, g.published_version_id, g."triggerId", g.node_id, g."occurrenceKey", 'QUEUED', g.concurrency_class,
             g."input", g."inputRef", g."parentId", g."parentNodeId", g."parentItem", coalesce(g."depth", 0), coalesce(g."isAwaited", false),
             now() + make_interval(secs => g.queued_ttl_seconds)
      FROM target g JOIN taken k ON k.execution_id = g."executionId"
      RETURNING executions.id, executions.input_ref, executions.concurrency_class
    ), stored AS (
      INSERT INTO payloads (tenant_id, id, execution_id, bytes, body)
      SELECT v_tenant, m.input_ref, m.id, g."inputBytes", g."inputBody" FROM made m JOIN given g ON g."executionId" = m.id WHERE m.input_ref IS NOT NULL
    ), sent AS (
      INSERT INTO outbox (tenant_id, execution_id, concurrency_class, event_id)
      SELECT v_tenant, m.id, m.concurrency_class, m.id::text FROM made m ORDER BY m.id
    )
    SELECT g."idx", 'accepted', m.id FROM made m JOIN given g ON g."executionId" = m.id;
    GET DIAGNOSTICS v_accepted = ROW_COUNT;

    -- Rows that were not taken now: what a concurrent transaction has committed meanwhile is seen by a new statement only.
    IF v_accepted < jsonb_array_length(v_rows) THEN
      RETURN QUERY
      SELECT r."idx",
             CASE WHEN o.execution_id IS NULL AND o.reason = 'FILTERED' THEN 'filtered'
                  WHEN o.execution_id IS NULL AND o.reason = 'PAYLOAD_TOO_LARGE' THEN 'tooLarge'
                  WHEN o.execution_id IS NULL THEN 'gone'
                  WHEN o.execution_id = r."executionId" THEN 'accepted'
                  WHEN o.fingerprint IS DISTINCT FROM r."fingerprint" THEN 'conflict'
                  ELSE 'duplicate' END,
             o.execution_id
      FROM jsonb_to_recordset(v_rows) AS r("idx" int, "triggerId" uuid, "occurrenceKey" text, "executionId" uuid, "fingerprint" text)
      LEFT JOIN occurrences o ON o.tenant_id = v_tenant AND o.trigger_id = r."triggerId" AND o.occurrence_key = r."occurrenceKey";
    END IF;
  END LOOP;
  PERFORM set_config('app.tenant_id', coalesce(v_outer, ''), true);
  PERFORM pg_notify('fluxo_outbox', '');
END $$;
REVOKE ALL ON FUNCTION fluxo_intake(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_intake(jsonb) TO fluxo_app;
