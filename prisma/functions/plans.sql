-- fluxo_lock_workflows(tenant): makes what counts or changes the active workflows of a tenant take turns, among themselves and with changes of the tenant's plan. The first thing of a
-- transaction that activates or deactivates, or that gives the tenant another plan: it is taken before any row.
CREATE OR REPLACE FUNCTION fluxo_lock_workflows(p_tenant uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  PERFORM pg_advisory_xact_lock_shared(hashtextextended('plan:' || t.plan_id, 0)) FROM tenants t WHERE t.id = p_tenant;
  PERFORM pg_advisory_xact_lock(hashtextextended('workflows:' || p_tenant, 0));
END $$;
REVOKE ALL ON FUNCTION fluxo_lock_workflows(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_lock_workflows(uuid) TO fluxo_app;

-- fluxo_limit_workflows(tenant): marks the active workflows beyond the number that the plan allows, the last activated first, and clears the mark of the others. Admission refuses executions of those
-- that are marked. After fluxo_lock_workflows, and after what it counts was changed. Out: how many are active, and how many may be.
CREATE OR REPLACE FUNCTION fluxo_limit_workflows(p_tenant uuid) RETURNS TABLE (active int, allowed int)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_allowed int;
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  SELECT p.active_workflows_max INTO STRICT v_allowed FROM tenants t JOIN plans p ON p.id = t.plan_id WHERE t.id = p_tenant;
  UPDATE workflows w SET is_beyond_plan = r.is_beyond
  FROM (SELECT w.id, w.is_active AND row_number() OVER (PARTITION BY w.is_active ORDER BY w.activated_at, w.id) > v_allowed AS is_beyond FROM workflows w WHERE w.tenant_id = p_tenant) r
  WHERE w.tenant_id = p_tenant AND w.id = r.id AND w.is_beyond_plan <> r.is_beyond;
  RETURN QUERY SELECT count(*)::int, v_allowed FROM workflows w WHERE w.tenant_id = p_tenant AND w.is_active;
END $$;
REVOKE ALL ON FUNCTION fluxo_limit_workflows(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_limit_workflows(uuid) TO fluxo_app;

-- fluxo_apply_plan(tenant): what follows for a tenant from another plan, or from a change of its plan or of its time zone, besides what admission reads anyway: workflows beyond the plan are
-- marked, thresholds that are crossed by the new quota leave their alerts, and the parked executions are looked at by the next sweep. In the transaction of the change.
CREATE OR REPLACE FUNCTION fluxo_apply_plan(p_tenant uuid) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  PERFORM fluxo_lock_workflows(p_tenant);
  PERFORM fluxo_limit_workflows(p_tenant);
  PERFORM fluxo_note_alerts(p_tenant, u.metric, u.window_start, u.used + u.reserved, q.quota, p.alert_percents)
  FROM tenants t JOIN plans p ON p.id = t.plan_id CROSS JOIN LATERAL fluxo_month_window(clock_timestamp(), t.time_zone) w
  JOIN usage_windows u ON u.tenant_id = p_tenant AND u.window_start = w.starts_at
  CROSS JOIN LATERAL (SELECT CASE u.metric WHEN 'executions' THEN p.executions_per_month WHEN 'aiTokens' THEN p.ai_tokens_per_month END AS quota) q
  WHERE t.id = p_tenant AND u.used + u.reserved > 0 AND q.quota IS NOT NULL;
  UPDATE concurrency_slots s SET drain_at = least(s.drain_at, clock_timestamp()) WHERE s.tenant_id = p_tenant AND s.drain_at IS NOT NULL;
END $$;
REVOKE ALL ON FUNCTION fluxo_apply_plan(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_apply_plan(uuid) TO fluxo_app;

-- fluxo_apply_plan_change(plan): the same for all tenants of an agency's plan that was changed. The caller holds the plan's lock (fluxo_lock_plan) since before the change.
CREATE OR REPLACE FUNCTION fluxo_apply_plan_change(p_plan uuid) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
  v_tenant uuid;
  v_count int := 0;
BEGIN
  FOR v_tenant IN SELECT t.id FROM tenants t WHERE t.plan_id = p_plan AND t.agency_id = current_agency_id() AND t.status <> 'OFFBOARDING' ORDER BY t.id LOOP
    PERFORM fluxo_apply_plan(v_tenant);
    v_count := v_count + 1;
  END LOOP;
  PERFORM set_config('app.tenant_id', '', true);
  RETURN v_count;
END $$;
REVOKE ALL ON FUNCTION fluxo_apply_plan_change(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_apply_plan_change(uuid) TO fluxo_app;

-- fluxo_lock_plan(plan): the lock under which a plan changes: nobody activates a workflow by its old number meanwhile.
CREATE OR REPLACE FUNCTION fluxo_lock_plan(p_plan uuid) RETURNS void
LANGUAGE sql AS $$
  SELECT pg_advisory_xact_lock(hashtextextended('plan:' || p_plan, 0))
$$;
REVOKE ALL ON FUNCTION fluxo_lock_plan(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_lock_plan(uuid) TO fluxo_app;

-- fluxo_plan_effects(tenant, plan, changes, tiers): what a plan would not allow of what a tenant has and does now, were it the tenant's and changed so. By the rules of admission.
-- In:   changes: columns of plans, as JSON; tiers: node type → rank, of the catalog.
-- Out:  a row per rule and workflow (of polls: per trigger, whose node is the detail); rules about the tenant as a whole have no workflow. actual and allowed: the counts compared.
CREATE OR REPLACE FUNCTION fluxo_plan_effects(p_tenant uuid, p_plan uuid, p_changes jsonb, p_tiers jsonb)
RETURNS TABLE (code text, workflow_id uuid, workflow_name text, detail text, actual int, allowed int)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  p plans;
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  SELECT pl.* INTO STRICT p FROM plans pl WHERE pl.id = p_plan;
  p := jsonb_populate_record(p, p_changes);
  RETURN QUERY
  WITH active AS MATERIALIZED (
    SELECT w.id, w.name, v.node_count, v.node_types, (row_number() OVER (ORDER BY w.activated_at, w.id))::int AS place
    FROM workflows w JOIN workflow_versions v ON v.tenant_id = p_tenant AND v.id = w.published_version_id WHERE w.tenant_id = p_tenant AND w.is_active
  ), counted AS (
    SELECT coalesce(max(u.used + u.reserved) FILTER (WHERE u.metric = 'executions'), 0) AS executions, coalesce(max(u.used + u.reserved) FILTER (WHERE u.metric = 'aiTokens'), 0) AS ai_tokens
    FROM tenants t CROSS JOIN LATERAL fluxo_month_window(clock_timestamp(), t.time_zone) w LEFT JOIN usage_windows u ON u.tenant_id = p_tenant AND u.window_start = w.starts_at
    WHERE t.id = p_tenant
  )
  SELECT e.code, a.id, a.name, e.detail, e.actual, e.allowed
  FROM active a
  CROSS JOIN LATERAL fluxo_plan_refusals(a.node_count, a.node_types, p_tiers, p.nodes_per_workflow_max, p.tier_rank, p.node_types_allowed, p.node_types_denied) r
  CROSS JOIN LATERAL (VALUES
    ('TOO_MANY_WORKFLOWS', NULL, a.place, p.active_workflows_max, a.place > p.active_workflows_max),
    ('TOO_MANY_NODES', NULL, a.node_count, p.nodes_per_workflow_max, r.has_too_many_nodes),
    ('NODE_NOT_IN_PLAN', r.denied_types, NULL, NULL, r.denied_types IS NOT NULL)) AS e(code, detail, actual, allowed, holds)
  WHERE e.holds
  UNION ALL
  SELECT 'POLL_INTERVAL_RAISED', a.id, a.name, t.node_id, (t.config ->> 'intervalSeconds')::int, p.poll_interval_seconds_min
  FROM active a JOIN triggers t ON t.tenant_id = p_tenant AND t.workflow_id = a.id AND t.is_enabled JOIN trigger_states s ON s.tenant_id = p_tenant AND s.trigger_id = t.id
  WHERE s.kind <> 'schedule' AND (t.config ->> 'intervalSeconds')::int < p.poll_interval_seconds_min
  UNION ALL
  SELECT 'QUOTA_EXCEEDED', NULL, NULL, p.over_quota, c.executions, p.executions_per_month FROM counted c WHERE c.executions >= p.executions_per_month
  UNION ALL
  SELECT 'AI_TOKENS_EXCEEDED', NULL, NULL, NULL, c.ai_tokens, p.ai_tokens_per_month FROM counted c
  WHERE c.ai_tokens >= p.ai_tokens_per_month AND (c.ai_tokens > 0 OR EXISTS (SELECT FROM active a WHERE 'ai.prompt' = ANY (a.node_types)))
  UNION ALL
  SELECT 'SEATS_EXCEEDED', NULL, NULL, NULL, m.count, p.seats_max FROM fluxo_seats_taken(p_tenant, NULL, clock_timestamp()) AS m(count) WHERE m.count > p.seats_max
  UNION ALL
  SELECT 'CONCURRENCY_REACHED', NULL, NULL, NULL, s.used, p.concurrency_max FROM concurrency_slots s WHERE s.tenant_id = p_tenant AND s.used > p.concurrency_max
  ORDER BY 3 NULLS LAST, 2, 1, 4;
END $$;
REVOKE ALL ON FUNCTION fluxo_plan_effects(uuid, uuid, jsonb, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_plan_effects(uuid, uuid, jsonb, jsonb) TO fluxo_app;
