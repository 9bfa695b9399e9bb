-- fluxo_start_children(rows): starts executions on behalf of sub-workflow nodes, of many parents, in one statement (I1, I4).
-- In:   a JSON array of { tenantId, rows }, once per tenant; a row is { idx, parentId, parentNodeId, parentItem, epoch, workflowId, occurrenceKey, executionId, isAwaited, occurredAt,
--       input | inputRef + inputBody + inputBytes }.
-- Out:  for each row: started (with the child's id; the first one's for a repeat), fenced (the parent is another's by now), tooDeep, or absent (the tenant has no such workflow, it is archived, or its
--       published version has no trigger.workflow). Only `started` leaves anything behind.
-- Fence: the parent's row is locked while its epoch and lease are checked, so a node of one item starts one child for ever, whatever is published meanwhile.
CREATE OR REPLACE FUNCTION fluxo_start_children(p_rows jsonb)
RETURNS TABLE (idx int, outcome text, execution_id uuid)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_tenant uuid;
  v_rows jsonb;
  v_new jsonb;
BEGIN
  FOR v_tenant, v_rows IN SELECT (g ->> 'tenantId')::uuid, g -> 'rows' FROM jsonb_array_elements(p_rows) g ORDER BY 1 LOOP
    PERFORM set_config('app.tenant_id', v_tenant::text, true);
    PERFORM 1 FROM executions e WHERE e.tenant_id = v_tenant AND e.id IN (SELECT (r ->> 'parentId')::uuid FROM jsonb_array_elements(v_rows) r) ORDER BY e.id FOR NO KEY UPDATE;

    SELECT jsonb_agg(g.r || jsonb_build_object(
      'triggerId', t.id, 'depth', e.depth + 1, 'childId', c.id,
      'verdict', CASE WHEN e.id IS NULL THEN 'fenced' WHEN c.id IS NOT NULL THEN 'started' WHEN e.depth >= 5 THEN 'tooDeep' WHEN t.id IS NULL THEN 'absent' END))
    INTO v_rows
    FROM jsonb_array_elements(v_rows) AS g(r)
    LEFT JOIN executions e ON e.tenant_id = v_tenant AND e.id = (g.r ->> 'parentId')::uuid AND e.lease_epoch = (g.r ->> 'epoch')::int
                          AND e.status = 'RUNNING' AND e.lease_until > clock_timestamp()
    LEFT JOIN LATERAL (
      SELECT c.id FROM executions c
      WHERE c.tenant_id = v_tenant AND c.parent_execution_id = e.id AND c.parent_node_id = g.r ->> 'parentNodeId' AND c.parent_item = (g.r ->> 'parentItem')::int LIMIT 1) c ON true
    LEFT JOIN LATERAL (
      SELECT t.id FROM triggers t JOIN workflows w ON w.tenant_id = v_tenant AND w.id = t.workflow_id
      WHERE t.tenant_id = v_tenant AND t.workflow_id = (g.r ->> 'workflowId')::uuid AND t.kind = 'workflow' AND t.is_enabled AND w.published_version_id IS NOT NULL AND w.archived_at IS NULL
      ORDER BY t.node_id LIMIT 1) t ON true;

    RETURN QUERY
    SELECT (r ->> 'idx')::int, r ->> 'verdict', (r ->> 'childId')::uuid FROM jsonb_array_elements(v_rows) r WHERE r ->> 'verdict' IS NOT NULL;
    SELECT jsonb_agg(r) INTO v_new FROM jsonb_array_elements(v_rows) r WHERE r ->> 'verdict' IS NULL;
    IF v_new IS NOT NULL THEN
      RETURN QUERY
      SELECT i.idx, CASE i.outcome WHEN 'gone' THEN 'absent' ELSE 'started' END, i.execution_id
      FROM fluxo_intake(jsonb_build_array(jsonb_build_object('tenantId', v_tenant, 'rows', v_new))) i;
      UPDATE executions e SET has_children = true
      WHERE e.tenant_id = v_tenant AND NOT e.has_children AND e.id IN (SELECT (r ->> 'parentId')::uuid FROM jsonb_array_elements(v_new) r);
    END IF;
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION fluxo_start_children(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_start_children(jsonb) TO fluxo_app;

-- fluxo_wake_parents(tenant, children): orders the wake-up of the parents that wait for these executions, which ended. The caller holds the tenant's slot row, so that a parent that is
-- about to suspend has either done so, or will see the ended child itself (fluxo_settle). A parent whose row is locked by anybody else is left to the sweep: waiting for
-- it here, child first, could deadlock. Returns how many were woken.
CREATE OR REPLACE FUNCTION fluxo_wake_parents(p_tenant uuid, p_children uuid[]) RETURNS int
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_woken int;
BEGIN
  WITH ended AS (
    SELECT c.id, c.parent_execution_id FROM executions c WHERE c.tenant_id = p_tenant AND c.id = ANY (p_children) AND c.is_awaited AND c.completed_at IS NOT NULL
  ), parents AS (
    SELECT p.id FROM executions p
    WHERE p.tenant_id = p_tenant AND p.id IN (SELECT parent_execution_id FROM ended) AND p.status = 'WAITING' AND p.reason <> 'QUOTA' ORDER BY p.id FOR UPDATE SKIP LOCKED
  ), woken AS (
    UPDATE executions p SET resume_at = least(p.resume_at, clock_timestamp()), wake_count = p.wake_count + 1, released_at = NULL, updated_at = clock_timestamp()
    FROM parents WHERE p.tenant_id = p_tenant AND p.id = parents.id
    RETURNING p.id, p.concurrency_class, p.wake_count
  ), sent AS (
    INSERT INTO outbox (tenant_id, execution_id, concurrency_class, event_id)
    SELECT p_tenant, id, concurrency_class, id::text || ':' || wake_count FROM woken
  ), heard AS (
    UPDATE executions c SET is_awaited = false FROM ended e JOIN woken w ON w.id = e.parent_execution_id WHERE c.tenant_id = p_tenant AND c.id = e.id
  )
  SELECT count(*) INTO v_woken FROM woken;
  RETURN v_woken;
END $$;
REVOKE ALL ON FUNCTION fluxo_wake_parents(uuid, uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_wake_parents(uuid, uuid[]) TO fluxo_app;

-- fluxo_settle_parents(tenant, parents): what follows for the children of executions that were settled or canceled just now. The caller holds the tenant's slot row.
-- A parent that was suspended although a child that it waits for had ended before is woken. Nobody waits any more for the children of a parent that ended; those of a canceled one are
-- canceled too, and theirs, as deep as it goes: what is QUEUED or WAITING ends, what is RUNNING is asked to. Children that were started without waiting, and those of
-- parents that ended otherwise, go on. Returns how many parents were woken.
CREATE OR REPLACE FUNCTION fluxo_settle_parents(p_tenant uuid, p_parents uuid[]) RETURNS int
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_woken int;
  v_canceled uuid[];
  v_asked uuid[];
BEGIN
  SELECT fluxo_wake_parents(p_tenant, array_agg(c.id)) INTO v_woken
  FROM executions c JOIN executions p ON p.tenant_id = p_tenant AND p.id = c.parent_execution_id
  WHERE c.tenant_id = p_tenant AND c.parent_execution_id = ANY (p_parents) AND c.is_awaited AND c.completed_at IS NOT NULL AND p.status = 'WAITING';

  SELECT array_agg(p.id) INTO v_canceled FROM executions p WHERE p.tenant_id = p_tenant AND p.id = ANY (p_parents) AND p.status = 'CANCELED';
  WHILE cardinality(v_canceled) > 0 LOOP
    WITH open AS (
      SELECT c.id FROM executions c
      WHERE c.tenant_id = p_tenant AND c.parent_execution_id = ANY (v_canceled) AND c.is_awaited AND c.completed_at IS NULL ORDER BY c.id FOR UPDATE
    )
    SELECT array_agg(id) INTO v_asked FROM open;
    UPDATE executions c SET cancel_requested_at = coalesce(c.cancel_requested_at, clock_timestamp()), updated_at = clock_timestamp()
    WHERE c.tenant_id = p_tenant AND c.id = ANY (v_asked) AND c.status = 'RUNNING';
    UPDATE executions c SET is_awaited = false WHERE c.tenant_id = p_tenant AND c.parent_execution_id = ANY (v_canceled) AND c.is_awaited;
    WITH ended AS (
      UPDATE executions c
      SET status = 'CANCELED', reason = NULL, resume_at = NULL, starved_at = NULL, cancel_requested_at = coalesce(c.cancel_requested_at, clock_timestamp()),
          completed_at = clock_timestamp(), error_code = 'EXECUTION_CANCELED', error_message = 'The execution that waited for it was canceled.', updated_at = clock_timestamp()
      WHERE c.tenant_id = p_tenant AND c.id = ANY (v_asked) AND c.status IN ('QUEUED', 'WAITING')
      RETURNING c.id
    )
    SELECT array_agg(id) INTO v_canceled FROM ended;
    PERFORM fluxo_settle_usage(p_tenant, v_canceled);
    PERFORM fluxo_settle_open_nodes(p_tenant, v_canceled);
  END LOOP;

  UPDATE executions c SET is_awaited = false FROM executions p
  WHERE p.tenant_id = p_tenant AND p.id = ANY (p_parents) AND p.completed_at IS NOT NULL AND c.tenant_id = p_tenant AND c.parent_execution_id = p.id AND c.is_awaited;
  RETURN coalesce(v_woken, 0);
END $$;
REVOKE ALL ON FUNCTION fluxo_settle_parents(uuid, uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_settle_parents(uuid, uuid[]) TO fluxo_app;
