-- The end of a tenant: what runs is stopped, everything is archived, everything is erased. Every table with a tenant_id is found in the catalog, so that no
-- table can be forgotten: one that the eraser may not empty makes every off-boarding fail loudly, before anything is deleted.
-- What is erased belongs to SECURITY DEFINER functions of fluxo_eraser, which sees the one tenant that app.tenant_id names.

-- fluxo_tenant_column(table): the column that names the tenant of a row.
CREATE OR REPLACE FUNCTION fluxo_tenant_column(p_table text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE p_table WHEN 'idempotent_answers' THEN 'subject_id' ELSE 'tenant_id' END
$$;
REVOKE ALL ON FUNCTION fluxo_tenant_column(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_tenant_column(text) TO fluxo_eraser;

-- fluxo_tenant_tables(): the tables with rows of tenants in the order in which they are emptied: what refers to another table comes before it.
-- Out: loose_columns: columns to be set to null first, because tables refer to each other in a circle. kept_because: why its rows stay; null for all others.
--      is_covered: the eraser may read and delete its rows, and only those of one tenant.
CREATE OR REPLACE FUNCTION fluxo_tenant_tables()
RETURNS TABLE (place int, table_name text, key_columns text[], loose_columns text[], kept_because text, is_covered boolean)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public AS $$
#variable_conflict use_column
DECLARE
  v_left oid[];
  v_free oid[];
  v_edges jsonb;
  v_order oid[] := '{}';
  v_loose jsonb := '[]';
BEGIN
  SELECT array_agg(c.oid ORDER BY c.relname) INTO v_left
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = fluxo_tenant_column(c.relname::text) AND NOT a.attisdropped
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p');
  -- `loose`: the columns of a reference, besides the tenant, that may be null.
  SELECT coalesce(jsonb_agg(jsonb_build_object('child', k.conrelid::int8, 'parent', k.confrelid::int8, 'loose',
           (SELECT jsonb_agg(a.attname) FROM unnest(k.conkey) n JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = n WHERE NOT a.attnotnull AND a.attname <> 'tenant_id'))), '[]')
  INTO v_edges FROM pg_constraint k WHERE k.contype = 'f' AND k.conrelid = ANY (v_left) AND k.confrelid = ANY (v_left);
  SELECT coalesce(jsonb_agg(e), '[]') INTO v_loose FROM jsonb_array_elements(v_edges) e WHERE e -> 'child' = e -> 'parent' AND e ->> 'loose' IS NOT NULL;
  SELECT coalesce(jsonb_agg(e), '[]') INTO v_edges FROM jsonb_array_elements(v_edges) e WHERE e -> 'child' <> e -> 'parent';
  WHILE cardinality(v_left) > 0 LOOP
    SELECT array_agg(t ORDER BY t::regclass::text) INTO v_free FROM unnest(v_left) t
    WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(v_edges) e WHERE (e ->> 'parent')::oid = t AND (e ->> 'child')::oid = ANY (v_left));
    IF v_free IS NULL THEN
      -- A circle: references that may be null are cut, where both ends lead to each other.
      WITH RECURSIVE edges AS (
        SELECT (e ->> 'child')::oid AS child, (e ->> 'parent')::oid AS parent, e -> 'loose' AS loose, e AS edge FROM jsonb_array_elements(v_edges) e
        WHERE (e ->> 'child')::oid = ANY (v_left) AND (e ->> 'parent')::oid = ANY (v_left)
      ), reach AS (
        SELECT child, parent FROM edges UNION SELECT r.child, e.parent FROM reach r JOIN edges e ON e.child = r.parent
      ), cut AS (
        SELECT e.edge FROM edges e WHERE jsonb_typeof(e.loose) = 'array' AND EXISTS (SELECT FROM reach r WHERE r.child = e.parent AND r.parent = e.child)
      )
      SELECT v_loose || coalesce((SELECT jsonb_agg(edge) FROM cut), '[]'),
             (SELECT jsonb_agg(e) FROM jsonb_array_elements(v_edges) e WHERE e NOT IN (SELECT edge FROM cut)), coalesce((SELECT array_agg(1::oid) FROM cut), '{}')
      INTO v_loose, v_edges, v_free;
      IF cardinality(v_free) = 0 THEN
        RAISE EXCEPTION 'tables refer to each other in a circle that cannot be cut: %', (SELECT string_agg(t::regclass::text, ', ') FROM unnest(v_left) t) USING ERRCODE = 'FX010';
      END IF;
      CONTINUE;
    END IF;
    v_order := v_order || v_free;
    SELECT coalesce(array_agg(t), '{}') INTO v_left FROM unnest(v_left) t WHERE t <> ALL (v_free);
  END LOOP;
  RETURN QUERY
  SELECT o.place::int, c.relname::text,
         (SELECT array_agg(a.attname::text ORDER BY n.i) FROM pg_constraint k, unnest(k.conkey) WITH ORDINALITY n(num, i), pg_attribute a
          WHERE k.conrelid = c.oid AND k.contype = 'p' AND a.attrelid = c.oid AND a.attnum = n.num),
         (SELECT array_agg(DISTINCT l.name ORDER BY l.name) FROM jsonb_array_elements(v_loose) e, jsonb_array_elements_text(e -> 'loose') l(name) WHERE (e ->> 'child')::oid = c.oid),
         fluxo_kept_because(c.relname::text),
         c.relrowsecurity AND c.relforcerowsecurity AND has_table_privilege('fluxo_eraser', c.oid, 'SELECT')
           AND (fluxo_kept_because(c.relname::text) IS NOT NULL OR has_table_privilege('fluxo_eraser', c.oid, 'DELETE'))
           AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'erased_tenant' AND p.polroles = ARRAY['fluxo_eraser'::regrole::oid])
  FROM unnest(v_order) WITH ORDINALITY o(id, place) JOIN pg_class c ON c.oid = o.id;
END $$;
REVOKE ALL ON FUNCTION fluxo_tenant_tables() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_tenant_tables() TO fluxo_eraser;

-- fluxo_kept_because(table): why the rows of a table with a tenant_id outlive the tenant; null when they do not.
CREATE OR REPLACE FUNCTION fluxo_kept_because(p_table text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE p_table WHEN 'audit_entries' THEN 'Reduced to place, time, kind and hashes: the chain of the agency can still be verified.' END
$$;
REVOKE ALL ON FUNCTION fluxo_kept_because(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_kept_because(text) TO fluxo_eraser;

-- fluxo_left_out(table): why the rows of a table are not in the archive; null when they are.
CREATE OR REPLACE FUNCTION fluxo_left_out(p_table text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE p_table
    WHEN 'tenant_keys' THEN 'Keys of secrets are never handed out.'
    WHEN 'credential_tokens' THEN 'Secrets are never handed out.'
    WHEN 'file_chunks' THEN 'The contents of files; the table files lists them.'
    WHEN 'remembered_keys' THEN 'Hashes, which mean nothing elsewhere.'
    WHEN 'outbox' THEN 'Signals under way.'
    WHEN 'idempotent_answers' THEN 'Sealed answers to repeats of requests, kept for a day.'
  END
$$;
REVOKE ALL ON FUNCTION fluxo_left_out(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_left_out(text) TO fluxo_eraser;

-- fluxo_archived_columns(table): what is archived of its rows: no secret, sealed or not, and no other bytes than the beginnings of items that could not be read.
CREATE OR REPLACE FUNCTION fluxo_archived_columns(p_table text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, public AS $$
  SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
  WHERE a.attrelid = format('public.%I', p_table)::regclass AND a.attnum > 0 AND NOT a.attisdropped
    AND (a.atttypid <> 'bytea'::regtype OR a.attname = 'raw') AND a.attname NOT IN ('hook_token')
$$;
REVOKE ALL ON FUNCTION fluxo_archived_columns(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_archived_columns(text) TO fluxo_eraser;

-- Every table with a tenant_id, whoever made it: the eraser reads and deletes the rows of the one tenant that app.tenant_id names. Policies are made where they
-- are missing only: making one locks its table against everybody.
DO $$
DECLARE
  v_tables jsonb;
  v_table text;
  v_policy text := 'CREATE POLICY erased_tenant ON %I TO fluxo_eraser USING (%I = (SELECT current_tenant_id())) WITH CHECK (%I = (SELECT current_tenant_id()))';
  c text;
BEGIN
  SELECT jsonb_object_agg(t.table_name, jsonb_build_object('kept', t.kept_because IS NOT NULL, 'loose', coalesce(to_jsonb(t.loose_columns), '[]'))) INTO v_tables FROM fluxo_tenant_tables() t;
  FOR v_table IN SELECT jsonb_object_keys(v_tables) UNION ALL SELECT 'tenants' LOOP
    IF NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = format('public.%I', v_table)::regclass AND p.polname = 'erased_tenant') THEN
      EXECUTE format(v_policy, v_table, CASE v_table WHEN 'tenants' THEN 'id' ELSE fluxo_tenant_column(v_table) END, CASE v_table WHEN 'tenants' THEN 'id' ELSE fluxo_tenant_column(v_table) END);
    END IF;
    EXECUTE format('GRANT SELECT ON %I TO fluxo_eraser', v_table);
    IF v_tables -> v_table -> 'kept' IS DISTINCT FROM 'true' THEN
      EXECUTE format('GRANT DELETE ON %I TO fluxo_eraser', v_table);
    END IF;
    FOR c IN SELECT jsonb_array_elements_text(coalesce(v_tables -> v_table -> 'loose', '[]')) LOOP
      EXECUTE format('GRANT UPDATE (%I) ON %I TO fluxo_eraser', c, v_table);
    END LOOP;
  END LOOP;
  GRANT UPDATE (wrapped) ON tenant_keys TO fluxo_eraser;
  GRANT UPDATE (error_workflow_id) ON tenants TO fluxo_eraser;
  IF NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = 'agencies'::regclass AND p.polname = 'erased_tenant') THEN
    CREATE POLICY erased_tenant ON agencies TO fluxo_eraser USING (error_tenant_id = (SELECT current_tenant_id())) WITH CHECK (true);
  END IF;
  GRANT SELECT, UPDATE (error_tenant_id, error_workflow_id) ON agencies TO fluxo_eraser;
END $$;

-- fluxo_off_boarding_stop(agency, id, epoch, tenant, limit): ends what runs for its tenant: bulk operations, dry reruns and the watch of sources at once, executions by fluxo_cancel, so many in one turn.
-- Out: how many executions still run, and those of them whose workers have to hear of it. Under the tenant's own scope. @raises as fluxo_operation_hold
CREATE OR REPLACE FUNCTION fluxo_off_boarding_stop(p_agency uuid, p_id uuid, p_epoch int, p_tenant uuid, p_limit int)
RETURNS TABLE (left_over int, running uuid[])
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_id uuid;
  v_running uuid[] := '{}';
  r record;
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true), fluxo_operation_hold('off_boarding', p_agency, p_id, p_epoch);
  UPDATE bulk_operations SET status = 'ABORTED', completed_at = clock_timestamp() WHERE tenant_id = p_tenant AND status IN ('RUNNING', 'PAUSED');
  UPDATE dry_reruns SET status = 'FAILED', error_code = 'TENANT_OFFBOARDING', error_message = 'The tenant is being off-boarded.', completed_at = clock_timestamp(), lease_owner = NULL, lease_until = NULL
  WHERE tenant_id = p_tenant AND completed_at IS NULL;
  -- Whoever dispatches for it loses the lease. Positions stay: an off-boarding can be given up.
  UPDATE trigger_states s SET lease_epoch = s.lease_epoch + 1, lease_owner = NULL, lease_until = NULL, next_due_at = NULL, claimable_at = NULL
  WHERE s.tenant_id = p_tenant AND (s.claimable_at IS NOT NULL OR s.lease_owner IS NOT NULL);
  FOR v_id IN SELECT id FROM executions WHERE tenant_id = p_tenant AND status IN ('QUEUED', 'WAITING', 'RUNNING') AND (status <> 'RUNNING' OR cancel_requested_at IS NULL) ORDER BY id LIMIT p_limit LOOP
    SELECT * INTO r FROM fluxo_cancel(p_tenant, v_id);
    IF r.is_requested THEN
      v_running := v_running || v_id;
    END IF;
  END LOOP;
  RETURN QUERY SELECT (SELECT count(*)::int FROM (SELECT FROM executions WHERE tenant_id = p_tenant AND status IN ('QUEUED', 'WAITING', 'RUNNING') LIMIT 1000) AS l), v_running;
END $$;
REVOKE ALL ON FUNCTION fluxo_off_boarding_stop(uuid, uuid, int, uuid, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_off_boarding_stop(uuid, uuid, int, uuid, int) TO fluxo_app;

-- fluxo_off_boarding_hold(agency, id, epoch, status): the tenant of an off-boarding that the caller has the turn of, with its rows in sight. @raises as fluxo_operation_hold
CREATE OR REPLACE FUNCTION fluxo_off_boarding_hold(p_agency uuid, p_id uuid, p_epoch int, p_status text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
  v_tenant uuid;
BEGIN
  PERFORM fluxo_operation_hold('off_boarding', p_agency, p_id, p_epoch);
  SELECT o.subject_id INTO STRICT v_tenant FROM off_boardings o WHERE o.agency_id = p_agency AND o.id = p_id AND o.status = p_status;
  PERFORM set_config('app.tenant_id', v_tenant::text, true);
  PERFORM 1 FROM tenants t WHERE t.id = v_tenant AND t.agency_id = p_agency AND t.status = 'OFFBOARDING';
  IF NOT FOUND THEN
    RAISE EXCEPTION 'tenant % is not being off-boarded', v_tenant USING ERRCODE = 'FX011';
  END IF;
  RETURN v_tenant;
END $$;
ALTER FUNCTION fluxo_off_boarding_hold(uuid, uuid, int, text) OWNER TO fluxo_eraser;
REVOKE ALL ON FUNCTION fluxo_off_boarding_hold(uuid, uuid, int, text) FROM PUBLIC;

-- fluxo_archive_read(agency, id, epoch, bytes): the next rows for the archive, each as JSON, of one table: about so many bytes, one row at least.
-- Out: table_name null when every table is archived; else the lines, the key of the last one, and whether that was the table's last.
CREATE OR REPLACE FUNCTION fluxo_archive_read(p_agency uuid, p_id uuid, p_epoch int, p_bytes int)
RETURNS TABLE (table_name text, part int, lines text[], last_key jsonb, is_last boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
#variable_conflict use_column
DECLARE
  v_tenant uuid := fluxo_off_boarding_hold(p_agency, p_id, p_epoch, 'EXPORTING');
  v_lines text[] := '{}';
  v_bytes int := 0;
  v_last jsonb;
  v_more boolean := false;
  v_part int;
  v_keys text;
  v_after text;
  v_rows refcursor;
  t record;
  r record;
BEGIN
  SELECT count(*)::int INTO v_part FROM archive_parts a WHERE a.agency_id = p_agency AND a.off_boarding_id = p_id;
  SELECT o.table_name AS name, o.archived_to, k.key_columns INTO t
  FROM off_boarding_tables o JOIN fluxo_tenant_tables() k ON k.table_name = o.table_name
  WHERE o.agency_id = p_agency AND o.off_boarding_id = p_id AND NOT o.is_archived ORDER BY o.position DESC LIMIT 1;
  IF NOT FOUND THEN
    RETURN QUERY SELECT NULL::text, v_part, NULL::text[], NULL::jsonb, true;
    RETURN;
  END IF;
  SELECT string_agg(format('x.%I', k.name), ', ' ORDER BY k.i) INTO v_keys FROM unnest(t.key_columns) WITH ORDINALITY k(name, i);
  -- The key of the last archived row, each value in its column's type.
  SELECT format(' AND (%s) > (%s)', v_keys, string_agg(format('(%L::jsonb ->> %s)::%s', t.archived_to, k.i - 1, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY k.i))
  INTO v_after FROM unnest(t.key_columns) WITH ORDINALITY k(name, i) JOIN pg_attribute a ON a.attrelid = format('public.%I', t.name)::regclass AND a.attname = k.name;
  OPEN v_rows FOR EXECUTE format('SELECT to_jsonb(y)::text AS line, jsonb_build_array(%s) AS key FROM %I x CROSS JOIN LATERAL (SELECT %s) y WHERE x.%I = $1%s ORDER BY %s', v_keys, t.name,
                          (SELECT string_agg(format('x.%I', c), ', ') FROM unnest(fluxo_archived_columns(t.name)) c), fluxo_tenant_column(t.name), CASE WHEN t.archived_to IS NULL THEN '' ELSE v_after END, v_keys) USING v_tenant;
  LOOP
    FETCH v_rows INTO r;
    EXIT WHEN NOT FOUND;
    IF v_bytes >= p_bytes THEN
      v_more := true;
      EXIT;
    END IF;
    v_lines := v_lines || r.line;
    v_bytes := v_bytes + octet_length(r.line) + 1;
    v_last := r.key;
  END LOOP;
  CLOSE v_rows;
  RETURN QUERY SELECT t.name, v_part, v_lines, v_last, NOT v_more;
END $$;
ALTER FUNCTION fluxo_archive_read(uuid, uuid, int, int) OWNER TO fluxo_eraser;
REVOKE ALL ON FUNCTION fluxo_archive_read(uuid, uuid, int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_archive_read(uuid, uuid, int, int) TO fluxo_system;

-- fluxo_archive_write(agency, id, epoch, part): stores one part and how far its table is archived, in one transaction: a crash repeats both or none.
-- In: { position, fileName, rows, bytes, sha256, tableName, lastKey, isLast }; a table without rows has no content, and makes no part.
CREATE OR REPLACE FUNCTION fluxo_archive_write(p_agency uuid, p_id uuid, p_epoch int, p_part jsonb, p_content bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
  PERFORM fluxo_off_boarding_hold(p_agency, p_id, p_epoch, 'EXPORTING');
  IF p_content IS NOT NULL THEN
    INSERT INTO archive_parts (agency_id, off_boarding_id, position, file_name, rows, bytes, sha256, content)
    VALUES (p_agency, p_id, (p_part ->> 'position')::int, p_part ->> 'fileName', (p_part ->> 'rows')::int, (p_part ->> 'bytes')::int, p_part ->> 'sha256', p_content);
  END IF;
  UPDATE off_boarding_tables t
  SET rows_archived = t.rows_archived + (p_part ->> 'rows')::int, archived_to = coalesce(NULLIF(p_part -> 'lastKey', 'null'), t.archived_to), is_archived = (p_part ->> 'isLast')::boolean
  WHERE t.agency_id = p_agency AND t.off_boarding_id = p_id AND t.table_name = p_part ->> 'tableName';
END $$;
ALTER FUNCTION fluxo_archive_write(uuid, uuid, int, jsonb, bytea) OWNER TO fluxo_eraser;
REVOKE ALL ON FUNCTION fluxo_archive_write(uuid, uuid, int, jsonb, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_archive_write(uuid, uuid, int, jsonb, bytea) TO fluxo_system;

-- fluxo_archive_list(agency, id, epoch): the parts so far, for the table of contents and the checksum; with the content of one of them.
CREATE OR REPLACE FUNCTION fluxo_archive_list(p_agency uuid, p_id uuid, p_epoch int, p_content_of int)
RETURNS TABLE (part int, file_name text, "rows" int, bytes int, sha256 text, content bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
#variable_conflict use_column
BEGIN
  PERFORM fluxo_off_boarding_hold(p_agency, p_id, p_epoch, 'EXPORTING');
  RETURN QUERY SELECT a.position, a.file_name, a.rows, a.bytes, a.sha256, CASE WHEN a.position = p_content_of THEN a.content END
  FROM archive_parts a WHERE a.agency_id = p_agency AND a.off_boarding_id = p_id AND (p_content_of IS NULL OR a.position = p_content_of) ORDER BY a.position;
END $$;
ALTER FUNCTION fluxo_archive_list(uuid, uuid, int, int) OWNER TO fluxo_eraser;
REVOKE ALL ON FUNCTION fluxo_archive_list(uuid, uuid, int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_archive_list(uuid, uuid, int, int) TO fluxo_system;

-- fluxo_archive_subject(agency, id, epoch): the tenant itself, for the archive.
CREATE OR REPLACE FUNCTION fluxo_archive_subject(p_agency uuid, p_id uuid, p_epoch int) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
  v_tenant uuid := fluxo_off_boarding_hold(p_agency, p_id, p_epoch, 'EXPORTING');
BEGIN
  RETURN (SELECT to_jsonb(t) FROM tenants t WHERE t.id = v_tenant);
END $$;
ALTER FUNCTION fluxo_archive_subject(uuid, uuid, int) OWNER TO fluxo_eraser;
REVOKE ALL ON FUNCTION fluxo_archive_subject(uuid, uuid, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_archive_subject(uuid, uuid, int) TO fluxo_system;

-- fluxo_archive_seal(agency, id, epoch, sha256, bytes): the archive is complete; it waits for somebody to take it.
CREATE OR REPLACE FUNCTION fluxo_archive_seal(p_agency uuid, p_id uuid, p_epoch int, p_sha256 text, p_bytes bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
  PERFORM fluxo_off_boarding_hold(p_agency, p_id, p_epoch, 'EXPORTING');
  UPDATE off_boardings SET status = 'READY', archive_ready_at = clock_timestamp(), archive_sha256 = p_sha256, archive_bytes = p_bytes WHERE agency_id = p_agency AND id = p_id;
END $$;
ALTER FUNCTION fluxo_archive_seal(uuid, uuid, int, text, bigint) OWNER TO fluxo_eraser;
REVOKE ALL ON FUNCTION fluxo_archive_seal(uuid, uuid, int, text, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_archive_seal(uuid, uuid, int, text, bigint) TO fluxo_system;

-- fluxo_archive_part(agency, off-boarding, position): one part of a complete archive, for its agency.
CREATE OR REPLACE FUNCTION fluxo_archive_part(p_agency uuid, p_id uuid, p_position int) RETURNS TABLE (content bytea)
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.agency_id', p_agency::text, true);
  RETURN QUERY SELECT a.content FROM archive_parts a WHERE a.agency_id = p_agency AND a.off_boarding_id = p_id AND a.position = p_position;
END $$;
REVOKE ALL ON FUNCTION fluxo_archive_part(uuid, uuid, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_archive_part(uuid, uuid, int) TO fluxo_app;
