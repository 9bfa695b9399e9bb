-- fluxo_file_begin(…): writes the row of a file, unless the same node and item stored the same content under the same name before.
-- Call it in a transaction: the tenant is set for all of it, and the content's parts follow in `file_chunks` before the commit.
-- Out: one row. `is_new`: the parts have to be written. `is_too_large`: the files of the execution would be more than p_bytes_max together; nothing was written.
-- What a dispatcher copied does not count: it was there before. The bytes are metered here and, when the file goes, by fluxo_meter_gone_files.
-- The lock makes the sum exact while branches of one execution store at the same time; it is not the execution's row, which heartbeats update.
CREATE OR REPLACE FUNCTION fluxo_file_begin(
  p_tenant uuid, p_id uuid, p_execution uuid, p_node text, p_item int, p_name text, p_media_type text, p_bytes int, p_sha256 text, p_bytes_max bigint)
RETURNS TABLE (id uuid, media_type text, is_new boolean, is_too_large boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_used bigint;
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  PERFORM pg_advisory_xact_lock(hashtextextended('fluxo_files:' || p_execution::text, 0));
  RETURN QUERY
  SELECT f.id, f.media_type, false, false FROM files f
  WHERE f.tenant_id = p_tenant AND f.execution_id = p_execution AND f.node_id = p_node AND f.item = p_item AND f.name = p_name AND f.sha256 = p_sha256;
  IF FOUND THEN
    RETURN;
  END IF;
  SELECT coalesce(sum(f.bytes), 0) INTO v_used FROM files f WHERE f.tenant_id = p_tenant AND f.execution_id = p_execution AND NOT f.is_copy;
  IF v_used + p_bytes > p_bytes_max THEN
    RETURN QUERY SELECT p_id, p_media_type, false, true;
    RETURN;
  END IF;
  INSERT INTO files (tenant_id, id, execution_id, node_id, item, name, media_type, bytes, sha256)
  VALUES (p_tenant, p_id, p_execution, p_node, p_item, p_name, p_media_type, p_bytes, p_sha256);
  INSERT INTO usage_events (tenant_id, txid, occurred_at, storage_bytes) VALUES (p_tenant, txid_current(), now(), p_bytes);
  RETURN QUERY SELECT p_id, p_media_type, true, false;
END $$;
REVOKE ALL ON FUNCTION fluxo_file_begin(uuid, uuid, uuid, text, int, text, text, int, text, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_file_begin(uuid, uuid, uuid, text, int, text, text, int, text, bigint) TO fluxo_app;

-- fluxo_file(tenant, id): the row of one file of the tenant, without its content. A copy under way is none.
CREATE OR REPLACE FUNCTION fluxo_file(p_tenant uuid, p_id uuid)
RETURNS TABLE (id uuid, execution_id uuid, node_id text, item int, name text, media_type text, bytes int, sha256 text, created_at timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  RETURN QUERY
  SELECT f.id, f.execution_id, f.node_id, f.item, f.name, f.media_type, f.bytes, f.sha256, f.created_at FROM files f WHERE f.tenant_id = p_tenant AND f.id = p_id AND f.execution_id IS NOT NULL;
END $$;
REVOKE ALL ON FUNCTION fluxo_file(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_file(uuid, uuid) TO fluxo_app;

-- fluxo_file_chunk(tenant, file, position): one part of a file's content, from position 0.
CREATE OR REPLACE FUNCTION fluxo_file_chunk(p_tenant uuid, p_file uuid, p_position int)
RETURNS TABLE (content bytea)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  RETURN QUERY SELECT c.content FROM file_chunks c WHERE c.tenant_id = p_tenant AND c.file_id = p_file AND c.position = p_position;
END $$;
REVOKE ALL ON FUNCTION fluxo_file_chunk(uuid, uuid, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_file_chunk(uuid, uuid, int) TO fluxo_app;

-- fluxo_meter_gone_files(): files that go, with their executions or by themselves, end their storage. As fluxo_system, because whoever deletes may not write events.
-- Copies that became no file were never metered. Files of a tenant that is erased as a whole are not metered: its events go with it.
CREATE OR REPLACE FUNCTION fluxo_meter_gone_files() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
  INSERT INTO usage_events (tenant_id, txid, occurred_at, storage_bytes)
  SELECT g.tenant_id, txid_current(), now(), -sum(g.bytes) FROM gone g JOIN tenants t ON t.id = g.tenant_id
  WHERE g.execution_id IS NOT NULL AND NOT EXISTS (SELECT FROM off_boardings o WHERE o.subject_id = g.tenant_id AND o.status = 'ERASING') GROUP BY g.tenant_id HAVING sum(g.bytes) > 0;
  RETURN NULL;
END $$;
ALTER FUNCTION fluxo_meter_gone_files() OWNER TO fluxo_system;
REVOKE ALL ON FUNCTION fluxo_meter_gone_files() FROM PUBLIC;
CREATE OR REPLACE TRIGGER files_gone AFTER DELETE ON files REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION fluxo_meter_gone_files();

-- fluxo_file_copy_begin(…): begins a copy of so many bytes for a trigger. Its parts follow one by one, each in its own commit; fluxo_dispatch_commit makes it a file of an execution.
-- Out: false when the tenant has no such trigger.
CREATE OR REPLACE FUNCTION fluxo_file_copy_begin(p_tenant uuid, p_id uuid, p_trigger uuid, p_name text, p_media_type text, p_bytes int) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  INSERT INTO files (tenant_id, id, node_id, item, name, media_type, bytes, is_copy)
  SELECT p_tenant, p_id, t.node_id, 0, p_name, p_media_type, p_bytes, true FROM triggers t WHERE t.tenant_id = p_tenant AND t.id = p_trigger;
  RETURN FOUND;
END $$;
REVOKE ALL ON FUNCTION fluxo_file_copy_begin(uuid, uuid, uuid, text, text, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_file_copy_begin(uuid, uuid, uuid, text, text, int) TO fluxo_app;

-- fluxo_file_copy_part(tenant, copy, position, content): one part of a copy, from position 0, in its order. Out: false when the copy is gone, or a file by now.
CREATE OR REPLACE FUNCTION fluxo_file_copy_part(p_tenant uuid, p_id uuid, p_position int, p_content bytea) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  INSERT INTO file_chunks (tenant_id, file_id, position, content)
  SELECT p_tenant, p_id, p_position, p_content FROM files f WHERE f.tenant_id = p_tenant AND f.id = p_id AND f.execution_id IS NULL;
  RETURN FOUND;
END $$;
REVOKE ALL ON FUNCTION fluxo_file_copy_part(uuid, uuid, int, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_file_copy_part(uuid, uuid, int, bytea) TO fluxo_app;

-- fluxo_file_copy_discard(tenant, copy): throws a copy away that became no file. As fluxo_system, because whoever copies may not delete files.
CREATE OR REPLACE FUNCTION fluxo_file_copy_discard(p_tenant uuid, p_id uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  DELETE FROM files f WHERE f.tenant_id = p_tenant AND f.id = p_id AND f.execution_id IS NULL
$$;
ALTER FUNCTION fluxo_file_copy_discard(uuid, uuid) OWNER TO fluxo_system;
REVOKE ALL ON FUNCTION fluxo_file_copy_discard(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_file_copy_discard(uuid, uuid) TO fluxo_app;

-- fluxo_file_copies_attach(tenant, rows): makes whole copies files of executions, and meters their bytes. In: [{ executionId, fileId, sha256 }]. As fluxo_system: files do not change otherwise.
-- @raises when a copy is gone or a file already: then nothing of the commit that names it happens, and the look is repeated
CREATE OR REPLACE FUNCTION fluxo_file_copies_attach(p_tenant uuid, p_rows jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
  v_files int;
  v_bytes bigint;
BEGIN
  WITH attached AS (
    UPDATE files f SET execution_id = r."executionId", sha256 = r."sha256" FROM jsonb_to_recordset(p_rows) AS r("executionId" uuid, "fileId" uuid, "sha256" text)
    WHERE f.tenant_id = p_tenant AND f.id = r."fileId" AND f.execution_id IS NULL RETURNING f.bytes
  )
  SELECT count(*), sum(a.bytes) INTO v_files, v_bytes FROM attached a;
  IF v_files <> jsonb_array_length(p_rows) THEN
    RAISE EXCEPTION 'a copied file was swept before it was told';
  END IF;
  INSERT INTO usage_events (tenant_id, txid, occurred_at, storage_bytes) VALUES (p_tenant, txid_current(), now(), v_bytes);
END $$;
ALTER FUNCTION fluxo_file_copies_attach(uuid, jsonb) OWNER TO fluxo_system;
REVOKE ALL ON FUNCTION fluxo_file_copies_attach(uuid, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_file_copies_attach(uuid, jsonb) TO fluxo_app;

-- fluxo_file_copies_sweep(age, limit): throws away copies that began so long ago and became no file: whoever made them crashed, lost the lease, or saw the change told already.
-- Out: how many.
CREATE OR REPLACE FUNCTION fluxo_file_copies_sweep(p_age_ms bigint, p_limit int) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
  v_gone int;
BEGIN
  DELETE FROM files f USING (
    SELECT o.tenant_id, o.id FROM files o WHERE o.execution_id IS NULL AND o.created_at < clock_timestamp() - make_interval(secs => p_age_ms / 1000.0) ORDER BY o.created_at LIMIT p_limit
  ) old WHERE f.tenant_id = old.tenant_id AND f.id = old.id AND f.execution_id IS NULL;
  GET DIAGNOSTICS v_gone = ROW_COUNT;
  RETURN v_gone;
END $$;
REVOKE ALL ON FUNCTION fluxo_file_copies_sweep(bigint, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_file_copies_sweep(bigint, int) TO fluxo_system;
