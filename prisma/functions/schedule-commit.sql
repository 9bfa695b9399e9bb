-- fluxo_schedule_commit(owner, rows): what schedules came to, in one statement over all tenants (I1, I3), when nothing out of the ordinary happened: every lease is
-- still held, every instant is new, every trigger takes it. Anything else undoes all of it (SQLSTATE FX001), and fluxo_dispatch_commit, which does the same and tells
-- one case from another, has to be asked. Writes what fluxo_intake writes for an occurrence with an inline input; the two change together.
-- In:   a JSON array of { tenantId, triggerId, epoch, cursor, nextDueAt (null: no more), occurrenceKey, occurredAt, executionId, input }, in the order of their tenants
--       and triggers; the last four null when no instant was due.
-- Out:  how many executions were made. Wakes the relay.
CREATE OR REPLACE FUNCTION fluxo_schedule_commit(p_owner text, p_rows jsonb) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
  v_moved int;
  v_due int;
  v_made int;
BEGIN
  WITH given AS (
    SELECT r.* FROM jsonb_to_recordset(p_rows) AS r("tenantId" uuid, "triggerId" uuid, "epoch" int, "cursor" jsonb, "nextDueAt" timestamptz, "occurrenceKey" text,
                                                    "occurredAt" timestamptz, "executionId" uuid, "input" jsonb)
  ), moved AS (
    UPDATE trigger_states s
    SET cursor = g."cursor", next_due_at = g."nextDueAt", claimable_at = g."nextDueAt", lease_owner = NULL, lease_until = NULL,
        last_execution_id = coalesce(g."executionId", s.last_execution_id),
        checked_at = v_now, connected_at = v_now,
        item_seen_at = CASE WHEN g."executionId" IS NULL THEN s.item_seen_at ELSE v_now END,
        execution_at = CASE WHEN g."executionId" IS NULL THEN s.execution_at ELSE v_now END,
        interval_ms = CASE WHEN g."executionId" IS NOT NULL AND s.item_seen_at IS NOT NULL
                           THEN coalesce(0.8 * s.interval_ms, extract(epoch FROM v_now - s.item_seen_at) * 800) + 200 * extract(epoch FROM v_now - s.item_seen_at)
                           ELSE s.interval_ms END,
        failures = 0, error_code = NULL, error_message = NULL
    FROM given g
    WHERE s.tenant_id = g."tenantId" AND s.trigger_id = g."triggerId" AND s.lease_epoch = g."epoch" AND s.lease_owner = p_owner AND s.lease_until > v_now
    RETURNING g."tenantId", g."triggerId", g."occurrenceKey", g."occurredAt", g."executionId", g."input"
  ), due AS (
    SELECT m.*, t.node_id, w.id AS workflow_id, w.published_version_id, w.queued_ttl_seconds, p.concurrency_class
    FROM moved m
    JOIN triggers t ON t.tenant_id = m."tenantId" AND t.id = m."triggerId" AND t.is_enabled
    JOIN workflows w ON w.tenant_id = t.tenant_id AND w.id = t.workflow_id AND w.published_version_id IS NOT NULL AND w.archived_at IS NULL
    JOIN tenants te ON te.id = m."tenantId" AND te.status <> 'OFFBOARDING'
    JOIN plans p ON p.id = te.plan_id
    WHERE m."executionId" IS NOT NULL
  ), taken AS (
    INSERT INTO occurrences AS o (tenant_id, trigger_id, occurrence_key, reason, execution_id, occurred_at)
    SELECT "tenantId", "triggerId", "occurrenceKey", 'ACCEPTED', "executionId", "occurredAt" FROM due
    ON CONFLICT DO NOTHING
    RETURNING 1
  ), made AS (
    INSERT INTO executions (tenant_id, id, workflow_id, version_id, trigger_id, trigger_node_id, occurrence_key, status, concurrency_class, input, depth, is_awaited, expires_at)
    SELECT "tenantId", "executionId", workflow_id, published_version_id, "triggerId", node_id, "occurrenceKey", 'QUEUED', concurrency_class, "input", 0, false,
           now() + make_interval(secs => queued_ttl_seconds)
    FROM due
  ), sent AS (
    INSERT INTO outbox (tenant_id, execution_id, concurrency_class, event_id)
    SELECT "tenantId", "executionId", concurrency_class, "executionId"::text FROM due
  )
  SELECT (SELECT count(*) FROM moved), (SELECT count(*) FROM moved WHERE "executionId" IS NOT NULL), (SELECT count(*) FROM taken) INTO v_moved, v_due, v_made;
  IF v_moved < jsonb_array_length(p_rows) OR v_made < v_due THEN
    RAISE EXCEPTION 'of % schedules % are held, of % instants % are new', jsonb_array_length(p_rows), v_moved, v_due, v_made USING ERRCODE = 'FX001';
  END IF;
  IF v_made > 0 THEN
    PERFORM pg_notify('fluxo_outbox', '');
  END IF;
  RETURN v_made;
END $$;
REVOKE ALL ON FUNCTION fluxo_schedule_commit(text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_schedule_commit(text, jsonb) TO fluxo_system;
