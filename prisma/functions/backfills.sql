-- fluxo_backfill_claim(owner, lease, limit): leases backfills whose pace allows work, one per tenant, those first that had no turn for the longest time (I8).
CREATE OR REPLACE FUNCTION fluxo_backfill_claim(p_owner text, p_lease_ms int, p_limit int)
RETURNS TABLE (tenant_id uuid, id uuid, trigger_id uuid, epoch int, next_from timestamptz, to_at timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz := clock_timestamp();
BEGIN
  RETURN QUERY
  WITH turn AS (
    SELECT DISTINCT ON (b.tenant_id) b.tenant_id, b.id, b.worked_at FROM backfills b
    WHERE b.status = 'RUNNING' AND b.next_at <= v_now AND (b.lease_until IS NULL OR b.lease_until < v_now)
    ORDER BY b.tenant_id, b.worked_at NULLS FIRST, b.id
  ), next AS (
    SELECT b.tenant_id, b.id FROM backfills b JOIN turn t ON t.tenant_id = b.tenant_id AND t.id = b.id
    WHERE b.status = 'RUNNING' AND (b.lease_until IS NULL OR b.lease_until < v_now)
    ORDER BY t.worked_at NULLS FIRST, b.tenant_id LIMIT p_limit FOR UPDATE OF b SKIP LOCKED
  )
  UPDATE backfills b SET lease_owner = p_owner, lease_until = clock_timestamp() + make_interval(secs => p_lease_ms / 1000.0), lease_epoch = b.lease_epoch + 1
  FROM next n WHERE b.tenant_id = n.tenant_id AND b.id = n.id
  RETURNING b.tenant_id, b.id, b.trigger_id, b.lease_epoch, b.next_from, b.to_at;
END $$;
REVOKE ALL ON FUNCTION fluxo_backfill_claim(text, int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_backfill_claim(text, int, int) TO fluxo_system;

-- fluxo_backfill_step(tenant, id, owner, epoch, rows, rest, queued max): one turn of a leased backfill: of the instants given as many as may start now, in one transaction
-- with the place where it goes on. A crash leaves both undone.
-- In:   rows in the order of their instants: [{ at, item: a row of fluxo_intake with its trigger, or null for an instant that is not to be started }]; rest: where the
--       instants after these begin, null when there are none.
-- Pace: what was not used is saved up for a second at most; instants that are left out use none. Nothing starts while the tenant has p_queued_max executions that wait to start:
--       a backfill is what can wait, and live occurrences come between.
-- Out:  no row when another epoch owns it, or it does not run any more; else what the turn started, and the status.
CREATE OR REPLACE FUNCTION fluxo_backfill_step(p_tenant uuid, p_id uuid, p_owner text, p_epoch int, p_rows jsonb, p_rest timestamptz, p_queued_max int)
RETURNS TABLE (started int, status text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz := clock_timestamp();
  v_interval interval;
  v_next timestamptz;
  v_take int;
  v_queued int;
  v_items jsonb;
  v_skipped int;
  v_rest timestamptz;
  v_got int[];
  v_status text;
  o record;
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  SELECT b.* INTO o FROM backfills b
  WHERE b.tenant_id = p_tenant AND b.id = p_id AND b.status = 'RUNNING' AND b.lease_owner = p_owner AND b.lease_epoch = p_epoch AND b.lease_until > clock_timestamp() FOR UPDATE;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  v_interval := interval '1 minute' / o.pace_per_minute;
  v_next := greatest(o.next_at, v_now - interval '1 second');
  SELECT count(*) INTO v_queued FROM (SELECT FROM executions e WHERE e.tenant_id = p_tenant AND e.status = 'QUEUED' LIMIT p_queued_max) q;
  v_take := CASE WHEN v_next > v_now THEN 0 ELSE least(p_queued_max - v_queued, floor(extract(epoch FROM v_now - v_next) / extract(epoch FROM v_interval))::int + 1) END;

  -- The longest beginning that holds no more than v_take instants to start.
  WITH given AS (
    SELECT (r.value ->> 'at')::timestamptz AS at, nullif(r.value -> 'item', 'null') AS item, r.place,
           count(nullif(r.value -> 'item', 'null')) OVER (ORDER BY r.place) AS open
    FROM jsonb_array_elements(p_rows) WITH ORDINALITY AS r(value, place)
  )
  SELECT coalesce(jsonb_agg(g.item ORDER BY g.place) FILTER (WHERE g.item IS NOT NULL AND g.open <= v_take), '[]'), count(*) FILTER (WHERE g.item IS NULL AND g.open <= v_take),
         coalesce(min(g.at) FILTER (WHERE g.open > v_take), p_rest)
  INTO v_items, v_skipped, v_rest FROM given g;

  SELECT ARRAY[count(*) FILTER (WHERE n.outcome = 'accepted'), count(*) FILTER (WHERE n.outcome IN ('duplicate', 'conflict', 'filtered')), count(*) FILTER (WHERE n.outcome = 'gone')]::int[] INTO v_got
  -- Beside a duplicate, intake tells an accepted row twice.
  FROM (SELECT DISTINCT * FROM fluxo_intake(jsonb_build_array(jsonb_build_object('tenantId', p_tenant, 'rows', v_items)))) n;
  PERFORM set_config('app.tenant_id', p_tenant::text, true);

  v_status := CASE WHEN v_got[3] > 0 THEN 'ABORTED' WHEN v_rest IS NULL THEN 'DONE' ELSE 'RUNNING' END;
  UPDATE backfills b
  SET started = b.started + v_got[1], duplicate = b.duplicate + v_got[2], skipped = b.skipped + v_skipped, next_from = coalesce(v_rest, b.to_at),
      next_at = greatest(v_next + v_got[1] * v_interval, CASE WHEN v_queued >= p_queued_max THEN v_now + interval '1 second' END), worked_at = v_now,
      lease_owner = NULL, lease_until = NULL, status = v_status, abort_reason = CASE v_status WHEN 'ABORTED' THEN 'TRIGGER_OFF' END,
      completed_at = CASE WHEN v_status <> 'RUNNING' THEN clock_timestamp() END
  WHERE b.tenant_id = p_tenant AND b.id = p_id;
  RETURN QUERY SELECT v_got[1], v_status;
END $$;
REVOKE ALL ON FUNCTION fluxo_backfill_step(uuid, uuid, text, int, jsonb, timestamptz, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_backfill_step(uuid, uuid, text, int, jsonb, timestamptz, int) TO fluxo_app;
