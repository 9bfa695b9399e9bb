-- fluxo_delete_workflow(tenant, workflow): deletes an archived workflow: draft, pins, triggers with their cursors and tokens, versions, what its nodes remember, its place in a template.
-- What executions refer to stays as long as they do, so that each can still be explained: the versions that they ran, the triggers that started them with their occurrences, and the workflow's
-- row, of which only the name is left. Nothing can start by it any more. Without executions nothing is left.
-- Out:  notFound, notArchived, busy (executions that have not ended: how many), inUse (it is the error workflow of the agency, the tenant or so many workflows) or deleted.
-- Locks: the workflow's row first. Intake, which refers to it, either has committed before, and its execution is counted, or comes later and finds no trigger.
CREATE OR REPLACE FUNCTION fluxo_delete_workflow(p_tenant uuid, p_workflow uuid)
RETURNS TABLE (outcome text, running int, waiting int, queued int, used_by text[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
#variable_conflict use_column
DECLARE
  v_archived_at timestamptz;
  v_fired uuid[];
  v_idle uuid[];
BEGIN
  IF p_tenant IS DISTINCT FROM current_tenant_id() THEN
    RAISE EXCEPTION 'tenant % is not the one of the transaction', p_tenant USING ERRCODE = 'FX011';
  END IF;
  SELECT w.archived_at INTO v_archived_at FROM workflows w WHERE w.tenant_id = p_tenant AND w.id = p_workflow AND w.deleted_at IS NULL FOR UPDATE;
  outcome := CASE WHEN NOT FOUND THEN 'notFound' WHEN v_archived_at IS NULL THEN 'notArchived' END;
  IF outcome IS NULL THEN
    SELECT count(*) FILTER (WHERE e.status = 'RUNNING'), count(*) FILTER (WHERE e.status = 'WAITING'), count(*) FILTER (WHERE e.status = 'QUEUED') INTO running, waiting, queued
    FROM executions e WHERE e.tenant_id = p_tenant AND e.workflow_id = p_workflow AND e.status IN ('RUNNING', 'WAITING', 'QUEUED');
    SELECT array_remove(ARRAY[
      (SELECT 'the agency' FROM agencies a WHERE a.error_tenant_id = p_tenant AND a.error_workflow_id = p_workflow),
      (SELECT 'the tenant' FROM tenants t WHERE t.id = p_tenant AND t.error_workflow_id = p_workflow)]
      || ARRAY(SELECT format('the workflow "%s"', w.name) FROM workflows w WHERE w.tenant_id = p_tenant AND w.error_workflow_id = p_workflow AND w.id <> p_workflow AND w.deleted_at IS NULL ORDER BY w.id LIMIT 10), NULL)
    INTO used_by;
    outcome := CASE WHEN running + waiting + queued > 0 THEN 'busy' WHEN cardinality(used_by) > 0 THEN 'inUse' END;
  END IF;
  IF outcome IS NOT NULL THEN
    RETURN NEXT;
    RETURN;
  END IF;

  UPDATE workflows w SET published_version_id = NULL, error_workflow_id = NULL WHERE w.tenant_id = p_tenant AND w.id = p_workflow;
  DELETE FROM template_installations i WHERE i.tenant_id = p_tenant AND i.workflow_id = p_workflow;
  DELETE FROM remembered_keys k WHERE k.tenant_id = p_tenant AND k.workflow_id = p_workflow;
  DELETE FROM kept_values k WHERE k.tenant_id = p_tenant AND k.workflow_id = p_workflow;
  SELECT coalesce(array_agg(DISTINCT e.trigger_id), '{}') INTO v_fired FROM executions e WHERE e.tenant_id = p_tenant AND e.workflow_id = p_workflow;
  SELECT coalesce(array_agg(t.id), '{}') INTO v_idle FROM triggers t WHERE t.tenant_id = p_tenant AND t.workflow_id = p_workflow AND t.id <> ALL (v_fired);
  DELETE FROM triggers t WHERE t.tenant_id = p_tenant AND t.id = ANY (v_idle);
  DELETE FROM trigger_states s WHERE s.tenant_id = p_tenant AND s.trigger_id = ANY (v_fired);
  DELETE FROM trigger_entries x WHERE x.tenant_id = p_tenant AND x.trigger_id = ANY (v_fired);
  DELETE FROM trigger_periods x WHERE x.tenant_id = p_tenant AND x.trigger_id = ANY (v_fired);
  DELETE FROM backfills x WHERE x.tenant_id = p_tenant AND x.trigger_id = ANY (v_fired);
  DELETE FROM polls x WHERE x.tenant_id = p_tenant AND x.trigger_id = ANY (v_fired);
  DELETE FROM parked_items x WHERE x.tenant_id = p_tenant AND x.trigger_id = ANY (v_fired);
  DELETE FROM hook_tests x WHERE x.tenant_id = p_tenant AND x.trigger_id = ANY (v_fired);
  DELETE FROM hook_samples x WHERE x.tenant_id = p_tenant AND x.trigger_id = ANY (v_fired);
  UPDATE triggers t SET is_enabled = false, hook_token = NULL, sealed_secret = NULL, updated_at = clock_timestamp() WHERE t.tenant_id = p_tenant AND t.id = ANY (v_fired);
  DELETE FROM workflow_version_credentials c USING workflow_versions v WHERE c.tenant_id = p_tenant AND v.tenant_id = p_tenant AND v.id = c.version_id AND v.workflow_id = p_workflow;
  DELETE FROM workflow_versions v WHERE v.tenant_id = p_tenant AND v.workflow_id = p_workflow
    AND v.id <> ALL (ARRAY(SELECT DISTINCT e.version_id FROM executions e WHERE e.tenant_id = p_tenant AND e.workflow_id = p_workflow));
  IF cardinality(v_fired) = 0 THEN
    DELETE FROM workflows w WHERE w.tenant_id = p_tenant AND w.id = p_workflow;
  ELSE
    UPDATE workflows w SET deleted_at = clock_timestamp(), draft = '{"nodes": [], "edges": []}', pins = '{}', draft_revision = w.draft_revision + 1, updated_at = clock_timestamp()
    WHERE w.tenant_id = p_tenant AND w.id = p_workflow;
  END IF;
  outcome := 'deleted';
  RETURN NEXT;
END $$;
ALTER FUNCTION fluxo_delete_workflow(uuid, uuid) OWNER TO fluxo_eraser;
REVOKE ALL ON FUNCTION fluxo_delete_workflow(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_delete_workflow(uuid, uuid) TO fluxo_app;
