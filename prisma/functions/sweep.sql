-- fluxo_sweep(stale, limit): orders a wake-up for every execution that should have moved and did not (I2):
--   queued    released (or accepted) longer ago than `stale` and not started: Inngest lost the event, or no worker could be reached
--   starved   waits for a slot although its tenant has one free
--   expired   RUNNING, its lease ran out, and no wake-up was sent since
--   overdue   WAITING past its resume time, and no wake-up was sent since
--   outdated  QUEUED longer than its workflow allows, and no wake-up was sent since: the claim that follows blocks it, whether there is a slot or not
--   parked    parked longer than its plan allows, and no wake-up was sent since: the claim that follows blocks it
--   child     WAITING for a sub-workflow that ended, whose settle could not lock it
-- An execution that still has an entry in the outbox is left to the relay, and takes no place of the limit. One that somebody changed after it was seen as due (another sweep woke
-- it, a worker took it) is left alone: its lock is had only after that commit, and the look into the outbox is older. Out: how many of each kind.
CREATE OR REPLACE FUNCTION fluxo_sweep(p_stale_ms int, p_limit int)
RETURNS TABLE (kind text, woken int)
LANGUAGE plpgsql
SET plan_cache_mode = force_custom_plan -- a plan for any limit expects many due rows, and would read the whole table for its joins
AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz := clock_timestamp();
  v_stale timestamptz := v_now - make_interval(secs => p_stale_ms / 1000.0);
BEGIN
  RETURN QUERY
  WITH due AS (
    (SELECT e.tenant_id, e.id, e.xmin AS seen, 'queued' AS kind FROM executions e
     WHERE e.status = 'QUEUED' AND e.starved_at IS NULL AND e.released_at < v_stale LIMIT p_limit)
    UNION ALL
    (SELECT e.tenant_id, e.id, e.xmin, 'queued' FROM executions e
     WHERE e.status = 'QUEUED' AND e.starved_at IS NULL AND e.released_at IS NULL AND e.updated_at < v_stale
       AND NOT EXISTS (SELECT FROM outbox o WHERE o.tenant_id = e.tenant_id AND o.execution_id = e.id) LIMIT p_limit)
    UNION ALL
    (SELECT e.tenant_id, e.id, e.xmin, 'starved' FROM executions e
     JOIN concurrency_slots s ON s.tenant_id = e.tenant_id JOIN tenants t ON t.id = e.tenant_id JOIN plans p ON p.id = t.plan_id
     WHERE e.starved_at < v_stale AND s.used < p.concurrency_max LIMIT p_limit)
    UNION ALL
    (SELECT e.tenant_id, e.id, e.xmin, 'expired' FROM executions e
     WHERE e.status = 'RUNNING' AND e.lease_until < v_now AND (e.released_at IS NULL OR e.released_at < e.lease_until OR e.released_at < v_stale)
       AND NOT EXISTS (SELECT FROM outbox o WHERE o.tenant_id = e.tenant_id AND o.execution_id = e.id) LIMIT p_limit)
    UNION ALL
    (SELECT e.tenant_id, e.id, e.xmin, 'overdue' FROM executions e
     WHERE e.status = 'WAITING' AND e.resume_at < v_now - interval '1 second'
       AND (e.released_at IS NULL OR e.released_at < e.resume_at OR e.released_at < v_stale)
       AND NOT EXISTS (SELECT FROM outbox o WHERE o.tenant_id = e.tenant_id AND o.execution_id = e.id) LIMIT p_limit)
    UNION ALL
    (SELECT e.tenant_id, e.id, e.xmin, 'outdated' FROM executions e
     WHERE e.status = 'QUEUED' AND e.expires_at < v_now AND (e.released_at IS NULL OR e.released_at < e.expires_at OR e.released_at < v_stale)
       AND NOT EXISTS (SELECT FROM outbox o WHERE o.tenant_id = e.tenant_id AND o.execution_id = e.id) LIMIT p_limit)
    UNION ALL
    (SELECT e.tenant_id, e.id, e.xmin, 'parked' FROM executions e
     WHERE e.reason = 'QUOTA' AND e.park_expires_at < v_now AND (e.released_at IS NULL OR e.released_at < e.park_expires_at OR e.released_at < v_stale)
       AND NOT EXISTS (SELECT FROM outbox o WHERE o.tenant_id = e.tenant_id AND o.execution_id = e.id) LIMIT p_limit)
    UNION ALL
    (SELECT e.tenant_id, e.id, e.xmin, 'child' FROM executions c JOIN executions e ON e.tenant_id = c.tenant_id AND e.id = c.parent_execution_id
     WHERE c.is_awaited AND c.completed_at IS NOT NULL AND e.status = 'WAITING'
       AND NOT EXISTS (SELECT FROM outbox o WHERE o.tenant_id = e.tenant_id AND o.execution_id = e.id) LIMIT p_limit)
  ), idle AS (
    SELECT e.tenant_id, e.id, d.kind FROM executions e JOIN due d ON d.tenant_id = e.tenant_id AND d.id = e.id AND d.seen = e.xmin
    WHERE NOT EXISTS (SELECT FROM outbox o WHERE o.tenant_id = e.tenant_id AND o.execution_id = e.id)
    ORDER BY e.tenant_id, e.id FOR UPDATE OF e SKIP LOCKED
  ), woken AS (
    UPDATE executions e SET wake_count = e.wake_count + 1, released_at = NULL, starved_at = NULL, resume_at = CASE i.kind WHEN 'child' THEN v_now ELSE e.resume_at END
    FROM idle i WHERE e.tenant_id = i.tenant_id AND e.id = i.id AND e.status IN ('QUEUED', 'RUNNING', 'WAITING')
    RETURNING e.tenant_id, e.id, e.concurrency_class, e.wake_count, i.kind
  ), sent AS (
    INSERT INTO outbox (tenant_id, execution_id, concurrency_class, event_id)
    SELECT w.tenant_id, w.id, w.concurrency_class, w.id::text || ':' || w.wake_count FROM woken w
  ), heard AS (
    UPDATE executions c SET is_awaited = false FROM woken w
    WHERE w.kind = 'child' AND c.tenant_id = w.tenant_id AND c.parent_execution_id = w.id AND c.is_awaited AND c.completed_at IS NOT NULL
  )
  SELECT w.kind, count(*)::int FROM woken w GROUP BY w.kind;
  IF FOUND THEN
    PERFORM pg_notify('fluxo_outbox', '');
  END IF;
END $$;
REVOKE ALL ON FUNCTION fluxo_sweep(int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_sweep(int, int) TO fluxo_system;
