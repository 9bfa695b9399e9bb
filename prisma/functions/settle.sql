-- fluxo_settle_usage(tenant, ids): turns the reservations of executions that ended into usage: of the quota's window, and as usage events, one per workflow.
-- The caller holds the tenant's slot row and has written the executions' end.
CREATE OR REPLACE FUNCTION fluxo_settle_usage(p_tenant uuid, p_ids uuid[]) RETURNS void
LANGUAGE sql AS $$
  WITH gone AS (
    DELETE FROM reservations WHERE tenant_id = p_tenant AND execution_id = ANY (p_ids) RETURNING execution_id, metric, window_start, amount
  ), metered AS (
    INSERT INTO usage_events (tenant_id, txid, occurred_at, workflow_id, executions)
    SELECT p_tenant, txid_current(), max(e.completed_at), e.workflow_id, count(*)
    -- The ids are given once more: by the join alone, a plan for any ids may read the whole table.
    FROM gone g JOIN executions e ON e.tenant_id = p_tenant AND e.id = g.execution_id AND e.id = ANY (p_ids)
    WHERE g.metric = 'executions'
    GROUP BY e.workflow_id, date_trunc('hour', e.completed_at, 'UTC')
  ), total AS (
    SELECT metric, window_start, sum(amount)::int AS amount FROM gone GROUP BY metric, window_start
  )
  UPDATE usage_windows u SET used = u.used + t.amount, reserved = u.reserved - t.amount
  FROM total t WHERE u.tenant_id = p_tenant AND u.metric = t.metric AND u.window_start = t.window_start
$$;
REVOKE ALL ON FUNCTION fluxo_settle_usage(uuid, uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_settle_usage(uuid, uuid[]) TO fluxo_app;

-- fluxo_settle_open_nodes(tenant, ids): what the attempts of nodes used that will never end, because their executions ended FAILED or CANCELED before: it counts at the end of the execution. The nodes
-- are no node executions. After the end was written: from then on nothing is recorded for them (fluxo_record), so it counts once.
CREATE OR REPLACE FUNCTION fluxo_settle_open_nodes(p_tenant uuid, p_ids uuid[]) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO usage_events (tenant_id, txid, occurred_at, workflow_id, node_type, integration, model, node_executions, ai_input_tokens, ai_output_tokens, ai_unpriced_tokens, ai_cost_micros, egress_bytes)
  SELECT p_tenant, txid_current(), max(e.completed_at), e.workflow_id, n.node_type, coalesce(n.integration, ''), coalesce(n.usage ->> 'model', ''), 0,
         coalesce(sum((n.usage ->> 'inputTokens')::bigint), 0), coalesce(sum((n.usage ->> 'outputTokens')::bigint), 0),
         coalesce(sum((n.usage ->> 'inputTokens')::bigint + (n.usage ->> 'outputTokens')::bigint) FILTER (WHERE n.usage ->> 'costMicros' IS NULL), 0),
         coalesce(sum((n.usage ->> 'costMicros')::bigint), 0), coalesce(sum((n.usage ->> 'egressBytes')::bigint), 0)
  FROM executions e JOIN node_executions n ON n.tenant_id = p_tenant AND n.execution_id = e.id AND n.execution_id = ANY (p_ids)
  WHERE e.tenant_id = p_tenant AND e.id = ANY (p_ids) AND e.status IN ('FAILED', 'CANCELED') AND n.status IN ('RUNNING', 'WAITING') AND n.usage IS NOT NULL
  GROUP BY e.workflow_id, n.node_type, n.integration, n.usage ->> 'model', date_trunc('hour', e.completed_at, 'UTC')
$$;
REVOKE ALL ON FUNCTION fluxo_settle_open_nodes(uuid, uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_settle_open_nodes(uuid, uuid[]) TO fluxo_app;

-- fluxo_wake_starved(tenant): orders a wake-up event for as many slot-starved executions as the tenant has free slots, oldest first.
-- The caller holds the tenant's slot row. Returns how many.
CREATE OR REPLACE FUNCTION fluxo_wake_starved(p_tenant uuid) RETURNS int
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_free int;
  v_woken int;
BEGIN
  SELECT p.concurrency_max - s.used INTO v_free FROM concurrency_slots s JOIN tenants t ON t.id = s.tenant_id JOIN plans p ON p.id = t.plan_id WHERE s.tenant_id = p_tenant;
  IF coalesce(v_free, 0) <= 0 THEN
    RETURN 0;
  END IF;
  WITH next AS (
    SELECT e.id FROM executions e WHERE e.tenant_id = p_tenant AND e.starved_at IS NOT NULL ORDER BY e.queued_at, e.id LIMIT v_free FOR UPDATE SKIP LOCKED
  ), woken AS (
    UPDATE executions e SET starved_at = NULL, wake_count = e.wake_count + 1, released_at = NULL
    FROM next WHERE e.tenant_id = p_tenant AND e.id = next.id
    RETURNING e.id, e.concurrency_class, e.wake_count
  ), sent AS (
    INSERT INTO outbox (tenant_id, execution_id, concurrency_class, event_id)
    SELECT p_tenant, id, concurrency_class, id::text || ':' || wake_count FROM woken RETURNING 1
  )
  SELECT count(*) INTO v_woken FROM sent;
  RETURN v_woken;
END $$;
REVOKE ALL ON FUNCTION fluxo_wake_starved(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_wake_starved(uuid) TO fluxo_app;

-- fluxo_settle(rows): ends or suspends executions, of many tenants, in one statement (I5, I7).
-- In:   a JSON array of { tenantId, rows }, once per tenant; a row is { executionId, epoch, status: SUCCESS | FAILED | CANCELED | WAITING, reason, resumeAt, output | outputRef + outputBody + outputBytes,
--       errorCode, errorMessage, errorStack, errorNodeId }.
-- Out:  the ids that were settled. An id that is missing was fenced: another epoch owns it, or it is no longer RUNNING.
-- Frees the slot, settles the quota, orders the wake-up of a suspended execution and of those that waited for the slot.
-- An execution that would be suspended although a cancel was asked for ends as CANCELED: the request would be put off until the wait is over.
-- Wakes the parent that waits for an execution that ended, leaves the children of one that ended, and starts the error workflow of one that failed.
CREATE OR REPLACE FUNCTION fluxo_settle(p_rows jsonb)
RETURNS TABLE (execution_id uuid)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz;
  v_tenant uuid;
  v_rows jsonb;
  v_ids uuid[];
  v_settled uuid[];
  v_ended uuid[];
  v_failed uuid[];
  v_is_awaited boolean;
  v_is_cut boolean;
  v_parents uuid[];
  v_suspended int;
  v_woken int;
  v_notify boolean := false;
BEGIN
  FOR v_tenant, v_rows IN SELECT (g ->> 'tenantId')::uuid, g -> 'rows' FROM jsonb_array_elements(p_rows) g ORDER BY 1 LOOP
    PERFORM set_config('app.tenant_id', v_tenant::text, true);
    SELECT array_agg(r."executionId") INTO v_ids FROM jsonb_to_recordset(v_rows) AS r("executionId" uuid);
    PERFORM 1 FROM concurrency_slots s WHERE s.tenant_id = v_tenant FOR UPDATE;
    PERFORM 1 FROM executions e WHERE e.tenant_id = v_tenant AND e.id = ANY (v_ids) ORDER BY e.id FOR UPDATE;
    v_now := clock_timestamp();

    WITH given AS (
      SELECT r.* FROM jsonb_to_recordset(v_rows) AS r(
        "executionId" uuid, "epoch" int, "status" text, "reason" text, "resumeAt" timestamptz, "output" jsonb, "outputRef" uuid, "outputBody" jsonb,
        "outputBytes" int, "errorCode" text, "errorMessage" text, "errorStack" text, "errorNodeId" text)
    ), settled AS (
      UPDATE executions e
      SET status = g."status", reason = g."reason", resume_at = g."resumeAt", output = g."output", output_ref = g."outputRef", error_code = g."errorCode",
          error_message = g."errorMessage", error_stack = g."errorStack", error_node_id = g."errorNodeId", lease_owner = NULL, lease_until = NULL,
          completed_at = CASE WHEN g."status" = 'WAITING' THEN NULL ELSE v_now END,
          wake_count = e.wake_count + CASE WHEN g."resumeAt" IS NULL THEN 0 ELSE 1 END, updated_at = v_now
      FROM given g
      WHERE e.tenant_id = v_tenant AND e.id = ANY (v_ids) AND e.id = g."executionId" AND e.status = 'RUNNING' AND e.lease_epoch = g."epoch"
      RETURNING e.id, e.status, e.resume_at, e.concurrency_class, e.wake_count, e.is_awaited, e.has_children
    ), stored AS (
      INSERT INTO payloads (tenant_id, id, execution_id, bytes, body)
      SELECT v_tenant, g."outputRef", g."executionId", g."outputBytes", g."outputBody" FROM given g JOIN settled s ON s.id = g."executionId" WHERE g."outputRef" IS NOT NULL
      ON CONFLICT DO NOTHING
    ), timers AS (
      INSERT INTO outbox (tenant_id, execution_id, concurrency_class, event_id, deliver_at)
      SELECT v_tenant, s.id, s.concurrency_class, s.id::text || ':' || s.wake_count, s.resume_at FROM settled s WHERE s.resume_at IS NOT NULL
    )
    SELECT coalesce(array_agg(s.id), '{}'), coalesce(array_agg(s.id) FILTER (WHERE s.status <> 'WAITING'), '{}'), count(*) FILTER (WHERE s.status = 'WAITING'),
           array_agg(s.id) FILTER (WHERE s.status = 'FAILED'), bool_or(s.is_awaited), array_agg(s.id) FILTER (WHERE s.has_children),
           bool_or(s.status <> 'SUCCESS')
    INTO v_settled, v_ended, v_suspended, v_failed, v_is_awaited, v_parents, v_is_cut FROM settled s;
    v_woken := 0;

    IF v_suspended > 0 THEN
      WITH canceled AS (
        UPDATE executions e
        SET status = 'CANCELED', reason = NULL, resume_at = NULL, completed_at = v_now, error_code = 'EXECUTION_CANCELED', error_message = 'The execution was canceled.'
        WHERE e.tenant_id = v_tenant AND e.id = ANY (v_settled) AND e.status = 'WAITING' AND e.cancel_requested_at IS NOT NULL
        RETURNING e.id
      )
      SELECT v_ended || coalesce(array_agg(c.id), '{}') INTO v_ended FROM canceled c;
    END IF;
    IF v_parents IS NOT NULL THEN
      v_woken := v_woken + fluxo_settle_parents(v_tenant, v_parents);
    END IF;
    IF v_is_awaited THEN
      v_woken := v_woken + fluxo_wake_parents(v_tenant, v_ended);
    END IF;
    IF v_failed IS NOT NULL THEN
      PERFORM fluxo_tell_failures(v_tenant, v_failed);
    END IF;
    UPDATE concurrency_slots s SET used = s.used - cardinality(v_settled) WHERE s.tenant_id = v_tenant;
    IF cardinality(v_ended) > 0 THEN
      PERFORM fluxo_settle_usage(v_tenant, v_ended);
      IF v_is_cut THEN
        PERFORM fluxo_settle_open_nodes(v_tenant, v_ended);
      END IF;
    END IF;
    IF cardinality(v_settled) > 0 AND fluxo_wake_starved(v_tenant) + v_suspended + v_woken > 0 THEN
      v_notify := true;
    END IF;
    RETURN QUERY SELECT unnest(v_settled);
  END LOOP;
  IF v_notify THEN
    PERFORM pg_notify('fluxo_outbox', '');
  END IF;
END $$;
REVOKE ALL ON FUNCTION fluxo_settle(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_settle(jsonb) TO fluxo_app;
