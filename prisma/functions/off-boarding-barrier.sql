-- Before the archive: whatever may still write for the tenant is over.

-- fluxo_service_transactions(): the transactions of Fluxo's services that run in this database now, by their virtual ids, but for the caller's. A transaction has a virtual id from its begin; a number
-- (xid) it gets with its first write only, and what it saw before counts just as well: so numbers cannot tell who began before.
CREATE OR REPLACE FUNCTION fluxo_service_transactions() RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, public AS $$
  SELECT coalesce(array_agg(l.virtualxid), '{}') FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
  WHERE l.locktype = 'virtualxid' AND l.mode = 'ExclusiveLock' AND l.pid <> pg_backend_pid()
    AND a.datname = current_database() AND a.usename IN ('fluxo_app', 'fluxo_system')
$$;
REVOKE ALL ON FUNCTION fluxo_service_transactions() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_service_transactions() TO fluxo_eraser;

-- fluxo_archive_obstacle(off-boarding, tenant): the first thing that the archive has to wait for, with how many there are; no row when nothing is left.
-- EXECUTIONS: some have not ended. TRANSACTIONS: some that ran when this was asked for the first time, after the begin was committed, run still: they may have seen the tenant active, and their rows
-- must be in the archive. Later ones see it as it is. USAGE: events are not in the sums yet.
-- A transaction of the services ends by itself: PostgreSQL ends a statement, and the idleness of a transaction, after 30 s each.
CREATE OR REPLACE FUNCTION fluxo_archive_obstacle(p_agency uuid, p_id uuid, p_tenant uuid) RETURNS TABLE (what text, how_many int)
LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
  v_older text[];
BEGIN
  SELECT o.older_transactions INTO v_older FROM off_boardings o WHERE o.agency_id = p_agency AND o.id = p_id;
  IF v_older IS NULL THEN
    v_older := fluxo_service_transactions();
    UPDATE off_boardings o SET older_transactions = v_older WHERE o.agency_id = p_agency AND o.id = p_id;
  END IF;
  SELECT count(*)::int INTO how_many FROM unnest(fluxo_service_transactions()) AS t(id) WHERE t.id = ANY (v_older);
  what := 'TRANSACTIONS';
  IF how_many = 0 THEN
    SELECT count(*)::int INTO how_many FROM (SELECT FROM executions e WHERE e.tenant_id = p_tenant AND e.status IN ('QUEUED', 'RUNNING', 'WAITING') LIMIT 1000) AS l;
    what := 'EXECUTIONS';
  END IF;
  IF how_many = 0 THEN
    SELECT count(*)::int INTO how_many FROM (SELECT FROM usage_events e CROSS JOIN usage_mark m WHERE e.tenant_id = p_tenant AND e.txid >= m.upto AND e.id > m.floor_id LIMIT 1000) AS l;
    what := 'USAGE';
  END IF;
  IF how_many > 0 THEN
    RETURN NEXT;
  END IF;
END $$;
REVOKE ALL ON FUNCTION fluxo_archive_obstacle(uuid, uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_archive_obstacle(uuid, uuid, uuid) TO fluxo_eraser;

-- fluxo_archive_begin(agency, id, epoch): lists the tables and begins the archive, when nothing has to be waited for any more. Out: whether it was begun.
-- @raises FX012 naming tables that nobody covered; as fluxo_operation_hold
DROP FUNCTION IF EXISTS fluxo_archive_begin(uuid, uuid, int, int); -- of earlier versions
CREATE OR REPLACE FUNCTION fluxo_archive_begin(p_agency uuid, p_id uuid, p_epoch int) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
  v_tenant uuid := fluxo_off_boarding_hold(p_agency, p_id, p_epoch, 'STOPPING');
  v_missing text;
  v_obstacle record;
BEGIN
  SELECT x.what, x.how_many INTO v_obstacle FROM fluxo_archive_obstacle(p_agency, p_id, v_tenant) x;
  UPDATE off_boardings o SET waits_for = v_obstacle.what, waits_count = v_obstacle.how_many,
    waits_since = CASE WHEN v_obstacle.what IS NULL THEN NULL WHEN o.waits_for = v_obstacle.what THEN o.waits_since ELSE clock_timestamp() END
  WHERE o.agency_id = p_agency AND o.id = p_id;
  IF v_obstacle.what IS NOT NULL THEN
    RETURN false;
  END IF;
  SELECT string_agg(t.table_name, ', ') INTO v_missing FROM fluxo_tenant_tables() t WHERE NOT t.is_covered;
  IF v_missing IS NOT NULL THEN
    RAISE EXCEPTION 'tables that the eraser does not cover: %', v_missing USING ERRCODE = 'FX012';
  END IF;
  INSERT INTO off_boarding_tables (agency_id, off_boarding_id, table_name, position, note, is_archived)
  SELECT p_agency, p_id, t.table_name, t.place, coalesce(t.kept_because, fluxo_left_out(t.table_name)), fluxo_left_out(t.table_name) IS NOT NULL FROM fluxo_tenant_tables() t
  ON CONFLICT DO NOTHING;
  UPDATE off_boardings SET status = 'EXPORTING' WHERE agency_id = p_agency AND id = p_id;
  RETURN true;
END $$;
ALTER FUNCTION fluxo_archive_begin(uuid, uuid, int) OWNER TO fluxo_eraser;
REVOKE ALL ON FUNCTION fluxo_archive_begin(uuid, uuid, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_archive_begin(uuid, uuid, int) TO fluxo_system;
