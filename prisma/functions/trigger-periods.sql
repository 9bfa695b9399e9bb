-- fluxo_note_periods(tenant, workflow): remembers since when the sources of a workflow (null: of the tenant) are on or off, where that changed. In the
-- transaction that switches: publish, workflow, pause, tenant. Repeating it changes nothing.
CREATE OR REPLACE FUNCTION fluxo_note_periods(p_tenant uuid, p_workflow uuid) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
  v_changed jsonb;
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  -- One at a time per trigger.
  PERFORM 1 FROM trigger_states s JOIN triggers t ON t.tenant_id = s.tenant_id AND t.id = s.trigger_id
  WHERE s.tenant_id = p_tenant AND (p_workflow IS NULL OR t.workflow_id = p_workflow) ORDER BY s.trigger_id FOR UPDATE OF s;
  SELECT coalesce(jsonb_agg(jsonb_build_object('id', k.trigger_id, 'reason', k.off_reason)), '[]') INTO v_changed
  FROM (
    SELECT s.trigger_id, CASE WHEN te.status <> 'ACTIVE' THEN 'TENANT_SUSPENDED' WHEN NOT w.is_active OR w.published_version_id IS NULL THEN 'WORKFLOW_INACTIVE'
                              WHEN NOT t.is_enabled THEN 'TRIGGER_DISABLED' WHEN s.is_paused THEN 'PAUSED' END AS off_reason
    FROM trigger_states s
    JOIN triggers t ON t.tenant_id = s.tenant_id AND t.id = s.trigger_id
    JOIN workflows w ON w.tenant_id = t.tenant_id AND w.id = t.workflow_id
    JOIN tenants te ON te.id = s.tenant_id
    WHERE s.tenant_id = p_tenant AND (p_workflow IS NULL OR t.workflow_id = p_workflow)
  ) k
  LEFT JOIN trigger_periods p ON p.tenant_id = p_tenant AND p.trigger_id = k.trigger_id AND p.to_at IS NULL
  WHERE p.trigger_id IS NULL OR p.off_reason IS DISTINCT FROM k.off_reason;
  UPDATE trigger_periods p SET to_at = v_now FROM jsonb_to_recordset(v_changed) AS c("id" uuid)
  WHERE p.tenant_id = p_tenant AND p.trigger_id = c."id" AND p.to_at IS NULL;
  INSERT INTO trigger_periods (tenant_id, trigger_id, from_at, off_reason)
  SELECT p_tenant, c."id", v_now, c."reason" FROM jsonb_to_recordset(v_changed) AS c("id" uuid, "reason" text)
  ON CONFLICT (tenant_id, trigger_id, from_at) DO UPDATE SET to_at = NULL, off_reason = excluded.off_reason;
END $$;
REVOKE ALL ON FUNCTION fluxo_note_periods(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_note_periods(uuid, uuid) TO fluxo_app;
