-- What nodes remember from execution to execution. Every answer belongs to an origin (the first execution of a chain of reruns) and a loop item: who asks again with the same
-- origin and item (another attempt, after a crash, in a rerun) gets the first answer again.

-- fluxo_origin(tenant, execution): the first execution of the chain of reruns that ends in this one. Needs the tenant to be set.
CREATE OR REPLACE FUNCTION fluxo_origin(p_tenant uuid, p_execution uuid)
RETURNS uuid
LANGUAGE sql STABLE AS $$
  WITH RECURSIVE chain AS (
    SELECT p_execution AS id, 0 AS depth
    UNION ALL
    SELECT e.rerun_of, c.depth + 1 FROM chain c JOIN executions e ON e.tenant_id = p_tenant AND e.id = c.id WHERE e.rerun_of IS NOT NULL AND c.depth < 1000
  )
  SELECT id FROM chain ORDER BY depth DESC LIMIT 1
$$;
REVOKE ALL ON FUNCTION fluxo_origin(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_origin(uuid, uuid) TO fluxo_app;

-- fluxo_remember(…, hashes, window): remembers hashes of keys for the window, and answers which of them nobody else remembers: new ones, those whose window is over, and
-- those that this origin and item brought itself. A window begins when its key is remembered; later sightings do not extend it.
-- Rows are locked in the order of their hashes. Of two executions that bring a key at the same time, the second waits for the first to commit.
CREATE OR REPLACE FUNCTION fluxo_remember(p_tenant uuid, p_workflow uuid, p_node text, p_execution uuid, p_item int, p_hashes bytea[], p_window_ms bigint)
RETURNS TABLE (key_hash bytea)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_origin uuid;
  v_now timestamptz := clock_timestamp();
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  v_origin := fluxo_origin(p_tenant, p_execution);
  INSERT INTO remembered_keys AS k (tenant_id, workflow_id, node_id, key_hash, origin_id, item, expires_at)
  SELECT p_tenant, p_workflow, p_node, h.key_hash, v_origin, p_item, v_now + p_window_ms * interval '1 millisecond'
  FROM (SELECT DISTINCT unnest(p_hashes) AS key_hash ORDER BY 1) h
  ON CONFLICT (tenant_id, workflow_id, node_id, key_hash) DO UPDATE
  SET origin_id = excluded.origin_id, item = excluded.item, expires_at = excluded.expires_at
  WHERE k.expires_at <= v_now;

  RETURN QUERY
  SELECT k.key_hash FROM remembered_keys k
  WHERE k.tenant_id = p_tenant AND k.workflow_id = p_workflow AND k.node_id = p_node AND k.key_hash = ANY (p_hashes) AND k.origin_id = v_origin AND k.item = p_item;
END $$;
REVOKE ALL ON FUNCTION fluxo_remember(uuid, uuid, text, uuid, int, bytea[], bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_remember(uuid, uuid, text, uuid, int, bytea[], bigint) TO fluxo_app;

-- fluxo_exchange(…, name, value, keep, repeat): keeps the value for `keep` and answers the one that was kept before; no row when there was none. Values are
-- JSON texts: jsonb could not hold every text, and a value must come back as it was. Exchanges under one name take turns.
-- The answer itself is kept for `repeat` after a later exchange, so that a late attempt or a rerun compares with what the first attempt compared with. It never moves the
-- latest value back.
CREATE OR REPLACE FUNCTION fluxo_exchange(p_tenant uuid, p_workflow uuid, p_node text, p_execution uuid, p_item int, p_name_hash bytea, p_value text, p_keep_ms bigint, p_repeat_ms bigint)
RETURNS TABLE (previous text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_origin uuid;
  v_now timestamptz;
  v_previous text;
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  v_origin := fluxo_origin(p_tenant, p_execution);
  PERFORM pg_advisory_xact_lock(hashtextextended('fluxo_exchange' || p_tenant || p_workflow || p_node || encode(p_name_hash, 'hex'), 0));
  v_now := clock_timestamp();

  UPDATE kept_values v SET value = CASE WHEN v.is_latest THEN p_value END, expires_at = CASE WHEN v.is_latest THEN v_now + p_keep_ms * interval '1 millisecond' ELSE v.expires_at END
  WHERE v.tenant_id = p_tenant AND v.workflow_id = p_workflow AND v.node_id = p_node AND v.name_hash = p_name_hash AND v.origin_id = v_origin AND v.item = p_item AND v.expires_at > v_now
  RETURNING v.previous INTO v_previous;
  IF NOT FOUND THEN
    UPDATE kept_values v SET is_latest = false, expires_at = least(v.expires_at, v_now + p_repeat_ms * interval '1 millisecond')
    WHERE v.tenant_id = p_tenant AND v.workflow_id = p_workflow AND v.node_id = p_node AND v.name_hash = p_name_hash AND v.is_latest
    RETURNING CASE WHEN v.expires_at > v_now THEN v.value END INTO v_previous;
    INSERT INTO kept_values AS v (tenant_id, workflow_id, node_id, name_hash, origin_id, item, is_latest, value, previous, expires_at)
    VALUES (p_tenant, p_workflow, p_node, p_name_hash, v_origin, p_item, true, p_value, v_previous, v_now + p_keep_ms * interval '1 millisecond')
    ON CONFLICT (tenant_id, workflow_id, node_id, name_hash, origin_id, item) DO UPDATE
    SET is_latest = true, value = excluded.value, previous = excluded.previous, expires_at = excluded.expires_at;
    -- Of an answer, only what it answered is needed.
    UPDATE kept_values v SET value = NULL
    WHERE v.tenant_id = p_tenant AND v.workflow_id = p_workflow AND v.node_id = p_node AND v.name_hash = p_name_hash AND NOT v.is_latest AND v.value IS NOT NULL;
  END IF;
  IF v_previous IS NOT NULL THEN
    RETURN QUERY SELECT v_previous;
  END IF;
END $$;
REVOKE ALL ON FUNCTION fluxo_exchange(uuid, uuid, text, uuid, int, bytea, text, bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_exchange(uuid, uuid, text, uuid, int, bytea, text, bigint, bigint) TO fluxo_app;

-- fluxo_forget(limit): deletes what expired, at most `limit` rows of each table. A row that is renewed meanwhile has moved and stays. Out: how many rows went.
CREATE OR REPLACE FUNCTION fluxo_forget(p_limit int)
RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
  v_keys int;
  v_values int;
  v_tokens int;
BEGIN
  DELETE FROM remembered_keys WHERE ctid = ANY (ARRAY(SELECT k.ctid FROM remembered_keys k WHERE k.expires_at < clock_timestamp() LIMIT p_limit)) AND expires_at < clock_timestamp();
  GET DIAGNOSTICS v_keys = ROW_COUNT;
  DELETE FROM kept_values WHERE ctid = ANY (ARRAY(SELECT v.ctid FROM kept_values v WHERE v.expires_at < clock_timestamp() LIMIT p_limit)) AND expires_at < clock_timestamp();
  GET DIAGNOSTICS v_values = ROW_COUNT;
  DELETE FROM provisioning_tokens WHERE ctid = ANY (ARRAY(SELECT t.ctid FROM provisioning_tokens t WHERE t.expires_at < clock_timestamp() LIMIT p_limit));
  GET DIAGNOSTICS v_tokens = ROW_COUNT;
  RETURN v_keys + v_values + v_tokens;
END $$;
REVOKE ALL ON FUNCTION fluxo_forget(int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_forget(int) TO fluxo_system;
