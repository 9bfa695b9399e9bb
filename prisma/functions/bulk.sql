-- fluxo_bulk_matches(tenant, kind, options, filter, limit): ids of the executions that a bulk operation is about, oldest first.
-- filter: { ids } as they are, or any of { statuses, workflowId, triggerId, reason, errorCode, rerunOf, from, to } as in the list of executions; then only such as the
-- kind can act on now: a cancel those that have not ended, a rerun those that have, from the failed node those that failed or were canceled.
CREATE OR REPLACE FUNCTION fluxo_bulk_matches(p_tenant uuid, p_kind text, p_options jsonb, p_filter jsonb, p_limit int)
RETURNS TABLE (id uuid, place bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  f record;
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  IF p_filter ? 'ids' THEN
    RETURN QUERY SELECT i.id::uuid, min(i.place) FROM jsonb_array_elements_text(p_filter -> 'ids') WITH ORDINALITY AS i(id, place) GROUP BY 1 ORDER BY 2 LIMIT p_limit;
    RETURN;
  END IF;
  SELECT r.* INTO f FROM jsonb_to_record(p_filter) AS r("statuses" text[], "workflowId" uuid, "triggerId" uuid, "reason" text, "errorCode" text, "rerunOf" uuid, "from" timestamptz, "to" timestamptz);
  RETURN QUERY
  SELECT e.id, row_number() OVER (ORDER BY e.queued_at, e.id) FROM executions e
  WHERE e.tenant_id = p_tenant
    AND e.status = ANY (CASE WHEN p_kind = 'cancel' THEN ARRAY['QUEUED', 'RUNNING', 'WAITING']
                             WHEN p_options ->> 'from' = 'failedNode' THEN ARRAY['FAILED', 'CANCELED']
                             ELSE ARRAY['SUCCESS', 'FAILED', 'BLOCKED', 'CANCELED'] END)
    AND (f."statuses" IS NULL OR e.status = ANY (f."statuses"))
    AND (f."workflowId" IS NULL OR e.workflow_id = f."workflowId")
    AND (f."triggerId" IS NULL OR e.trigger_id = f."triggerId")
    AND (f."reason" IS NULL OR e.reason = f."reason")
    AND (f."errorCode" IS NULL OR e.error_code = f."errorCode")
    AND (f."rerunOf" IS NULL OR e.rerun_of = f."rerunOf")
    AND (f."from" IS NULL OR e.queued_at >= f."from")
    AND (f."to" IS NULL OR e.queued_at < f."to")
    AND e.queued_at <= clock_timestamp()
  ORDER BY e.queued_at, e.id LIMIT p_limit;
END $$;
REVOKE ALL ON FUNCTION fluxo_bulk_matches(uuid, text, jsonb, jsonb, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_bulk_matches(uuid, text, jsonb, jsonb, int) TO fluxo_app;

-- fluxo_bulk_create(tenant, row, max): fixes the set of a bulk operation and writes it.
-- In:   { id, kind, name, filter, options, pacePerMinute, idempotencyKey, fingerprint, createdBy }.
-- Out:  created (with how many matched), duplicate or conflict (the id of the operation that the idempotency key made before), tooLarge (nothing is written).
CREATE OR REPLACE FUNCTION fluxo_bulk_create(p_tenant uuid, p_row jsonb, p_max int)
RETURNS TABLE (outcome text, id uuid, matched int)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz := clock_timestamp();
  v_known record;
  v_matched int;
  o record;
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  SELECT r.* INTO o FROM jsonb_to_record(p_row) AS r("id" uuid, "kind" text, "name" text, "filter" jsonb, "options" jsonb, "pacePerMinute" int, "idempotencyKey" text, "fingerprint" text, "createdBy" uuid);
  INSERT INTO bulk_operations (tenant_id, id, kind, name, filter, options, pace_per_minute, status, matched, idempotency_key, fingerprint, created_by, next_at)
  VALUES (p_tenant, o."id", o."kind", o."name", o."filter", o."options", o."pacePerMinute", 'RUNNING', 0, o."idempotencyKey", o."fingerprint", o."createdBy", v_now)
  ON CONFLICT (tenant_id, idempotency_key) DO NOTHING;
  IF NOT FOUND THEN
    SELECT b.id, b.fingerprint, b.matched INTO v_known FROM bulk_operations b WHERE b.tenant_id = p_tenant AND b.idempotency_key = o."idempotencyKey";
    RETURN QUERY SELECT CASE WHEN v_known.fingerprint = o."fingerprint" THEN 'duplicate' ELSE 'conflict' END, v_known.id, v_known.matched;
    RETURN;
  END IF;
  INSERT INTO bulk_operation_items (tenant_id, operation_id, position, execution_id)
  SELECT p_tenant, o."id", m.place - 1, m.id FROM fluxo_bulk_matches(p_tenant, o."kind", o."options", o."filter", p_max + 1) m;
  GET DIAGNOSTICS v_matched = ROW_COUNT;
  IF v_matched > p_max THEN
    RAISE EXCEPTION 'a bulk operation takes % executions at most', p_max USING ERRCODE = 'FX001';
  END IF;
  UPDATE bulk_operations b SET matched = v_matched, status = CASE v_matched WHEN 0 THEN 'DONE' ELSE 'RUNNING' END, completed_at = CASE v_matched WHEN 0 THEN v_now END
  WHERE b.tenant_id = p_tenant AND b.id = o."id";
  RETURN QUERY SELECT 'created', o."id", v_matched;
END $$;
REVOKE ALL ON FUNCTION fluxo_bulk_create(uuid, jsonb, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_bulk_create(uuid, jsonb, int) TO fluxo_app;

-- fluxo_bulk_item(tenant, kind, options, operation, execution, new id, payload id): acts on one execution of a bulk operation.
-- Out: how the item ends: DONE, or SKIPPED with the code that an API call on this execution would have answered. is_asked: a running worker has to observe its cancel.
CREATE OR REPLACE FUNCTION fluxo_bulk_item(p_tenant uuid, p_kind text, p_options jsonb, p_operation uuid, p_execution uuid, p_new_id uuid, p_payload_id uuid)
RETURNS TABLE (status text, code text, message text, result_id uuid, is_asked boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_before text;
  r record;
BEGIN
  IF p_kind = 'rerun' THEN
    SELECT * INTO r FROM fluxo_rerun(p_tenant, p_options || jsonb_build_object('executionId', p_execution, 'newId', p_new_id, 'payloadId', p_payload_id,
                                                                               'occurrenceKey', format('bulk:%s:%s', p_operation, p_execution), 'fingerprint', p_operation::text));
    RETURN QUERY SELECT CASE WHEN r.outcome IN ('accepted', 'duplicate') THEN 'DONE' ELSE 'SKIPPED' END, r.code, r.message, r.execution_id, false;
    RETURN;
  END IF;
  SELECT e.status INTO v_before FROM executions e WHERE e.tenant_id = p_tenant AND e.id = p_execution;
  IF v_before IS NULL THEN
    RETURN QUERY SELECT 'SKIPPED', 'NOT_FOUND', 'There is no execution with this id.', NULL::uuid, false;
  ELSIF v_before IN ('QUEUED', 'RUNNING', 'WAITING') THEN
    RETURN QUERY SELECT 'DONE', NULL::text, NULL::text, NULL::uuid, c.is_requested FROM fluxo_cancel(p_tenant, p_execution) c;
  ELSE
    RETURN QUERY SELECT 'SKIPPED', 'STATE_CONFLICT', format('The execution ended already, with %s.', v_before), NULL::uuid, false;
  END IF;
END $$;
REVOKE ALL ON FUNCTION fluxo_bulk_item(uuid, text, jsonb, uuid, uuid, uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_bulk_item(uuid, text, jsonb, uuid, uuid, uuid, uuid) TO fluxo_app;

-- fluxo_bulk_step(tenant, id, epoch, new ids): one turn of a leased bulk operation: as many items as its pace allows now, half as many as there are new ids at most.
-- Items and what they do to executions are one transaction: a crash leaves both undone, so nothing is done twice. Skipped items use nothing of the pace.
-- An item that the database refuses for its own sake fails alone; trouble of the connection or of locks ends the turn, and another one repeats it.
-- Locks: the operation, the tenant's slot row, then executions by id.
-- Out: how many items ended, whether it is finished, and the executions whose workers have to hear of their cancel. @raises as fluxo_operation_hold
CREATE OR REPLACE FUNCTION fluxo_bulk_step(p_tenant uuid, p_id uuid, p_epoch int, p_new_ids uuid[])
RETURNS TABLE (worked int, is_finished boolean, asked uuid[])
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_worked int := 0;
  v_acted int := 0;
  v_counts int[] := '{0,0,0}';
  v_finished boolean;
  v_asked uuid[] := '{}';
  o record;
  p record;
  i record;
  r record;
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true), fluxo_operation_hold('bulk', p_tenant, p_id, p_epoch);
  SELECT b.* INTO o FROM bulk_operations b WHERE b.tenant_id = p_tenant AND b.id = p_id;
  p := fluxo_operation_pace(o.next_at, o.pace_per_minute, cardinality(p_new_ids) / 2);
  IF o.kind = 'cancel' AND p.take > 0 THEN
    PERFORM 1 FROM concurrency_slots s WHERE s.tenant_id = p_tenant FOR UPDATE;
    PERFORM 1 FROM executions e WHERE e.tenant_id = p_tenant AND e.id IN (
      SELECT n.execution_id FROM bulk_operation_items n WHERE n.tenant_id = p_tenant AND n.operation_id = p_id AND n.status = 'PENDING' ORDER BY n.position LIMIT p.take)
    ORDER BY e.id FOR UPDATE;
  END IF;

  FOR i IN SELECT n.position, n.execution_id FROM bulk_operation_items n
           WHERE n.tenant_id = p_tenant AND n.operation_id = p_id AND n.status = 'PENDING' ORDER BY n.position LIMIT p.take LOOP
    v_worked := v_worked + 1;
    BEGIN
      SELECT * INTO r FROM fluxo_bulk_item(p_tenant, o.kind, o.options, p_id, i.execution_id, p_new_ids[2 * v_worked - 1], p_new_ids[2 * v_worked]);
    EXCEPTION WHEN OTHERS THEN
      IF left(SQLSTATE, 2) IN ('08', '40', '53', '55', '57', '58', 'XX') THEN
        RAISE;
      END IF;
      SELECT 'FAILED' AS status, 'INTERNAL' AS code, format('The database refused it (%s).', SQLSTATE) AS message, NULL::uuid AS result_id, false AS is_asked INTO r;
    END;
    UPDATE bulk_operation_items n SET status = r.status, code = r.code, message = r.message, result_id = r.result_id
    WHERE n.tenant_id = p_tenant AND n.operation_id = p_id AND n.position = i.position;
    v_acted := v_acted + CASE r.status WHEN 'SKIPPED' THEN 0 ELSE 1 END;
    v_counts := CASE r.status WHEN 'DONE' THEN ARRAY[v_counts[1] + 1, v_counts[2], v_counts[3]]
                              WHEN 'FAILED' THEN ARRAY[v_counts[1], v_counts[2] + 1, v_counts[3]]
                              ELSE ARRAY[v_counts[1], v_counts[2], v_counts[3] + 1] END;
    IF r.is_asked THEN
      v_asked := v_asked || i.execution_id;
    END IF;
  END LOOP;

  v_finished := o.done + o.failed + o.skipped + v_worked >= o.matched;
  UPDATE bulk_operations b
  SET done = b.done + v_counts[1], failed = b.failed + v_counts[2], skipped = b.skipped + v_counts[3], next_at = p.since + v_acted * p.every,
      status = CASE WHEN v_finished THEN 'DONE' ELSE b.status END, completed_at = CASE WHEN v_finished THEN clock_timestamp() END
  WHERE b.tenant_id = p_tenant AND b.id = p_id;
  RETURN QUERY SELECT v_worked, v_finished, v_asked;
END $$;
REVOKE ALL ON FUNCTION fluxo_bulk_step(uuid, uuid, int, uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_bulk_step(uuid, uuid, int, uuid[]) TO fluxo_app;
