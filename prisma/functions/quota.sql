-- fluxo_first_instant(local, zone): the first instant at which the zone's clocks show a local time, which may come twice: AT TIME ZONE alone takes the second one.
CREATE OR REPLACE FUNCTION fluxo_first_instant(p_local timestamp, p_zone text) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN (p_local AT TIME ZONE p_zone - interval '1 hour') AT TIME ZONE p_zone >= p_local THEN p_local AT TIME ZONE p_zone - interval '1 hour' ELSE p_local AT TIME ZONE p_zone END
$$;
REVOKE ALL ON FUNCTION fluxo_first_instant(timestamp, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_first_instant(timestamp, text) TO fluxo_app, fluxo_system;

-- fluxo_month_window(at, zone): the calendar month of a zone that an instant lies in: the window of every quota. As core's monthWindow (a test compares them).
CREATE OR REPLACE FUNCTION fluxo_month_window(p_at timestamptz, p_zone text) RETURNS TABLE (starts_at timestamptz, ends_at timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT fluxo_first_instant(m.begins, p_zone), fluxo_first_instant(m.begins + interval '1 month', p_zone) FROM (SELECT date_trunc('month', p_at AT TIME ZONE p_zone) AS begins) m
$$;
REVOKE ALL ON FUNCTION fluxo_month_window(timestamptz, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_month_window(timestamptz, text) TO fluxo_app, fluxo_system;

-- fluxo_plan_refusals(…): what a plan does not allow of a workflow. The rule of admission (fluxo_claim) and of previews (fluxo_plan_effects); as core's planRefusals (a test compares them).
-- A type is denied when the plan's list says so, or when its tier is higher than the plan's and the plan's list does not include it all the same.
-- One SELECT that returns rows, so that the planner writes it into the statement that calls it.
CREATE OR REPLACE FUNCTION fluxo_plan_refusals(p_node_count int, p_node_types text[], p_tiers jsonb, p_nodes_max int, p_rank int, p_allowed text[], p_denied text[])
RETURNS TABLE (has_too_many_nodes boolean, denied_types text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT p_node_count > p_nodes_max,
         (SELECT string_agg(t, ', ' ORDER BY t COLLATE "C") FROM unnest(p_node_types) t WHERE t = ANY (p_denied) OR (p_tiers ->> t)::int > p_rank AND t <> ALL (p_allowed))
$$;
REVOKE ALL ON FUNCTION fluxo_plan_refusals(int, text[], jsonb, int, int, text[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_plan_refusals(int, text[], jsonb, int, int, text[], text[]) TO fluxo_app;

-- fluxo_note_alerts(tenant, metric, window, counted, quota, percents): records which thresholds of a quota are reached, each once per window. In the transaction that counts; the caller
-- holds the row of the window. Returns how many are new.
CREATE OR REPLACE FUNCTION fluxo_note_alerts(p_tenant uuid, p_metric text, p_window_start timestamptz, p_counted int, p_quota int, p_percents int[]) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
  v_new int;
BEGIN
  INSERT INTO quota_alerts (tenant_id, metric, window_start, percent, id, counted, quota, raised_at)
  SELECT p_tenant, p_metric, p_window_start, t, gen_random_uuid(), p_counted, p_quota, clock_timestamp()
  FROM unnest(p_percents) t WHERE p_counted::bigint * 100 >= p_quota::bigint * t
  ON CONFLICT DO NOTHING;
  GET DIAGNOSTICS v_new = ROW_COUNT;
  RETURN v_new;
END $$;
REVOKE ALL ON FUNCTION fluxo_note_alerts(uuid, text, timestamptz, int, int, int[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_note_alerts(uuid, text, timestamptz, int, int, int[]) TO fluxo_app;
