-- fluxo_seed_journal(tenant, from, to, graph): gives an execution the successful part of another one's journal, so that none of it is done again (I4).
-- Taken over: what succeeded, failures that took a port, all items of loops that came to their end, and skips that follow from these alone. Not: the failure that ended the execution, what
-- waited or was in work, and what was skipped because of that. Usage stays with the execution that paid for it. Stored outputs are copied: each
-- execution owns its payloads, so that retention of one never empties another.
CREATE OR REPLACE FUNCTION fluxo_seed_journal(p_tenant uuid, p_from uuid, p_to uuid, p_graph jsonb) RETURNS int
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_seeded int;
BEGIN
  WITH RECURSIVE recorded AS MATERIALIZED (
    SELECT n.*, n.status = 'SUCCESS' OR n.status = 'FAILED' AND cardinality(n.ports) > 0 AS is_kept
    FROM node_executions n WHERE n.tenant_id = p_tenant AND n.execution_id = p_from
  ), edge AS MATERIALIZED (
    SELECT DISTINCT e ->> 'from' AS source, e ->> 'to' AS target FROM jsonb_array_elements(p_graph -> 'edges') e
  ), body AS ( -- of each loop that came to its end
    SELECT e ->> 'to' AS node_id FROM jsonb_array_elements(p_graph -> 'edges') e JOIN recorded l ON l.node_id = e ->> 'from' AND l.is_kept
    WHERE l.node_type = 'for-each' AND e ->> 'port' = 'item'
    UNION
    SELECT e.target FROM body b JOIN edge e ON e.source = b.node_id
  ), cut_off AS ( -- skips that stand behind something that is done anew
    SELECT s.node_id, s.item FROM recorded s JOIN edge e ON e.target = s.node_id
    WHERE s.status = 'SKIPPED'
      AND NOT EXISTS (SELECT FROM recorded p WHERE p.node_id = e.source AND p.item IN (0, s.item) AND (p.is_kept OR p.status = 'SKIPPED'))
    UNION
    SELECT s.node_id, s.item FROM cut_off c JOIN edge e ON e.source = c.node_id JOIN recorded s ON s.node_id = e.target AND s.item = c.item AND s.status = 'SKIPPED'
  ), kept AS MATERIALIZED (
    SELECT r.*, CASE WHEN r.output_ref IS NOT NULL THEN gen_random_uuid() END AS copied_ref
    FROM recorded r
    WHERE r.is_kept OR r.node_id IN (SELECT node_id FROM body) OR r.status = 'SKIPPED' AND NOT EXISTS (SELECT FROM cut_off c WHERE c.node_id = r.node_id AND c.item = r.item)
  ), stored AS (
    INSERT INTO payloads (tenant_id, id, execution_id, bytes, body)
    SELECT p_tenant, k.copied_ref, p_to, p.bytes, p.body FROM kept k JOIN payloads p ON p.tenant_id = p_tenant AND p.id = k.output_ref
  )
  INSERT INTO node_executions (tenant_id, execution_id, node_id, item, position, node_type, node_name, integration, status, attempt, ports, output, output_ref,
                               failure, attempts, started_at, completed_at, reason, epoch, is_seeded)
  SELECT p_tenant, p_to, node_id, item, position, node_type, node_name, integration, status, attempt, ports, output, copied_ref,
         failure, attempts, started_at, completed_at, reason, 0, true
  FROM kept;
  GET DIAGNOSTICS v_seeded = ROW_COUNT;
  RETURN v_seeded;
END $$;
REVOKE ALL ON FUNCTION fluxo_seed_journal(uuid, uuid, uuid, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_seed_journal(uuid, uuid, uuid, jsonb) TO fluxo_app;

-- fluxo_rerun(tenant, row): one execution again, as a new one (I1, I5). Admission, quota and slots are the claim's, as for every execution.
-- In:   { executionId, newId, payloadId, from: start | failedNode, version: same | latest, occurrenceKey, fingerprint, input | inputRef + inputBody + inputBytes };
--       without any input the recorded one is taken.
-- Out:  accepted (the new id), duplicate (the first one's id), conflict (the key was used for something else; the id of then), notFound, or refused with code and
--       message: the execution has not ended, did not fail, or the version to take has no such trigger.
-- A seeded execution begins at epoch 1, because the claim reads the journal of every execution that had an epoch before.
CREATE OR REPLACE FUNCTION fluxo_rerun(p_tenant uuid, p_row jsonb)
RETURNS TABLE (outcome text, execution_id uuid, code text, message text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_from record;
  v_given record;
  v_target record;
  v_version uuid;
  v_known record;
  v_input jsonb;
  v_input_ref uuid;
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  SELECT r.* INTO v_given FROM jsonb_to_record(p_row) AS r("executionId" uuid, "newId" uuid, "payloadId" uuid, "from" text, "version" text, "occurrenceKey" text, "fingerprint" text,
                                                           "input" jsonb, "inputRef" uuid, "inputBody" jsonb, "inputBytes" int);
  SELECT e.* INTO v_from FROM executions e WHERE e.tenant_id = p_tenant AND e.id = v_given."executionId";
  IF NOT FOUND THEN
    RETURN QUERY SELECT 'notFound', NULL::uuid, 'NOT_FOUND', 'There is no execution with this id.';
    RETURN;
  END IF;

  -- A repeat is answered with the first rerun, whatever became of the original meanwhile.
  SELECT o.execution_id, o.fingerprint INTO v_known FROM occurrences o
  WHERE o.tenant_id = p_tenant AND o.trigger_id = v_from.trigger_id AND o.occurrence_key = v_given."occurrenceKey";
  IF NOT FOUND THEN
    SELECT te.status AS tenant_status, w.archived_at, w.published_version_id, w.queued_ttl_seconds, p.concurrency_class, p.payload_bytes_max, t.is_enabled, t.node_id INTO v_target
    FROM workflows w JOIN triggers t ON t.tenant_id = p_tenant AND t.id = v_from.trigger_id JOIN tenants te ON te.id = p_tenant JOIN plans p ON p.id = te.plan_id
    WHERE w.tenant_id = p_tenant AND w.id = v_from.workflow_id;
    code := 'STATE_CONFLICT';
    IF v_from.completed_at IS NULL THEN
      message := format('The execution is %s: only one that ended can be rerun.', v_from.status);
    ELSIF v_given."from" = 'failedNode' AND v_from.status NOT IN ('FAILED', 'CANCELED') THEN
      message := format('The execution ended with %s: from the failed node, only one that failed or was canceled can be rerun.', v_from.status);
    ELSIF v_given."inputBytes" > v_target.payload_bytes_max THEN
      code := 'PAYLOAD_TOO_LARGE';
      message := format('The input has %s bytes; the plan allows %s.', v_given."inputBytes", v_target.payload_bytes_max);
    ELSIF v_target.tenant_status = 'OFFBOARDING' THEN
      code := 'TENANT_OFFBOARDING';
      message := 'The tenant is being off-boarded: it can be read only.';
    ELSIF v_target.archived_at IS NOT NULL THEN
      code := 'WORKFLOW_ARCHIVED';
      message := 'The workflow is archived or deleted: nothing of it can start.';
    ELSIF v_given."version" = 'latest' AND v_target.published_version_id IS NULL THEN
      code := 'WORKFLOW_NOT_PUBLISHED';
      message := 'The workflow has no published version.';
    ELSIF v_given."version" = 'latest' AND NOT v_target.is_enabled THEN
      message := format('The latest version has no trigger "%s" any more.', v_target.node_id);
    END IF;
    IF message IS NOT NULL THEN
      RETURN QUERY SELECT 'refused', NULL::uuid, code, message;
      RETURN;
    END IF;

    INSERT INTO occurrences (tenant_id, trigger_id, occurrence_key, reason, execution_id, fingerprint, occurred_at)
    VALUES (p_tenant, v_from.trigger_id, v_given."occurrenceKey", 'ACCEPTED', v_given."newId", v_given."fingerprint", clock_timestamp())
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
      v_version := CASE v_given."version" WHEN 'latest' THEN v_target.published_version_id ELSE v_from.version_id END;
      v_input := coalesce(v_given."input", CASE WHEN v_given."inputRef" IS NULL THEN v_from.input END);
      v_input_ref := coalesce(v_given."inputRef", CASE WHEN v_given."input" IS NULL AND v_from.input_ref IS NOT NULL THEN v_given."payloadId" END);
      INSERT INTO executions (tenant_id, id, workflow_id, version_id, trigger_id, trigger_node_id, occurrence_key, status, concurrency_class, input, input_ref, rerun_of, lease_epoch, depth, expires_at)
      VALUES (p_tenant, v_given."newId", v_from.workflow_id, v_version, v_from.trigger_id, CASE v_given."version" WHEN 'latest' THEN v_target.node_id ELSE v_from.trigger_node_id END,
              v_given."occurrenceKey", 'QUEUED', v_target.concurrency_class, v_input, v_input_ref, v_from.id, CASE v_given."from" WHEN 'failedNode' THEN 1 ELSE 0 END, v_from.depth,
              clock_timestamp() + make_interval(secs => v_target.queued_ttl_seconds));
      IF v_given."inputRef" IS NOT NULL THEN
        INSERT INTO payloads (tenant_id, id, execution_id, bytes, body) VALUES (p_tenant, v_input_ref, v_given."newId", v_given."inputBytes", v_given."inputBody");
      ELSIF v_input_ref IS NOT NULL THEN
        INSERT INTO payloads (tenant_id, id, execution_id, bytes, body)
        SELECT p_tenant, v_input_ref, v_given."newId", p.bytes, p.body FROM payloads p WHERE p.tenant_id = p_tenant AND p.id = v_from.input_ref;
      END IF;
      IF v_given."from" = 'failedNode' THEN
        PERFORM fluxo_seed_journal(p_tenant, v_from.id, v_given."newId", (SELECT v.graph FROM workflow_versions v WHERE v.tenant_id = p_tenant AND v.id = v_version));
      END IF;
      INSERT INTO outbox (tenant_id, execution_id, concurrency_class, event_id) VALUES (p_tenant, v_given."newId", v_target.concurrency_class, v_given."newId"::text);
      PERFORM pg_notify('fluxo_outbox', '');
      RETURN QUERY SELECT 'accepted', v_given."newId", NULL::text, NULL::text;
      RETURN;
    END IF;
    -- Another request with this key was faster; its row is seen by a new statement only.
    SELECT o.execution_id, o.fingerprint INTO v_known FROM occurrences o
    WHERE o.tenant_id = p_tenant AND o.trigger_id = v_from.trigger_id AND o.occurrence_key = v_given."occurrenceKey";
  END IF;
  RETURN QUERY SELECT CASE WHEN v_known.fingerprint IS DISTINCT FROM v_given."fingerprint" THEN 'conflict' ELSE 'duplicate' END, v_known.execution_id, NULL::text, NULL::text;
END $$;
REVOKE ALL ON FUNCTION fluxo_rerun(uuid, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_rerun(uuid, jsonb) TO fluxo_app;
