-- Plans of the operator, which tenants of many agencies have. The operator itself sees no tenant: what it is told are counts, and ids of those that a change would meet.

-- fluxo_plan_tenants(plan, after, limit): the tenants that have a plan of the operator, in the order of their ids. For the operator only. SECURITY DEFINER as fluxo_system.
CREATE OR REPLACE FUNCTION fluxo_plan_tenants(p_plan uuid, p_after uuid, p_limit int)
RETURNS TABLE (tenant_id uuid, agency_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  SELECT t.id, t.agency_id FROM plans p JOIN tenants t ON t.plan_id = p.id
  WHERE is_operator() AND p.id = p_plan AND p.agency_id IS NULL AND (p_after IS NULL OR t.id > p_after) ORDER BY t.id LIMIT p_limit
$$;
ALTER FUNCTION fluxo_plan_tenants(uuid, uuid, int) OWNER TO fluxo_system;
REVOKE ALL ON FUNCTION fluxo_plan_tenants(uuid, uuid, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_plan_tenants(uuid, uuid, int) TO fluxo_app;

-- fluxo_operator_plan_effects(plan, changes, tiers, after, limit): fluxo_plan_effects of a change of a plan of the operator, for so many of its tenants: what the plan as it is does not do already.
-- Out: a row per tenant, rule and detail of a rule, with the workflows that it is about; one without a rule for a tenant that nothing changes for. Ends in no agency's scope.
CREATE OR REPLACE FUNCTION fluxo_operator_plan_effects(p_plan uuid, p_changes jsonb, p_tiers jsonb, p_after uuid, p_limit int)
RETURNS TABLE (tenant_id uuid, agency_id uuid, code text, detail text, workflow_ids uuid[])
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  t record;
BEGIN
  FOR t IN SELECT * FROM fluxo_plan_tenants(p_plan, p_after, p_limit) LOOP
    PERFORM set_config('app.agency_id', t.agency_id::text, true);
    RETURN QUERY
    WITH then_effects AS MATERIALIZED (SELECT * FROM fluxo_plan_effects(t.tenant_id, p_plan, p_changes, p_tiers)),
         now_effects AS MATERIALIZED (SELECT * FROM fluxo_plan_effects(t.tenant_id, p_plan, '{}', p_tiers)),
         new_effects AS (
           SELECT e.* FROM then_effects e
           WHERE NOT EXISTS (SELECT FROM now_effects o WHERE o.code = e.code AND o.workflow_id IS NOT DISTINCT FROM e.workflow_id AND o.detail IS NOT DISTINCT FROM e.detail))
    SELECT t.tenant_id, t.agency_id, e.code, e.detail, array_remove(array_agg(DISTINCT e.workflow_id), NULL)
    FROM (SELECT 1) always LEFT JOIN new_effects e ON true GROUP BY e.code, e.detail;
  END LOOP;
  PERFORM set_config('app.agency_id', '', true), set_config('app.tenant_id', '', true);
END $$;
REVOKE ALL ON FUNCTION fluxo_operator_plan_effects(uuid, jsonb, jsonb, uuid, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_operator_plan_effects(uuid, jsonb, jsonb, uuid, int) TO fluxo_app;

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

-- fluxo_apply_operator_plan(plan): fluxo_apply_plan for all tenants of a plan of the operator that was changed. The caller holds the plan's lock (fluxo_lock_plan) since before the change.
-- What follows for a tenant is in the audit log of its agency, done by the operator, without where the operator was. Ends in no agency's scope. Out: how many tenants something followed for.
CREATE OR REPLACE FUNCTION fluxo_apply_operator_plan(p_plan uuid) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
  v_audit text := coalesce(current_setting('app.audit', true), '');
  v_count int := 0;
  t record;
BEGIN
  -- The commit locks the heads of several agencies' chains: one such change at a time.
  PERFORM pg_advisory_xact_lock(hashtextextended('plans of the operator', 0));
  FOR t IN SELECT * FROM fluxo_operator_plan_due(p_plan) LOOP
    PERFORM set_config('app.agency_id', t.agency_id::text, true);
    IF v_audit <> '' THEN
      PERFORM set_config('app.audit', (v_audit::jsonb || jsonb_build_object('agencyId', t.agency_id, 'tenantId', t.tenant_id, 'ip', NULL, 'userAgent', NULL))::text, true);
    END IF;
    PERFORM fluxo_apply_plan(t.tenant_id);
    v_count := v_count + 1;
  END LOOP;
  PERFORM set_config('app.agency_id', '', true), set_config('app.tenant_id', '', true), set_config('app.audit', v_audit, true);
  RETURN v_count;
END $$;
REVOKE ALL ON FUNCTION fluxo_apply_operator_plan(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_apply_operator_plan(uuid) TO fluxo_app;
