-- fluxo_dispatch_claim(kind, owner, lease, limit): leases due triggers of a kind, the longest due first, over all tenants.
-- A trigger that is switched off (itself, its workflow, its tenant) or paused is disarmed instead; whoever switches it on arms it again.
-- Cost: the head of one index and one row each, however many triggers there are. Time: the database's clock.
CREATE OR REPLACE FUNCTION fluxo_dispatch_claim(p_kind text, p_owner text, p_lease_ms int, p_limit int)
RETURNS TABLE (tenant_id uuid, trigger_id uuid, workflow_id uuid, epoch int, config jsonb, cursor jsonb, armed_at timestamptz, due_at timestamptz, now_at timestamptz,
               failures int, last_execution_id uuid, last_execution_status text, poll_interval_seconds_min int, sealed_secret bytea)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz := clock_timestamp();
  v_until timestamptz := v_now + make_interval(secs => p_lease_ms / 1000.0);
BEGIN
  RETURN QUERY
  WITH due AS (
    SELECT s.tenant_id, s.trigger_id FROM trigger_states s
    WHERE s.kind = p_kind AND s.claimable_at IS NOT NULL AND s.claimable_at <= v_now
    ORDER BY s.claimable_at, s.tenant_id LIMIT p_limit FOR UPDATE SKIP LOCKED
  ), known AS (
    SELECT d.tenant_id, d.trigger_id, t.workflow_id, t.config, t.sealed_secret, p.poll_interval_seconds_min,
           t.is_enabled AND w.is_active AND w.published_version_id IS NOT NULL AND te.status = 'ACTIVE' AS is_live
    FROM due d
    JOIN triggers t ON t.tenant_id = d.tenant_id AND t.id = d.trigger_id
    JOIN workflows w ON w.tenant_id = t.tenant_id AND w.id = t.workflow_id
    JOIN tenants te ON te.id = d.tenant_id
    JOIN plans p ON p.id = te.plan_id
  ), taken AS (
    UPDATE trigger_states s
    SET lease_epoch = s.lease_epoch + 1,
        lease_owner = CASE WHEN k.is_live AND NOT s.is_paused THEN p_owner END, lease_until = CASE WHEN k.is_live AND NOT s.is_paused THEN v_until END,
        claimable_at = CASE WHEN k.is_live AND NOT s.is_paused THEN v_until END, next_due_at = CASE WHEN k.is_live AND NOT s.is_paused THEN s.next_due_at END
    FROM known k WHERE s.tenant_id = k.tenant_id AND s.trigger_id = k.trigger_id
    -- With what is known beside it: to join the two again would compare every row with every row, for nothing tells the planner how many there are.
    RETURNING s.tenant_id, s.trigger_id, s.lease_epoch, s.lease_owner, s.cursor, s.armed_at, s.next_due_at, s.failures, s.last_execution_id,
              k.workflow_id, k.config, k.poll_interval_seconds_min, k.sealed_secret
  )
  SELECT s.tenant_id, s.trigger_id, s.workflow_id, s.lease_epoch, s.config, s.cursor, s.armed_at, s.next_due_at, v_now, s.failures, s.last_execution_id,
         e.status, s.poll_interval_seconds_min, s.sealed_secret
  FROM taken s
  LEFT JOIN executions e ON e.tenant_id = s.tenant_id AND e.id = s.last_execution_id
  WHERE s.lease_owner IS NOT NULL
  ORDER BY s.next_due_at;
END $$;
REVOKE ALL ON FUNCTION fluxo_dispatch_claim(text, text, int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_dispatch_claim(text, text, int, int) TO fluxo_system;

-- fluxo_dispatch_adopt(tenant, trigger, from, owner, lease): takes over the lease of one trigger from the queue that its job waited in. Out: as fluxo_dispatch_claim;
-- nothing when the queue does not hold it (any more): the job came twice, the trigger was published anew, or its lease ended and it was claimed again.
CREATE OR REPLACE FUNCTION fluxo_dispatch_adopt(p_tenant uuid, p_trigger uuid, p_from text, p_owner text, p_lease_ms int)
RETURNS TABLE (tenant_id uuid, trigger_id uuid, workflow_id uuid, epoch int, config jsonb, cursor jsonb, armed_at timestamptz, due_at timestamptz, now_at timestamptz,
               failures int, last_execution_id uuid, last_execution_status text, poll_interval_seconds_min int, sealed_secret bytea)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz;
BEGIN
  PERFORM 1 FROM trigger_states s WHERE s.tenant_id = p_tenant AND s.trigger_id = p_trigger FOR UPDATE;
  v_now := clock_timestamp();
  RETURN QUERY
  WITH taken AS (
    UPDATE trigger_states s
    SET lease_epoch = s.lease_epoch + 1, lease_owner = p_owner, lease_until = v_now + make_interval(secs => p_lease_ms / 1000.0),
        claimable_at = v_now + make_interval(secs => p_lease_ms / 1000.0)
    WHERE s.tenant_id = p_tenant AND s.trigger_id = p_trigger AND s.lease_owner = p_from AND s.lease_until > v_now
    RETURNING s.*
  )
  SELECT s.tenant_id, s.trigger_id, t.workflow_id, s.lease_epoch, t.config, s.cursor, s.armed_at, s.next_due_at, v_now, s.failures, s.last_execution_id, e.status,
         p.poll_interval_seconds_min, t.sealed_secret
  FROM taken s
  JOIN triggers t ON t.tenant_id = s.tenant_id AND t.id = s.trigger_id
  JOIN tenants te ON te.id = s.tenant_id
  JOIN plans p ON p.id = te.plan_id
  LEFT JOIN executions e ON e.tenant_id = s.tenant_id AND e.id = s.last_execution_id;
END $$;
REVOKE ALL ON FUNCTION fluxo_dispatch_adopt(uuid, uuid, text, text, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_dispatch_adopt(uuid, uuid, text, text, int) TO fluxo_system;

-- fluxo_dispatch_extend(owner, rows, lease): keeps leases that are still held. In: [{ tenantId, triggerId, epoch }]. Out: those that are.
-- What is paused or switched off meanwhile is not kept: who holds it stops watching, and the claim after its lease disarms it.
CREATE OR REPLACE FUNCTION fluxo_dispatch_extend(p_owner text, p_rows jsonb, p_lease_ms int)
RETURNS TABLE (trigger_id uuid, epoch int)
LANGUAGE sql AS $$
  UPDATE trigger_states s
  SET lease_until = clock_timestamp() + make_interval(secs => p_lease_ms / 1000.0), claimable_at = clock_timestamp() + make_interval(secs => p_lease_ms / 1000.0)
  FROM jsonb_to_recordset(p_rows) AS r("tenantId" uuid, "triggerId" uuid, "epoch" int)
  JOIN triggers t ON t.tenant_id = r."tenantId" AND t.id = r."triggerId" AND t.is_enabled
  JOIN workflows w ON w.tenant_id = t.tenant_id AND w.id = t.workflow_id AND w.is_active
  JOIN tenants te ON te.id = t.tenant_id AND te.status = 'ACTIVE'
  WHERE s.tenant_id = r."tenantId" AND s.trigger_id = r."triggerId" AND s.lease_epoch = r."epoch" AND s.lease_owner = p_owner AND s.lease_until > clock_timestamp()
    AND s.claimable_at IS NOT NULL AND NOT s.is_paused
  RETURNING s.trigger_id, s.lease_epoch
$$;
REVOKE ALL ON FUNCTION fluxo_dispatch_extend(text, jsonb, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_dispatch_extend(text, jsonb, int) TO fluxo_system;

-- fluxo_dispatch_commit(owner, rows): what dispatching some triggers came to, in one statement and one commit (I1, I3): executions, the other occurrences, parked
-- items, the ledger, the clocks, and the cursor, which therefore never passes an item whose occurrence is not committed.
-- In:   a JSON array of { tenantId, rows }, once per tenant; a row is { triggerId, epoch, cursor, nextDueAt (null: no more), hold (keeps the lease), isConnected,
--       items: rows of fluxo_intake with idx unique over the call, and copy: { fileId, sha256 } (becomes a file of the execution) or none, marks: [{ occurrenceKey, reason, detail, occurredAt }],
--       parked: [{ occurrenceKey, code, message, reference, raw (base64), occurredAt }], poll: { id, durationMs } | null, error: { code, message } | null,
--       entries (what the kind remembers): { isAnew (forgets all first), dropped: [key], kept: [{ key, value }] } | null }.
-- Out:  per trigger: whether its lease was still held, and it takes something (else nothing was written), and what became of what it saw.
-- Plans are made once per connection: made anew for the rows of each tenant, the long statement's took longer than the statement.
CREATE OR REPLACE FUNCTION fluxo_dispatch_commit(p_owner text, p_rows jsonb)
RETURNS TABLE (trigger_id uuid, is_held boolean, accepted int, duplicate int, filtered int, parked int, execution_ids uuid[])
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz;
  v_tenant uuid;
  v_rows jsonb;
  v_held uuid[];
  v_intake jsonb;
  v_got jsonb;
  v_copies jsonb;
BEGIN
  FOR v_tenant, v_rows IN SELECT (g ->> 'tenantId')::uuid, g -> 'rows' FROM jsonb_array_elements(p_rows) g ORDER BY 1 LOOP
    PERFORM set_config('app.tenant_id', v_tenant::text, true);
    WITH held AS (
      SELECT s.trigger_id FROM jsonb_to_recordset(v_rows) AS r("triggerId" uuid, "epoch" int)
      JOIN trigger_states s ON s.tenant_id = v_tenant AND s.trigger_id = r."triggerId"
      JOIN tenants te ON te.id = v_tenant AND te.status <> 'OFFBOARDING'
      WHERE s.lease_epoch = r."epoch" AND s.lease_owner = p_owner AND s.lease_until > clock_timestamp()
      ORDER BY s.trigger_id FOR UPDATE OF s
    )
    SELECT coalesce(array_agg(h.trigger_id), '{}') INTO v_held FROM held h;
    -- What was taken out of the published version meanwhile takes nothing any more: intake would refuse its items, and the cursor would pass them (I3). Asked once the rows are
    -- locked, which whoever publishes or archives waits for.
    SELECT coalesce(array_agg(t.id), '{}') INTO v_held
    FROM triggers t JOIN workflows w ON w.tenant_id = t.tenant_id AND w.id = t.workflow_id
    WHERE t.tenant_id = v_tenant AND t.id = ANY (v_held) AND t.is_enabled AND w.published_version_id IS NOT NULL AND w.archived_at IS NULL;
    v_now := clock_timestamp();

    SELECT coalesce(jsonb_agg(i.item || jsonb_build_object('triggerId', r ->> 'triggerId')), '[]') INTO v_intake
    FROM jsonb_array_elements(v_rows) r CROSS JOIN LATERAL jsonb_array_elements(r -> 'items') i(item)
    WHERE (r ->> 'triggerId')::uuid = ANY (v_held);
    v_got := '[]';
    IF jsonb_array_length(v_intake) > 0 THEN
      SELECT jsonb_agg(jsonb_build_object('idx', n.idx, 'outcome', n.outcome, 'executionId', n.execution_id)) INTO v_got
      -- Beside a duplicate, intake tells an accepted row twice.
      FROM (SELECT DISTINCT * FROM fluxo_intake(jsonb_build_array(jsonb_build_object('tenantId', v_tenant, 'rows', v_intake)))) n;
      PERFORM set_config('app.tenant_id', v_tenant::text, true);
      SELECT jsonb_agg(i -> 'copy' || jsonb_build_object('executionId', n."executionId")) INTO v_copies
      FROM jsonb_array_elements(v_intake) i JOIN jsonb_to_recordset(v_got) AS n("idx" int, "outcome" text, "executionId" uuid) ON n."idx" = (i ->> 'idx')::int
      WHERE jsonb_typeof(i -> 'copy') = 'object' AND n."outcome" = 'accepted';
      IF v_copies IS NOT NULL THEN
        PERFORM fluxo_file_copies_attach(v_tenant, v_copies);
      END IF;
    END IF;

    IF jsonb_path_exists(v_rows, '$[*].entries ? (@ != null)') THEN
      DELETE FROM trigger_entries e USING jsonb_to_recordset(v_rows) AS r("triggerId" uuid, "entries" jsonb)
      WHERE e.tenant_id = v_tenant AND e.trigger_id = r."triggerId" AND r."triggerId" = ANY (v_held) AND (r."entries" ->> 'isAnew')::boolean;
      DELETE FROM trigger_entries e USING jsonb_to_recordset(v_rows) AS r("triggerId" uuid, "entries" jsonb) CROSS JOIN LATERAL jsonb_array_elements_text(r."entries" -> 'dropped') d(key)
      WHERE e.tenant_id = v_tenant AND e.trigger_id = r."triggerId" AND r."triggerId" = ANY (v_held) AND e.key = d.key;
      INSERT INTO trigger_entries (tenant_id, trigger_id, key, value)
      SELECT v_tenant, r."triggerId", k."key", k."value"
      FROM jsonb_to_recordset(v_rows) AS r("triggerId" uuid, "entries" jsonb) CROSS JOIN LATERAL jsonb_to_recordset(r."entries" -> 'kept') AS k("key" text, "value" jsonb)
      WHERE r."triggerId" = ANY (v_held)
      ON CONFLICT (tenant_id, trigger_id, key) DO UPDATE SET value = excluded.value;
    END IF;

    RETURN QUERY
    WITH given AS (
      SELECT r.* FROM jsonb_to_recordset(v_rows) AS r("triggerId" uuid, "cursor" jsonb, "nextDueAt" timestamptz, "hold" boolean, "isConnected" boolean, "items" jsonb,
                                                      "marks" jsonb, "parked" jsonb, "poll" jsonb, "error" jsonb)
      WHERE r."triggerId" = ANY (v_held)
    ), started AS (
      SELECT (i ->> 'triggerId')::uuid AS trigger_id, n.outcome, n."executionId" AS execution_id, (i ->> 'occurredAt')::timestamptz AS occurred_at
      FROM jsonb_array_elements(v_intake) i JOIN jsonb_to_recordset(v_got) AS n("idx" int, "outcome" text, "executionId" uuid) ON n."idx" = (i ->> 'idx')::int
    ), marks AS (
      SELECT g."triggerId", m.* FROM given g CROSS JOIN LATERAL jsonb_to_recordset(g."marks") AS m("occurrenceKey" text, "reason" text, "detail" text, "occurredAt" timestamptz)
      UNION ALL
      SELECT g."triggerId", p."occurrenceKey", 'PARKED', p."message", p."occurredAt"
      FROM given g CROSS JOIN LATERAL jsonb_to_recordset(g."parked") AS p("occurrenceKey" text, "message" text, "occurredAt" timestamptz)
    ), marked AS (
      INSERT INTO occurrences AS o (tenant_id, trigger_id, occurrence_key, reason, detail, occurred_at)
      SELECT v_tenant, "triggerId", "occurrenceKey", "reason", "detail", "occurredAt" FROM marks ORDER BY "triggerId", "occurrenceKey"
      ON CONFLICT DO NOTHING
      RETURNING o.trigger_id, o.occurrence_key, o.reason
    ), poison AS (
      INSERT INTO parked_items (tenant_id, trigger_id, occurrence_key, code, message, reference, raw, parked_at)
      SELECT v_tenant, g."triggerId", p."occurrenceKey", p."code", p."message", p."reference", decode(p."raw", 'base64'), v_now
      FROM given g CROSS JOIN LATERAL jsonb_to_recordset(g."parked") AS p("occurrenceKey" text, "code" text, "message" text, "reference" text, "raw" text)
      JOIN marked m ON m.trigger_id = g."triggerId" AND m.occurrence_key = p."occurrenceKey"
      ON CONFLICT DO NOTHING
    ), counts AS (
      SELECT g."triggerId" AS trigger_id, coalesce(s.accepted, 0) AS accepted, coalesce(s.told - s.accepted - s.too_large, 0) + coalesce(k.told, 0) - coalesce(m.filtered + m.parked, 0) AS duplicate,
             coalesce(m.filtered, 0) + coalesce(s.too_large, 0) AS filtered, coalesce(m.parked, 0) AS parked, s.execution_ids
      FROM given g
      LEFT JOIN (SELECT trigger_id, count(*)::int AS told, (count(*) FILTER (WHERE outcome = 'accepted'))::int AS accepted,
                        (count(*) FILTER (WHERE outcome = 'tooLarge'))::int AS too_large, array_agg(execution_id ORDER BY occurred_at, execution_id) FILTER (WHERE outcome = 'accepted') AS execution_ids
                 FROM started GROUP BY trigger_id) s ON s.trigger_id = g."triggerId"
      LEFT JOIN (SELECT "triggerId", count(*)::int AS told FROM marks GROUP BY "triggerId") k ON k."triggerId" = g."triggerId"
      LEFT JOIN (SELECT trigger_id, (count(*) FILTER (WHERE reason <> 'PARKED'))::int AS filtered, (count(*) FILTER (WHERE reason = 'PARKED'))::int AS parked
                 FROM marked GROUP BY trigger_id) m ON m.trigger_id = g."triggerId"
    ), ledger AS (
      INSERT INTO polls (tenant_id, id, trigger_id, polled_at, duration_ms, seen, accepted, duplicate, filtered, parked, error_code)
      SELECT v_tenant, (g."poll" ->> 'id')::uuid, g."triggerId", v_now, (g."poll" ->> 'durationMs')::int, c.accepted + c.duplicate + c.filtered + c.parked,
             c.accepted, c.duplicate, c.filtered, c.parked, g."error" ->> 'code'
      FROM given g JOIN counts c ON c.trigger_id = g."triggerId" WHERE jsonb_typeof(g."poll") = 'object'
    ), moved AS (
      UPDATE trigger_states s
      SET cursor = CASE WHEN g."cursor" IS NULL OR g."cursor" = 'null' THEN s.cursor ELSE g."cursor" END,
          next_due_at = g."nextDueAt",
          lease_owner = CASE WHEN g."hold" THEN s.lease_owner END, lease_until = CASE WHEN g."hold" THEN s.lease_until END,
          claimable_at = CASE WHEN g."nextDueAt" IS NULL THEN NULL WHEN g."hold" THEN s.lease_until ELSE g."nextDueAt" END,
          last_execution_id = coalesce(c.execution_ids[cardinality(c.execution_ids)], s.last_execution_id),
          checked_at = v_now,
          connected_at = CASE WHEN g."isConnected" THEN v_now ELSE s.connected_at END,
          item_seen_at = CASE WHEN c.accepted + c.filtered + c.parked > 0 THEN v_now ELSE s.item_seen_at END,
          interval_ms = CASE WHEN c.accepted + c.filtered + c.parked > 0 AND s.item_seen_at IS NOT NULL
                             THEN coalesce(0.8 * s.interval_ms, extract(epoch FROM v_now - s.item_seen_at) * 800) + 200 * extract(epoch FROM v_now - s.item_seen_at)
                             ELSE s.interval_ms END,
          silent_since = CASE WHEN c.accepted + c.filtered + c.parked > 0 THEN NULL ELSE s.silent_since END,
          execution_at = CASE WHEN c.accepted > 0 THEN v_now ELSE s.execution_at END,
          failures = CASE WHEN jsonb_typeof(g."error") = 'object' THEN s.failures + 1 ELSE 0 END,
          error_code = g."error" ->> 'code', error_message = g."error" ->> 'message',
          failed_at = CASE WHEN jsonb_typeof(g."error") = 'object' THEN v_now ELSE s.failed_at END
      FROM given g JOIN counts c ON c.trigger_id = g."triggerId"
      WHERE s.tenant_id = v_tenant AND s.trigger_id = g."triggerId"
    )
    SELECT c.trigger_id, true, c.accepted, c.duplicate, c.filtered, c.parked, coalesce(c.execution_ids, '{}') FROM counts c;
    IF cardinality(v_held) < jsonb_array_length(v_rows) THEN
      RETURN QUERY
      SELECT r."triggerId", false, 0, 0, 0, 0, '{}'::uuid[] FROM jsonb_to_recordset(v_rows) AS r("triggerId" uuid) WHERE r."triggerId" <> ALL (v_held);
    END IF;
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION fluxo_dispatch_commit(text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_dispatch_commit(text, jsonb) TO fluxo_app;

-- fluxo_dispatch_arm(tenant, workflow): makes the triggers of a workflow (null: of all) due now, if they are on and nobody watches them yet.
-- In the transaction that switches something on: the workflow, the trigger, the tenant. Instants before it are nobody's miss.
CREATE OR REPLACE FUNCTION fluxo_dispatch_arm(p_tenant uuid, p_workflow uuid) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
  v_armed int;
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  UPDATE trigger_states s SET armed_at = clock_timestamp(), next_due_at = clock_timestamp(), claimable_at = clock_timestamp()
  FROM triggers t
  WHERE s.tenant_id = p_tenant AND t.tenant_id = p_tenant AND t.id = s.trigger_id AND (p_workflow IS NULL OR t.workflow_id = p_workflow)
    AND t.is_enabled AND NOT s.is_paused AND s.next_due_at IS NULL;
  GET DIAGNOSTICS v_armed = ROW_COUNT;
  RETURN v_armed;
END $$;
REVOKE ALL ON FUNCTION fluxo_dispatch_arm(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_dispatch_arm(uuid, uuid) TO fluxo_app;
