-- Parking: executions that a plan holds back while its quota is used up. One is WAITING with the reason QUOTA; `resume_at` is set when it is called out, in the order (queued_at, id),
-- and the claim that follows admits it. `concurrency_slots.drain_at` is set while a tenant has parked executions: when the next look at them is due.

-- fluxo_drain(tenant, asked): calls out as many parked executions as there is room for in the quota, and as the plan's pace allows: a batch at most every five seconds (a single one at
-- a slower pace). A look that is not due does nothing unless it is asked for; no look goes faster than the pace.
-- What is called out and not claimed yet takes room already, so never more are called out than the quota allows; it is still the claim that reserves.
-- Called when a plan gets larger, when a release is asked for, and by the sweep when a window begins, the pace allows the next batch, or nobody has looked for five minutes.
-- Locks: the tenant's slot row, then executions by id. Returns how many were called out.
CREATE OR REPLACE FUNCTION fluxo_drain(p_tenant uuid, p_asked boolean) RETURNS int
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz;
  v_slot record;
  v_plan record;
  v_called int;
  v_batch int;
  v_pause interval;
  v_room int;
  v_take int := 0;
  v_is_left boolean;
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  SELECT s.drain_at, s.drained_at INTO v_slot FROM concurrency_slots s WHERE s.tenant_id = p_tenant FOR UPDATE;
  v_now := clock_timestamp();
  IF NOT FOUND OR v_slot.drain_at IS NULL OR (v_slot.drain_at > v_now AND NOT p_asked) THEN
    RETURN 0;
  END IF;
  SELECT p.executions_per_month, p.drain_per_minute, w.ends_at, coalesce(u.used + u.reserved, 0) AS counted INTO STRICT v_plan
  FROM tenants t JOIN plans p ON p.id = t.plan_id CROSS JOIN LATERAL fluxo_month_window(v_now, t.time_zone) w
  LEFT JOIN usage_windows u ON u.tenant_id = p_tenant AND u.metric = 'executions' AND u.window_start = w.starts_at
  WHERE t.id = p_tenant;
  v_batch := greatest(1, v_plan.drain_per_minute / 12);
  v_pause := make_interval(secs => v_batch * 60.0 / v_plan.drain_per_minute);
  SELECT count(*) INTO v_called FROM executions e WHERE e.tenant_id = p_tenant AND e.reason = 'QUOTA' AND e.resume_at IS NOT NULL;
  v_room := v_plan.executions_per_month - v_plan.counted - v_called;

  IF v_room > 0 AND (v_slot.drained_at IS NULL OR v_slot.drained_at + v_pause <= v_now) THEN
    WITH next AS (
      SELECT e.id FROM executions e WHERE e.tenant_id = p_tenant AND e.reason = 'QUOTA' AND e.resume_at IS NULL ORDER BY e.queued_at, e.id LIMIT least(v_room, v_batch)
    ), held AS (
      SELECT e.id FROM executions e JOIN next n ON n.id = e.id WHERE e.tenant_id = p_tenant ORDER BY e.id FOR UPDATE OF e
    ), called AS (
      UPDATE executions e SET resume_at = v_now, wake_count = e.wake_count + 1, released_at = NULL, updated_at = v_now
      FROM held h WHERE e.tenant_id = p_tenant AND e.id = h.id
      RETURNING e.id, e.queued_at, e.concurrency_class, e.wake_count
    ), sent AS (
      INSERT INTO outbox (tenant_id, execution_id, concurrency_class, event_id)
      SELECT p_tenant, c.id, c.concurrency_class, c.id::text || ':' || c.wake_count FROM called c ORDER BY c.queued_at, c.id RETURNING 1
    )
    SELECT count(*) INTO v_take FROM sent;
  END IF;
  v_is_left := EXISTS (SELECT FROM executions e WHERE e.tenant_id = p_tenant AND e.reason = 'QUOTA' AND e.resume_at IS NULL);
  UPDATE concurrency_slots s
  SET drained_at = CASE WHEN v_take > 0 THEN v_now ELSE s.drained_at END,
      drain_at = CASE WHEN v_is_left AND v_room > v_take THEN greatest(v_now, CASE WHEN v_take > 0 THEN v_now ELSE s.drained_at END + v_pause)
                      WHEN v_is_left THEN least(v_plan.ends_at, v_now + interval '5 minutes')
                      WHEN v_called + v_take > 0 THEN v_now + interval '1 minute' END
  WHERE s.tenant_id = p_tenant;
  IF v_take > 0 THEN
    PERFORM pg_notify('fluxo_outbox', '');
  END IF;
  RETURN v_take;
END $$;
REVOKE ALL ON FUNCTION fluxo_drain(uuid, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_drain(uuid, boolean) TO fluxo_app, fluxo_system;

-- fluxo_discard_parked(tenant, limit): ends the oldest parked executions as CANCELED, called out or not. Returns how many; fewer than the limit when none are left.
CREATE OR REPLACE FUNCTION fluxo_discard_parked(p_tenant uuid, p_limit int) RETURNS int
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz;
  v_ids uuid[];
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  PERFORM 1 FROM concurrency_slots s WHERE s.tenant_id = p_tenant FOR UPDATE;
  v_now := clock_timestamp();
  WITH oldest AS (
    SELECT e.id FROM executions e WHERE e.tenant_id = p_tenant AND e.reason = 'QUOTA' ORDER BY e.queued_at, e.id LIMIT p_limit
  ), held AS (
    SELECT e.id FROM executions e JOIN oldest o ON o.id = e.id WHERE e.tenant_id = p_tenant ORDER BY e.id FOR UPDATE OF e
  ), ended AS (
    UPDATE executions e
    SET status = 'CANCELED', reason = NULL, resume_at = NULL, starved_at = NULL, cancel_requested_at = v_now, completed_at = v_now, error_code = 'EXECUTION_CANCELED',
        error_message = 'The parked executions of the tenant were discarded.', updated_at = v_now
    FROM held h WHERE e.tenant_id = p_tenant AND e.id = h.id
    RETURNING e.id
  )
  SELECT coalesce(array_agg(id), '{}') INTO v_ids FROM ended;
  IF fluxo_wake_parents(p_tenant, v_ids) > 0 THEN
    PERFORM pg_notify('fluxo_outbox', '');
  END IF;
  RETURN cardinality(v_ids);
END $$;
REVOKE ALL ON FUNCTION fluxo_discard_parked(uuid, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_discard_parked(uuid, int) TO fluxo_app;
