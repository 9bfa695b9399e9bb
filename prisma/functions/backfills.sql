-- fluxo_backfill_step(tenant, id, epoch, rows, rest, queued max): one turn of a leased backfill: of the instants given as many as may start now, in one transaction
-- with the place where it goes on. A crash leaves both undone.
-- In:   rows in the order of their instants: [{ at, item: a row of fluxo_intake with its trigger, or null for an instant that is not to be started }]; rest: where the
--       instants after these begin, null when there are none.
-- Pace: instants that are left out use none. Nothing starts while the tenant has p_queued_max executions that wait to start: a backfill is what can wait, and live occurrences
--       come between.
-- Out:  what the turn started, the status, and whether the tenant's queue held it. @raises as fluxo_operation_hold
CREATE OR REPLACE FUNCTION fluxo_backfill_step(p_tenant uuid, p_id uuid, p_epoch int, p_rows jsonb, p_rest timestamptz, p_queued_max int)
RETURNS TABLE (started int, status text, is_held boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_queued int;
  v_items jsonb;
  v_skipped int;
  v_rest timestamptz;
  v_got int[];
  v_status text;
  o record;
  p record;
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true), fluxo_operation_hold('backfill', p_tenant, p_id, p_epoch);
  SELECT b.* INTO o FROM backfills b WHERE b.tenant_id = p_tenant AND b.id = p_id;
  SELECT count(*) INTO v_queued FROM (SELECT FROM executions e WHERE e.tenant_id = p_tenant AND e.status = 'QUEUED' LIMIT p_queued_max) q;
  p := fluxo_operation_pace(o.next_at, o.pace_per_minute, p_queued_max - v_queued);

  -- The longest beginning that holds no more than p.take instants to start.
  WITH given AS (
    SELECT (r.value ->> 'at')::timestamptz AS at, nullif(r.value -> 'item', 'null') AS item, r.place,
           count(nullif(r.value -> 'item', 'null')) OVER (ORDER BY r.place) AS open
    FROM jsonb_array_elements(p_rows) WITH ORDINALITY AS r(value, place)
  )
  SELECT coalesce(jsonb_agg(g.item ORDER BY g.place) FILTER (WHERE g.item IS NOT NULL AND g.open <= p.take), '[]'), count(*) FILTER (WHERE g.item IS NULL AND g.open <= p.take),
         coalesce(min(g.at) FILTER (WHERE g.open > p.take), p_rest)
  INTO v_items, v_skipped, v_rest FROM given g;

  SELECT ARRAY[count(*) FILTER (WHERE n.outcome = 'accepted'), count(*) FILTER (WHERE n.outcome IN ('duplicate', 'conflict', 'filtered')), count(*) FILTER (WHERE n.outcome = 'gone')]::int[] INTO v_got
  -- Beside a duplicate, intake tells an accepted row twice.
  FROM (SELECT DISTINCT * FROM fluxo_intake(jsonb_build_array(jsonb_build_object('tenantId', p_tenant, 'rows', v_items)))) n;
  PERFORM set_config('app.tenant_id', p_tenant::text, true);

  v_status := CASE WHEN v_got[3] > 0 THEN 'ABORTED' WHEN v_rest IS NULL THEN 'DONE' ELSE 'RUNNING' END;
  UPDATE backfills b
  SET started = b.started + v_got[1], duplicate = b.duplicate + v_got[2], skipped = b.skipped + v_skipped, next_from = coalesce(v_rest, b.to_at),
      next_at = p.since + v_got[1] * p.every, status = v_status, abort_reason = CASE v_status WHEN 'ABORTED' THEN 'TRIGGER_OFF' END,
      completed_at = CASE WHEN v_status <> 'RUNNING' THEN clock_timestamp() END
  WHERE b.tenant_id = p_tenant AND b.id = p_id;
  RETURN QUERY SELECT v_got[1], v_status, v_queued >= p_queued_max;
END $$;
REVOKE ALL ON FUNCTION fluxo_backfill_step(uuid, uuid, int, jsonb, timestamptz, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_backfill_step(uuid, uuid, int, jsonb, timestamptz, int) TO fluxo_app;
