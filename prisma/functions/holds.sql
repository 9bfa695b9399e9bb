-- Holds: usage of a quota that is taken before something is done whose cost is known only afterwards (tokens of AI models). A hold that nobody settles, because its worker died, counts in
-- full once it has expired: whoever holds next for the tenant settles it.

-- fluxo_settle_hold(tenant, id, used): turns a hold into what was used, once; a hold that is gone counts already. Returns whether it was there.
CREATE OR REPLACE FUNCTION fluxo_settle_hold(p_tenant uuid, p_id uuid, p_used int) RETURNS boolean
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  h record;
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  DELETE FROM usage_holds WHERE tenant_id = p_tenant AND id = p_id RETURNING metric, window_start, amount INTO h;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  UPDATE usage_windows u SET used = least(2147483647, u.used::bigint + p_used)::int, reserved = u.reserved - h.amount
  WHERE u.tenant_id = p_tenant AND u.metric = h.metric AND u.window_start = h.window_start;
  RETURN true;
END $$;
REVOKE ALL ON FUNCTION fluxo_settle_hold(uuid, uuid, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_settle_hold(uuid, uuid, int) TO fluxo_app;

-- fluxo_hold_ai_tokens(tenant, id, amount, lease): takes tokens of this month's quota, all or none, so that used and held together never exceed it (I7).
-- Out:  whether they were granted; what is counted now, of how many, and until when the window lasts.
-- Locks: expired holds, then the row of the window.
CREATE OR REPLACE FUNCTION fluxo_hold_ai_tokens(p_tenant uuid, p_id uuid, p_amount int, p_lease_ms int)
RETURNS TABLE (is_granted boolean, counted int, quota int, window_end timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz := clock_timestamp();
  v_plan record;
  v_counted int;
  v_is_granted boolean;
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  SELECT p.ai_tokens_per_month AS quota, p.alert_percents, w.starts_at, w.ends_at INTO STRICT v_plan
  FROM tenants t JOIN plans p ON p.id = t.plan_id CROSS JOIN LATERAL fluxo_month_window(v_now, t.time_zone) w WHERE t.id = p_tenant;
  WITH gone AS (
    DELETE FROM usage_holds h USING (SELECT e.id FROM usage_holds e WHERE e.tenant_id = p_tenant AND e.expires_at < v_now ORDER BY e.id FOR UPDATE SKIP LOCKED) x
    WHERE h.tenant_id = p_tenant AND h.id = x.id RETURNING h.metric, h.window_start, h.amount
  ), total AS (
    SELECT metric, window_start, sum(amount) AS amount FROM gone GROUP BY metric, window_start
  )
  UPDATE usage_windows u SET used = least(2147483647, u.used::bigint + t.amount)::int, reserved = u.reserved - t.amount
  FROM total t WHERE u.tenant_id = p_tenant AND u.metric = t.metric AND u.window_start = t.window_start;

  INSERT INTO usage_windows AS u (tenant_id, metric, window_start, window_end, reserved)
  SELECT p_tenant, 'aiTokens', v_plan.starts_at, v_plan.ends_at, p_amount WHERE p_amount <= v_plan.quota
  ON CONFLICT (tenant_id, metric, window_start) DO UPDATE SET reserved = u.reserved + excluded.reserved
  WHERE u.used::bigint + u.reserved + excluded.reserved <= v_plan.quota
  RETURNING u.used + u.reserved INTO v_counted;
  v_is_granted := FOUND;
  IF v_is_granted THEN
    INSERT INTO usage_holds (tenant_id, id, metric, window_start, amount, expires_at)
    VALUES (p_tenant, p_id, 'aiTokens', v_plan.starts_at, p_amount, v_now + make_interval(secs => p_lease_ms / 1000.0));
    IF v_counted::bigint * 100 >= v_plan.quota::bigint * v_plan.alert_percents[1] THEN
      PERFORM fluxo_note_alerts(p_tenant, 'aiTokens', v_plan.starts_at, v_counted, v_plan.quota, v_plan.alert_percents);
    END IF;
  ELSE
    SELECT least(2147483647, u.used::bigint + u.reserved)::int INTO v_counted FROM usage_windows u WHERE u.tenant_id = p_tenant AND u.metric = 'aiTokens' AND u.window_start = v_plan.starts_at;
  END IF;
  RETURN QUERY SELECT v_is_granted, coalesce(v_counted, 0), v_plan.quota, v_plan.ends_at;
END $$;
REVOKE ALL ON FUNCTION fluxo_hold_ai_tokens(uuid, uuid, int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_hold_ai_tokens(uuid, uuid, int, int) TO fluxo_app;
