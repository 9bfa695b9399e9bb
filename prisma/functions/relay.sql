-- fluxo_relay_claim(owner, limit, lease, outstanding, gather backlog, gather entries, gather age, start): the next outbox entries to publish, shared between tenants by plan weight.
-- A tenant has at most `outstanding` executions released and not started; its further entries wait in the outbox, where they cost nothing.
-- A tenant with `gather backlog` of them or more gathers its next entries: until there are `gather entries`, the first of them is `gather age` milliseconds old, or no other has come for as long as it
-- takes all tenants that gather to start once each, at `start` milliseconds a start (100 at least). So the end of a burst does not wait, and nobody starts more than there is time for.
-- When those turns take longer than `gather age`, the entries are `is_crowded`.
-- Timers (deliver_at) and wake-ups of running or waiting executions do not count as outstanding.
-- When the shares are more than the limit, chance decides whose turn it is: in a fixed order the last tenants would never have one.
-- Tenants are found by a loose index scan, so the cost follows the number of tenants with entries, not the number of entries.
-- `backlog` is how many executions of the entry's tenant are released and not started already.
DROP FUNCTION IF EXISTS fluxo_relay_claim(text, int, int, int); -- of earlier versions
DROP FUNCTION IF EXISTS fluxo_relay_claim(text, int, int, int, int, int, int); -- of earlier versions
DROP FUNCTION IF EXISTS fluxo_relay_claim(text, int, int, int, int, int, int, int); -- CREATE OR REPLACE changes no result type
CREATE FUNCTION fluxo_relay_claim(p_owner text, p_limit int, p_lease_ms int, p_outstanding int, p_gather_backlog int, p_gather_entries int, p_gather_age_ms int, p_start_ms int)
RETURNS TABLE (id bigint, tenant_id uuid, execution_id uuid, concurrency_class text, event_id text, deliver_at timestamptz, created_at timestamptz, backlog int, is_crowded boolean)
LANGUAGE sql AS $$
  WITH RECURSIVE waiting AS (
    (SELECT o.tenant_id FROM outbox o ORDER BY o.tenant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT o.tenant_id FROM outbox o WHERE o.tenant_id > w.tenant_id ORDER BY o.tenant_id LIMIT 1) FROM waiting w WHERE w.tenant_id IS NOT NULL
  ), room AS MATERIALIZED ( -- else the count is made anew wherever it is named
    SELECT w.tenant_id, p.weight,
           (SELECT count(*) FROM executions e WHERE e.tenant_id = w.tenant_id AND e.status = 'QUEUED' AND e.released_at IS NOT NULL AND e.starved_at IS NULL)::int AS backlog
    FROM waiting w JOIN tenants t ON t.id = w.tenant_id JOIN plans p ON p.id = t.plan_id
    WHERE w.tenant_id IS NOT NULL
  ), turns AS MATERIALIZED (
    SELECT count(*) * p_start_ms AS ms FROM room WHERE room.backlog >= p_gather_backlog
  ), share AS (
    SELECT r.tenant_id, r.backlog, turns.ms > p_gather_age_ms AS is_crowded, least(p_outstanding - r.backlog, greatest(1, ceil(p_limit * r.weight / sum(r.weight) OVER ()))::int) AS take
    FROM room r CROSS JOIN turns LEFT JOIN LATERAL (
      SELECT count(*) AS entries, min(o.created_at) AS first_at, max(o.created_at) AS last_at FROM (
        SELECT o.created_at FROM outbox o
        WHERE o.tenant_id = r.tenant_id AND (o.claimed_until IS NULL OR o.claimed_until < clock_timestamp())
        ORDER BY o.id LIMIT p_gather_entries) o) gathered ON r.backlog >= p_gather_backlog
    WHERE r.backlog < p_outstanding
      AND (r.backlog < p_gather_backlog OR gathered.entries >= p_gather_entries OR gathered.first_at < clock_timestamp() - make_interval(secs => p_gather_age_ms / 1000.0)
           OR gathered.last_at < clock_timestamp() - make_interval(secs => least(p_gather_age_ms, greatest(100, turns.ms)) / 1000.0))
  ), next AS (
    SELECT n.tenant_id, n.id, s.backlog, s.is_crowded
    FROM (SELECT * FROM share ORDER BY random()) s CROSS JOIN LATERAL (
      SELECT o.tenant_id, o.id FROM outbox o
      WHERE o.tenant_id = s.tenant_id AND (o.claimed_until IS NULL OR o.claimed_until < clock_timestamp())
      ORDER BY o.id LIMIT s.take FOR UPDATE SKIP LOCKED) n
    LIMIT p_limit
  )
  UPDATE outbox o SET claimed_by = p_owner, claimed_until = clock_timestamp() + make_interval(secs => p_lease_ms / 1000.0)
  FROM next WHERE o.tenant_id = next.tenant_id AND o.id = next.id
  RETURNING o.id, o.tenant_id, o.execution_id, o.concurrency_class, o.event_id, o.deliver_at, o.created_at, next.backlog, next.is_crowded
$$;
REVOKE ALL ON FUNCTION fluxo_relay_claim(text, int, int, int, int, int, int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_relay_claim(text, int, int, int, int, int, int, int) TO fluxo_system;

-- fluxo_relay_sent(owner, tenants, ids, events): the entries were handed to Inngest: they go, and their executions remember the id of the event that released them, and the time.
-- An entry whose claim ran out and was taken by another relay is left to that one.
DROP FUNCTION IF EXISTS fluxo_relay_sent(text, uuid[], bigint[]); -- of earlier versions
CREATE OR REPLACE FUNCTION fluxo_relay_sent(p_owner text, p_tenants uuid[], p_ids bigint[], p_events text[]) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
  v_count int;
BEGIN
  PERFORM 1 FROM executions e
  JOIN outbox o ON o.tenant_id = e.tenant_id AND o.execution_id = e.id
  JOIN unnest(p_tenants, p_ids) AS s(tenant_id, id) ON s.tenant_id = o.tenant_id AND s.id = o.id
  ORDER BY e.tenant_id, e.id FOR UPDATE OF e;
  WITH gone AS (
    DELETE FROM outbox o USING unnest(p_tenants, p_ids, p_events) AS s(tenant_id, id, event_id)
    WHERE o.tenant_id = s.tenant_id AND o.id = s.id AND o.claimed_by = p_owner
    RETURNING o.id, o.tenant_id, o.execution_id, s.event_id, o.deliver_at
  ), last AS (
    SELECT g.tenant_id, g.execution_id, (array_agg(g.event_id ORDER BY g.id DESC))[1] AS event_id, bool_or(g.deliver_at IS NULL) AS is_released
    FROM gone g GROUP BY g.tenant_id, g.execution_id
  ), marked AS (
    UPDATE executions e SET inngest_event_id = l.event_id, released_at = CASE WHEN l.is_released THEN clock_timestamp() ELSE e.released_at END
    FROM last l WHERE e.tenant_id = l.tenant_id AND e.id = l.execution_id
  )
  SELECT count(*) INTO v_count FROM gone;
  RETURN v_count;
END $$;
REVOKE ALL ON FUNCTION fluxo_relay_sent(text, uuid[], bigint[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_relay_sent(text, uuid[], bigint[], text[]) TO fluxo_system;
