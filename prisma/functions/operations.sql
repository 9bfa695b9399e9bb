-- Operations in the background: bulk operations, backfills, rollouts, off-boardings. Each kind has a table of its own; what its turns need is the same in all of them:
-- next_at, when it may have a turn; worked_at, when it had the last one; lease_owner, lease_until and lease_epoch, who has the turn; attempts, turns begun since one ended well, so that
-- those count that took their process with them. A worker claims a turn, works it in transactions that each hold the lease, and releases it.

-- fluxo_operation_table(kind): the table of a kind, the column that tells whose an operation is, and which rows there is work for.
CREATE OR REPLACE FUNCTION fluxo_operation_table(p_kind text, OUT name text, OUT scope text, OUT is_open text)
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  CASE p_kind
    WHEN 'bulk' THEN name := 'bulk_operations'; scope := 'tenant_id'; is_open := 'o.status = ''RUNNING''';
    WHEN 'backfill' THEN name := 'backfills'; scope := 'tenant_id'; is_open := 'o.status = ''RUNNING''';
    WHEN 'rollout' THEN name := 'template_rollouts'; scope := 'agency_id'; is_open := 'o.status = ''RUNNING''';
    WHEN 'off_boarding' THEN name := 'off_boardings'; scope := 'agency_id'; is_open := 'o.completed_at IS NULL AND o.status IN (''STOPPING'', ''EXPORTING'', ''ERASING'')';
  END CASE;
END $$;
REVOKE ALL ON FUNCTION fluxo_operation_table(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_operation_table(text) TO fluxo_system;

-- fluxo_operation_claim(kind, owner, lease, limit, parked after, parked rest): leases operations that may have a turn, one per tenant or agency, those first that had none for the longest time (I8).
-- One that takes its process with it ends no turn; after so many attempts it is left alone for a while when its lease runs out, like one whose turns fail.
CREATE OR REPLACE FUNCTION fluxo_operation_claim(p_kind text, p_owner text, p_lease_ms int, p_limit int, p_parked_after int, p_parked_rest_ms int)
RETURNS TABLE (scope_id uuid, id uuid, epoch int, attempts int)
LANGUAGE plpgsql AS $$
DECLARE
  t record := fluxo_operation_table(p_kind);
  v_due text := format('%s AND o.next_at <= $5 AND (o.lease_until IS NULL OR o.lease_until < $5 - CASE WHEN o.attempts >= $3 THEN $4 ELSE interval ''0'' END)', t.is_open);
BEGIN
  RETURN QUERY EXECUTE format(
    'WITH turn AS (
       SELECT DISTINCT ON (o.%2$I) o.%2$I AS scope_id, o.id, o.worked_at FROM %1$I o WHERE %3$s ORDER BY o.%2$I, o.worked_at NULLS FIRST, o.id
     ), next AS (
       SELECT o.%2$I AS scope_id, o.id FROM %1$I o JOIN turn t ON t.scope_id = o.%2$I AND t.id = o.id
       WHERE %3$s ORDER BY t.worked_at NULLS FIRST, t.scope_id LIMIT $6 FOR UPDATE OF o SKIP LOCKED
     )
     UPDATE %1$I o
     SET lease_owner = $1, lease_until = clock_timestamp() + $2, lease_epoch = o.lease_epoch + 1, attempts = o.attempts + 1, worked_at = $5
     FROM next n WHERE o.%2$I = n.scope_id AND o.id = n.id
     RETURNING n.scope_id, o.id, o.lease_epoch, o.attempts', t.name, t.scope, v_due)
  USING p_owner, make_interval(secs => p_lease_ms / 1000.0), p_parked_after, make_interval(secs => p_parked_rest_ms / 1000.0), clock_timestamp(), p_limit;
END $$;
REVOKE ALL ON FUNCTION fluxo_operation_claim(text, text, int, int, int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_operation_claim(text, text, int, int, int, int) TO fluxo_system;

-- fluxo_operation_hold(kind, scope, id, epoch): the begin of every transaction of a turn: locks the operation, so that nobody else's lease, pause or abort comes between.
-- @raises FX013 when another one has the turn, the lease is over, or there is no work for it any more: whatever the transaction did is undone then
CREATE OR REPLACE FUNCTION fluxo_operation_hold(p_kind text, p_scope uuid, p_id uuid, p_epoch int) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
  t record := fluxo_operation_table(p_kind);
  v_held boolean;
BEGIN
  EXECUTE format('SELECT true FROM %I o WHERE o.%I = $1 AND o.id = $2 AND o.lease_epoch = $3 AND o.lease_until > clock_timestamp() AND %s FOR UPDATE', t.name, t.scope, t.is_open)
  INTO v_held USING p_scope, p_id, p_epoch;
  IF v_held IS NULL THEN
    RAISE EXCEPTION 'the turn of the % % is over', p_kind, p_id USING ERRCODE = 'FX013';
  END IF;
END $$;
ALTER FUNCTION fluxo_operation_hold(text, uuid, uuid, int) OWNER TO fluxo_system;
REVOKE ALL ON FUNCTION fluxo_operation_hold(text, uuid, uuid, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_operation_hold(text, uuid, uuid, int) TO fluxo_app, fluxo_eraser;

-- fluxo_operation_keep(kind, scope, id, epoch, lease): makes the lease of a turn under way longer. @raises as fluxo_operation_hold
CREATE OR REPLACE FUNCTION fluxo_operation_keep(p_kind text, p_scope uuid, p_id uuid, p_epoch int, p_lease_ms int) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  t record := fluxo_operation_table(p_kind);
BEGIN
  PERFORM fluxo_operation_hold(p_kind, p_scope, p_id, p_epoch);
  EXECUTE format('UPDATE %I o SET lease_until = clock_timestamp() + $3 WHERE o.%I = $1 AND o.id = $2', t.name, t.scope) USING p_scope, p_id, make_interval(secs => p_lease_ms / 1000.0);
END $$;
REVOKE ALL ON FUNCTION fluxo_operation_keep(text, uuid, uuid, int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_operation_keep(text, uuid, uuid, int, int) TO fluxo_system;

-- fluxo_operation_release(kind, scope, id, epoch, attempts, rest): ends a turn, whatever became of the operation; the next one is `rest` milliseconds later at the earliest. Nothing
-- when another one has the turn. The instant is cut to the column's precision, which would round it up.
CREATE OR REPLACE FUNCTION fluxo_operation_release(p_kind text, p_scope uuid, p_id uuid, p_epoch int, p_attempts int, p_rest_ms int) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  t record := fluxo_operation_table(p_kind);
  v_next timestamptz := CASE WHEN p_rest_ms > 0 THEN date_trunc('milliseconds', clock_timestamp() + make_interval(secs => p_rest_ms / 1000.0)) END;
BEGIN
  EXECUTE format('UPDATE %I o SET lease_owner = NULL, lease_until = NULL, attempts = $4, next_at = greatest(o.next_at, $5) WHERE o.%I = $1 AND o.id = $2 AND o.lease_epoch = $3', t.name, t.scope)
  USING p_scope, p_id, p_epoch, p_attempts, v_next;
END $$;
REVOKE ALL ON FUNCTION fluxo_operation_release(text, uuid, uuid, int, int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_operation_release(text, uuid, uuid, int, int, int) TO fluxo_system;

-- fluxo_operation_pace(next, per minute, max): how many items a pace allows now, `max` at most, from when they count, and the time that each of them takes. What was not used is saved up
-- for a second at most.
CREATE OR REPLACE FUNCTION fluxo_operation_pace(p_next timestamptz, p_per_minute int, p_max int, OUT take int, OUT since timestamptz, OUT every interval)
LANGUAGE plpgsql AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
BEGIN
  every := interval '1 minute' / p_per_minute;
  since := greatest(p_next, v_now - interval '1 second');
  take := CASE WHEN since > v_now THEN 0 ELSE least(p_max, floor(extract(epoch FROM v_now - since) / extract(epoch FROM every))::int + 1) END;
END $$;
REVOKE ALL ON FUNCTION fluxo_operation_pace(timestamptz, int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_operation_pace(timestamptz, int, int) TO fluxo_app;

-- fluxo_operations_parked(kind, after): how many operations of a kind failed so often in a row that they are tried now and then only.
CREATE OR REPLACE FUNCTION fluxo_operations_parked(p_kind text, p_after int) RETURNS int
LANGUAGE plpgsql STABLE AS $$
DECLARE
  t record := fluxo_operation_table(p_kind);
  v_count int;
BEGIN
  EXECUTE format('SELECT count(*)::int FROM %I o WHERE %s AND o.attempts >= $1', t.name, t.is_open) INTO v_count USING p_after;
  RETURN v_count;
END $$;
REVOKE ALL ON FUNCTION fluxo_operations_parked(text, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_operations_parked(text, int) TO fluxo_system;
