-- fluxo_file_begin(…): writes the row of a file, unless the same node and item stored the same content under the same name before.
-- Call it in a transaction: the tenant is set for all of it, and the content's parts follow in `file_chunks` before the commit.
-- Out: one row. `is_new`: the parts have to be written. `is_too_large`: the files of the execution would be more than p_bytes_max together; nothing was written.
-- The bytes are metered here and, when the file goes, by fluxo_meter_gone_files.
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
  SELECT coalesce(sum(f.bytes), 0) INTO v_used FROM files f WHERE f.tenant_id = p_tenant AND f.execution_id = p_execution;
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

-- fluxo_file(tenant, id): the row of one file of the tenant, without its content.
CREATE OR REPLACE FUNCTION fluxo_file(p_tenant uuid, p_id uuid)
RETURNS TABLE (id uuid, execution_id uuid, node_id text, item int, name text, media_type text, bytes int, sha256 text, created_at timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  RETURN QUERY
  SELECT f.id, f.execution_id, f.node_id, f.item, f.name, f.media_type, f.bytes, f.sha256, f.created_at FROM files f WHERE f.tenant_id = p_tenant AND f.id = p_id;
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
-- Files of a tenant that is erased as a whole are not metered: its events go with it.
CREATE OR REPLACE FUNCTION fluxo_meter_gone_files() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
  INSERT INTO usage_events (tenant_id, txid, occurred_at, storage_bytes)
  SELECT g.tenant_id, txid_current(), now(), -sum(g.bytes) FROM gone g JOIN tenants t ON t.id = g.tenant_id GROUP BY g.tenant_id HAVING sum(g.bytes) > 0;
  RETURN NULL;
END $$;
ALTER FUNCTION fluxo_meter_gone_files() OWNER TO fluxo_system;
REVOKE ALL ON FUNCTION fluxo_meter_gone_files() FROM PUBLIC;
CREATE OR REPLACE TRIGGER files_gone AFTER DELETE ON files REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION fluxo_meter_gone_files();
