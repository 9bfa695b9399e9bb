-- fluxo_erase_rows(table, tenant): how many rows of a table a tenant has. Seen by the eraser only.
CREATE OR REPLACE FUNCTION fluxo_erase_rows(p_table text, p_tenant uuid) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
  v_rows bigint;
BEGIN
  EXECUTE format('SELECT count(*) FROM %I WHERE %I = $1', p_table, fluxo_tenant_column(p_table)) INTO v_rows USING p_tenant;
  RETURN v_rows;
END $$;
ALTER FUNCTION fluxo_erase_rows(text, uuid) OWNER TO fluxo_eraser;
REVOKE ALL ON FUNCTION fluxo_erase_rows(text, uuid) FROM PUBLIC;

-- fluxo_erase_step(agency, id, epoch, limit): one portion of an erasure, in one transaction with its count.
-- Before anything is touched, each table is found to hold no row that is not in the archive (a turn of its own per table). One that does makes the archive incomplete: it is discarded, and the
-- off-boarding stops and archives anew; the agency has to take that one.
-- Then the tenant's data keys are overwritten: from then on no secret can be opened, whatever else happens. Then table by table, so many rows at a time.
-- Out: `worked` rows of `table_name` are gone; table_name null when every table is empty: fluxo_erase_finish is next.
-- @raises FX012 naming tables that nobody covered: nothing is deleted then
CREATE OR REPLACE FUNCTION fluxo_erase_step(p_agency uuid, p_id uuid, p_epoch int, p_limit int)
RETURNS TABLE (table_name text, worked int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
#variable_conflict use_column
DECLARE
  v_tenant uuid := fluxo_off_boarding_hold(p_agency, p_id, p_epoch, 'ERASING');
  v_missing text;
  v_worked int := 0;
  t record;
  c text;
BEGIN
  SELECT string_agg(k.table_name, ', ') INTO v_missing FROM fluxo_tenant_tables() k WHERE NOT k.is_covered;
  IF v_missing IS NOT NULL THEN
    RAISE EXCEPTION 'tables that the eraser does not cover: %', v_missing USING ERRCODE = 'FX012';
  END IF;
  IF EXISTS (SELECT FROM off_boardings o WHERE o.agency_id = p_agency AND o.id = p_id AND o.keys_destroyed_at IS NULL) THEN
    SELECT k.table_name AS name, coalesce(o.rows_archived, 0) AS rows_archived INTO t
    FROM fluxo_tenant_tables() k LEFT JOIN off_boarding_tables o ON o.agency_id = p_agency AND o.off_boarding_id = p_id AND o.table_name = k.table_name
    WHERE k.kept_because IS NULL AND fluxo_left_out(k.table_name) IS NULL AND o.is_verified IS NOT TRUE ORDER BY k.place LIMIT 1;
    IF FOUND THEN
      -- Whoever writes a row for the tenant holds a key share of this one until its commit.
      PERFORM 1 FROM tenants x WHERE x.id = v_tenant FOR UPDATE;
      IF fluxo_erase_rows(t.name, v_tenant) > t.rows_archived THEN
        DELETE FROM archive_parts a WHERE a.agency_id = p_agency AND a.off_boarding_id = p_id;
        DELETE FROM off_boarding_tables o WHERE o.agency_id = p_agency AND o.off_boarding_id = p_id;
        UPDATE off_boardings o
        SET status = 'STOPPING', archives_discarded = o.archives_discarded + 1, older_transactions = NULL, archive_ready_at = NULL, archive_sha256 = NULL, archive_bytes = NULL,
            acknowledged_at = NULL, acknowledged_by_kind = NULL, acknowledged_by = NULL, erase_requested_at = NULL, erase_requested_by_kind = NULL, erase_requested_by = NULL
        WHERE o.agency_id = p_agency AND o.id = p_id;
      ELSE
        INSERT INTO off_boarding_tables (agency_id, off_boarding_id, table_name, position, is_archived, is_verified)
        SELECT p_agency, p_id, k.table_name, k.place, true, true FROM fluxo_tenant_tables() k WHERE k.table_name = t.name
        ON CONFLICT (agency_id, off_boarding_id, table_name) DO UPDATE SET is_verified = true;
      END IF;
      RETURN QUERY SELECT t.name, 0;
      RETURN;
    END IF;
  END IF;
  UPDATE off_boardings o SET keys_destroyed_at = clock_timestamp() WHERE o.agency_id = p_agency AND o.id = p_id AND o.keys_destroyed_at IS NULL;
  IF FOUND THEN
    UPDATE tenant_keys SET wrapped = '\x' WHERE tenant_id = v_tenant;
    GET DIAGNOSTICS v_worked = ROW_COUNT;
    -- A table that was made since the archive was begun is erased as well.
    INSERT INTO off_boarding_tables (agency_id, off_boarding_id, table_name, position, note)
    SELECT p_agency, p_id, k.table_name, k.place, k.kept_because FROM fluxo_tenant_tables() k ON CONFLICT (agency_id, off_boarding_id, table_name) DO UPDATE SET position = excluded.position;
    UPDATE agencies SET error_tenant_id = NULL, error_workflow_id = NULL WHERE error_tenant_id = v_tenant;
    UPDATE tenants SET error_workflow_id = NULL WHERE id = v_tenant;
    FOR t IN SELECT k.table_name AS name, k.loose_columns FROM fluxo_tenant_tables() k WHERE k.loose_columns IS NOT NULL LOOP
      FOREACH c IN ARRAY t.loose_columns LOOP
        EXECUTE format('UPDATE %I SET %I = NULL WHERE %I = $1 AND %I IS NOT NULL', t.name, c, fluxo_tenant_column(t.name), c) USING v_tenant;
      END LOOP;
    END LOOP;
    RETURN QUERY SELECT 'tenant_keys', v_worked;
    RETURN;
  END IF;
  SELECT o.table_name AS name, o.rows_before INTO t FROM off_boarding_tables o
  WHERE o.agency_id = p_agency AND o.off_boarding_id = p_id AND o.rows_left IS NULL AND fluxo_kept_because(o.table_name) IS NULL ORDER BY o.position LIMIT 1;
  IF NOT FOUND THEN
    RETURN QUERY SELECT NULL::text, 0;
    RETURN;
  END IF;
  IF t.rows_before IS NULL THEN
    UPDATE off_boarding_tables o SET rows_before = fluxo_erase_rows(t.name, v_tenant) WHERE o.agency_id = p_agency AND o.off_boarding_id = p_id AND o.table_name = t.name;
  END IF;
  EXECUTE format('DELETE FROM %I WHERE ctid = ANY (ARRAY(SELECT ctid FROM %I WHERE %I = $1 LIMIT $2))', t.name, t.name, fluxo_tenant_column(t.name)) USING v_tenant, p_limit;
  GET DIAGNOSTICS v_worked = ROW_COUNT;
  UPDATE off_boarding_tables o
  SET rows_deleted = o.rows_deleted + v_worked, rows_left = CASE WHEN v_worked < p_limit THEN fluxo_erase_rows(t.name, v_tenant) END
  WHERE o.agency_id = p_agency AND o.off_boarding_id = p_id AND o.table_name = t.name;
  RETURN QUERY SELECT t.name, v_worked;
END $$;
ALTER FUNCTION fluxo_erase_step(uuid, uuid, int, int) OWNER TO fluxo_eraser;
REVOKE ALL ON FUNCTION fluxo_erase_step(uuid, uuid, int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_erase_step(uuid, uuid, int, int) TO fluxo_system;

-- fluxo_erase_finish(agency, id, epoch, redis keys): counts every table once more under a lock that lets nobody write for the tenant, deletes the tenant and
-- the archive, and writes the certificate. Out: whether it is over; false when rows came meanwhile, which are erased next.
CREATE OR REPLACE FUNCTION fluxo_erase_finish(p_agency uuid, p_id uuid, p_epoch int, p_redis_keys int) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
  v_tenant uuid := fluxo_off_boarding_hold(p_agency, p_id, p_epoch, 'ERASING');
  v_external text;
BEGIN
  -- Whoever writes a row for the tenant holds or waits for a key share of this one.
  SELECT t.external_id INTO v_external FROM tenants t WHERE t.id = v_tenant FOR UPDATE;
  UPDATE off_boardings o SET redis_keys_deleted = coalesce(o.redis_keys_deleted, 0) + p_redis_keys WHERE o.agency_id = p_agency AND o.id = p_id;
  UPDATE off_boarding_tables o SET rows_left = fluxo_erase_rows(o.table_name, v_tenant) WHERE o.agency_id = p_agency AND o.off_boarding_id = p_id;
  UPDATE off_boarding_tables o SET rows_before = o.rows_deleted + o.rows_left, rows_left = NULL
  WHERE o.agency_id = p_agency AND o.off_boarding_id = p_id AND o.rows_left > 0 AND fluxo_kept_because(o.table_name) IS NULL;
  IF FOUND THEN
    RETURN false;
  END IF;
  UPDATE off_boarding_tables o SET rows_before = o.rows_left WHERE o.agency_id = p_agency AND o.off_boarding_id = p_id AND o.rows_before IS NULL;
  DELETE FROM tenants t WHERE t.id = v_tenant;
  INSERT INTO off_boarding_tables (agency_id, off_boarding_id, table_name, position, rows_before, rows_deleted, rows_left, is_archived, rows_archived)
  VALUES (p_agency, p_id, 'tenants', 1 + (SELECT max(o.position) FROM off_boarding_tables o WHERE o.agency_id = p_agency AND o.off_boarding_id = p_id), 1, 1, 0, true, 1);
  DELETE FROM archive_parts a WHERE a.agency_id = p_agency AND a.off_boarding_id = p_id;
  UPDATE off_boardings o
  SET status = 'ERASED', completed_at = clock_timestamp(), external_id_hash = encode(sha256(convert_to(v_external, 'UTF8')), 'hex')
  WHERE o.agency_id = p_agency AND o.id = p_id;
  RETURN true;
END $$;
ALTER FUNCTION fluxo_erase_finish(uuid, uuid, int, int) OWNER TO fluxo_eraser;
REVOKE ALL ON FUNCTION fluxo_erase_finish(uuid, uuid, int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_erase_finish(uuid, uuid, int, int) TO fluxo_system;
