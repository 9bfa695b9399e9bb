-- fluxo_operator_plan_due(plan): the tenants of a plan of the operator, as it is now, for which fluxo_apply_plan has something to do: of many thousands mostly few. For the operator only.
-- Not those that are off-boarded: what is written for them would be missing in their archive. One whose off-boarding is given up is brought to its plan then.
CREATE OR REPLACE FUNCTION fluxo_operator_plan_due(p_plan uuid)
RETURNS TABLE (tenant_id uuid, agency_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  SELECT t.id, t.agency_id FROM plans p JOIN tenants t ON t.plan_id = p.id
  WHERE is_operator() AND p.id = p_plan AND p.agency_id IS NULL AND t.status <> 'OFFBOARDING' AND (
    (SELECT count(*) FILTER (WHERE w.is_active) > p.active_workflows_max OR bool_or(w.is_beyond_plan) FROM workflows w WHERE w.tenant_id = t.id)
    OR EXISTS (
      SELECT FROM usage_windows u WHERE u.tenant_id = t.id AND u.window_start > clock_timestamp() - interval '32 days' AND u.used + u.reserved > 0
        AND (u.used + u.reserved)::bigint * 100 >= CASE u.metric WHEN 'executions' THEN p.executions_per_month WHEN 'aiTokens' THEN p.ai_tokens_per_month END::bigint * (SELECT min(a) FROM unnest(p.alert_percents) a))
    OR EXISTS (SELECT FROM concurrency_slots s WHERE s.tenant_id = t.id AND s.drain_at IS NOT NULL))
  ORDER BY t.agency_id, t.id
$$;
ALTER FUNCTION fluxo_operator_plan_due(uuid) OWNER TO fluxo_system;
REVOKE ALL ON FUNCTION fluxo_operator_plan_due(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_operator_plan_due(uuid) TO fluxo_app;
