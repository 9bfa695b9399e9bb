-- fluxo_claim(tenant, ids, owner, lease, node tiers, keep): admission and lease of a batch of one tenant's executions, before any node runs.
-- Order of the checks: time in the queue and in the parking lot, agency and tenant active, workflow active, number of active workflows, node count, node types of the plan, quota (reserved here), a
-- concurrency slot. Over the quota, the plan rejects (BLOCKED) or parks (WAITING, QUOTA; see parking.sql). While anything is parked, what comes later is parked behind it.
-- In:   ids of executions that may be QUEUED or called out of the parking lot (start), WAITING and due (resume) or RUNNING with an expired lease (takeover); anything else is skipped,
--       so a second starter is a no-op. node tiers: type → rank, from the worker's catalog. keep: whether the caller will claim what found no slot
--       again itself as soon as one of its executions ends, so that these are not queued for the next settle: never, ifClaimed (it was given one here) or always (it has others).
-- Out:  per id: claimed (with the new epoch, the input and the journal so far, with the outcome of each sub-workflow that a node waited for and that ended), blocked (with the reason), parked, starved (no slot: stays as it
--       is and the next settle wakes it) or skipped.
-- Locks: the tenant's slot row first, then executions by id; every function that takes both keeps this order.
-- Time: the database's clock, read after the locks are held.
DROP FUNCTION IF EXISTS fluxo_claim(uuid, uuid[], text, int, jsonb, boolean); -- of earlier versions
DROP FUNCTION IF EXISTS fluxo_claim(uuid, uuid[], text, int, jsonb, text); -- CREATE OR REPLACE changes no result type
CREATE FUNCTION fluxo_claim(p_tenant uuid, p_ids uuid[], p_owner text, p_lease_ms int, p_node_tiers jsonb, p_keep text)
RETURNS TABLE (execution_id uuid, outcome text, reason text, epoch int, version_id uuid, workflow_id uuid, trigger_node_id text, input jsonb,
               queued_at timestamptz, started_at timestamptz, claimed_at timestamptz, is_canceled boolean, journal jsonb)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz;
  v_tenant record;
  v_used int;
  v_drain_at timestamptz;
  v_has_parked boolean := false;
  v_called int := 0;
  v_free int;
  v_window_start timestamptz;
  v_window_end timestamptz;
  v_counted int;
  v_quota_left int;
  v_refusal text;
  v_claimed uuid[] := '{}';
  v_slotted uuid[] := '{}';
  v_reserved uuid[] := '{}';
  v_starved uuid[] := '{}';
  v_blocked uuid[] := '{}';
  v_parked uuid[] := '{}';
  v_reasons text[] := '{}';
  v_messages text[] := '{}';
  r record;
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  SELECT used, drain_at INTO v_used, v_drain_at FROM concurrency_slots WHERE tenant_id = p_tenant FOR UPDATE;
  IF NOT FOUND THEN
    INSERT INTO concurrency_slots (tenant_id) SELECT t.id FROM tenants t WHERE t.id = p_tenant AND t.status <> 'OFFBOARDING' ON CONFLICT DO NOTHING;
    SELECT used INTO v_used FROM concurrency_slots WHERE tenant_id = p_tenant FOR UPDATE;
    v_used := coalesce(v_used, 0);
  END IF;
  PERFORM 1 FROM executions e WHERE e.tenant_id = p_tenant AND e.id = ANY (p_ids) ORDER BY e.id FOR UPDATE;
  v_now := clock_timestamp();

  SELECT t.status, t.suspension_reason, a.status AS agency_status, p.name AS plan_name, p.tier_rank, p.node_types_allowed, p.node_types_denied, p.executions_per_month, p.nodes_per_workflow_max, p.active_workflows_max, p.concurrency_max,
         p.over_quota = 'PARK' AS parks, p.park_hours_max, p.alert_percents, w.starts_at, w.ends_at
  INTO STRICT v_tenant FROM tenants t JOIN agencies a ON a.id = t.agency_id JOIN plans p ON p.id = t.plan_id CROSS JOIN LATERAL fluxo_month_window(v_now, t.time_zone) w WHERE t.id = p_tenant;
  v_window_start := v_tenant.starts_at;
  v_window_end := v_tenant.ends_at;
  SELECT u.used + u.reserved INTO v_counted FROM usage_windows u
  WHERE u.tenant_id = p_tenant AND u.metric = 'executions' AND u.window_start = v_window_start;
  v_quota_left := v_tenant.executions_per_month - coalesce(v_counted, 0);
  v_free := v_tenant.concurrency_max - v_used;
  IF v_drain_at IS NOT NULL THEN
    v_has_parked := EXISTS (SELECT FROM executions e WHERE e.tenant_id = p_tenant AND e.reason = 'QUOTA' AND e.resume_at IS NULL);
    SELECT count(*) INTO v_called FROM executions e WHERE e.tenant_id = p_tenant AND e.reason = 'QUOTA' AND e.resume_at IS NOT NULL AND e.id <> ALL (p_ids);
  END IF;

  FOR r IN
    SELECT e.id, e.expires_at, e.park_expires_at, e.status = 'WAITING' AS is_called, w.is_active, w.is_beyond_plan, v.node_count, refused.has_too_many_nodes, refused.denied_types,
           CASE WHEN e.status = 'QUEUED' THEN 'start'
                WHEN e.reason = 'QUOTA' AND (e.resume_at <= v_now OR e.park_expires_at <= v_now) THEN 'start'
                WHEN e.status = 'WAITING' AND e.reason <> 'QUOTA' AND e.resume_at <= v_now THEN 'resume'
                WHEN e.status = 'RUNNING' AND e.lease_until < v_now THEN 'takeover' END AS kind
    FROM executions e
    JOIN workflows w ON w.tenant_id = p_tenant AND w.id = e.workflow_id
    JOIN workflow_versions v ON v.tenant_id = p_tenant AND v.id = e.version_id
    CROSS JOIN LATERAL fluxo_plan_refusals(v.node_count, v.node_types, p_node_tiers, v_tenant.nodes_per_workflow_max, v_tenant.tier_rank, v_tenant.node_types_allowed, v_tenant.node_types_denied) refused
    WHERE e.tenant_id = p_tenant AND e.id = ANY (p_ids)
    ORDER BY (e.status = 'RUNNING') DESC, (e.status = 'WAITING') DESC, e.queued_at, e.id
  LOOP
    CONTINUE WHEN r.kind IS NULL;
    IF r.kind = 'takeover' THEN
      v_claimed := v_claimed || r.id;
      CONTINUE;
    END IF;
    v_refusal := CASE WHEN r.kind = 'resume' THEN NULL
                      WHEN r.expires_at <= v_now THEN 'QUEUE_TTL_EXPIRED'
                      WHEN r.is_called AND r.park_expires_at <= v_now THEN 'QUOTA_PARK_EXPIRED'
                      WHEN v_tenant.agency_status <> 'ACTIVE' THEN 'AGENCY_SUSPENDED'
                      WHEN v_tenant.status <> 'ACTIVE' THEN 'TENANT_SUSPENDED'
                      WHEN NOT r.is_active THEN 'WORKFLOW_INACTIVE'
                      WHEN r.is_beyond_plan THEN 'TOO_MANY_WORKFLOWS'
                      WHEN r.has_too_many_nodes THEN 'TOO_MANY_NODES'
                      WHEN r.denied_types IS NOT NULL THEN 'NODE_NOT_IN_PLAN'
                      WHEN v_tenant.parks AND v_has_parked AND NOT r.is_called THEN 'QUOTA'
                      -- Room that is promised to what was called out is nobody else's.
                      WHEN v_quota_left - CASE WHEN r.is_called THEN 0 ELSE v_called END <= 0 THEN CASE WHEN v_tenant.parks THEN 'QUOTA' ELSE 'QUOTA_EXCEEDED' END END;
    IF v_refusal = 'QUOTA' THEN
      v_parked := v_parked || r.id;
      v_has_parked := true;
    ELSIF v_refusal IS NOT NULL THEN
      v_blocked := v_blocked || r.id;
      v_reasons := v_reasons || v_refusal;
      v_messages := v_messages || CASE v_refusal
        WHEN 'QUEUE_TTL_EXPIRED' THEN format('The execution was to start until %s.', to_char(r.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
        WHEN 'QUOTA_PARK_EXPIRED' THEN format('The execution was parked until %s because the plan''s executions were used up, and there was no room.',
                                              to_char(r.park_expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
        WHEN 'AGENCY_SUSPENDED' THEN 'The agency is suspended.'
        WHEN 'TENANT_SUSPENDED' THEN 'The tenant is suspended' || coalesce(': ' || v_tenant.suspension_reason, '.')
        WHEN 'WORKFLOW_INACTIVE' THEN 'The workflow is not active.'
        WHEN 'TOO_MANY_WORKFLOWS' THEN format('The plan %s allows %s active workflows; this one is beyond them.', v_tenant.plan_name, v_tenant.active_workflows_max)
        WHEN 'TOO_MANY_NODES' THEN format('The workflow has %s nodes; the plan %s allows %s.', r.node_count, v_tenant.plan_name, v_tenant.nodes_per_workflow_max)
        WHEN 'NODE_NOT_IN_PLAN' THEN format('The plan %s does not include: %s.', v_tenant.plan_name, r.denied_types)
        WHEN 'QUOTA_EXCEEDED' THEN format('The plan %s allows %s executions a month; they are used up until %s.', v_tenant.plan_name,
                                          v_tenant.executions_per_month, to_char(v_window_end AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) END;
    ELSIF v_free <= 0 THEN
      v_starved := v_starved || r.id;
    ELSE
      v_free := v_free - 1;
      v_claimed := v_claimed || r.id;
      v_slotted := v_slotted || r.id;
      IF r.kind = 'start' THEN
        v_quota_left := v_quota_left - 1;
        v_reserved := v_reserved || r.id;
      END IF;
    END IF;
  END LOOP;

  IF cardinality(v_blocked) > 0 THEN
    UPDATE executions e SET status = 'BLOCKED', reason = b.reason, error_code = b.reason, error_message = b.message, resume_at = NULL, completed_at = v_now, starved_at = NULL, updated_at = v_now
    FROM unnest(v_blocked, v_reasons, v_messages) AS b(id, reason, message) WHERE e.tenant_id = p_tenant AND e.id = b.id;
    IF fluxo_wake_parents(p_tenant, v_blocked) > 0 THEN
      PERFORM pg_notify('fluxo_outbox', '');
    END IF;
  END IF;
  IF cardinality(v_parked) > 0 THEN
    UPDATE executions e
    SET status = 'WAITING', reason = 'QUOTA', resume_at = NULL, starved_at = NULL, parked_at = coalesce(e.parked_at, v_now),
        park_expires_at = coalesce(e.park_expires_at, least(e.expires_at, v_now + make_interval(hours => v_tenant.park_hours_max))), updated_at = v_now
    WHERE e.tenant_id = p_tenant AND e.id = ANY (v_parked);
  END IF;
  IF cardinality(v_starved) > 0 AND (p_keep = 'never' OR (p_keep = 'ifClaimed' AND cardinality(v_claimed) = 0)) THEN
    UPDATE executions e SET starved_at = coalesce(e.starved_at, v_now), updated_at = v_now WHERE e.tenant_id = p_tenant AND e.id = ANY (v_starved);
  END IF;
  IF cardinality(v_claimed) > 0 THEN
    UPDATE executions e
    SET status = 'RUNNING', reason = NULL, resume_at = NULL, started_at = coalesce(e.started_at, v_now), lease_owner = p_owner,
        lease_until = v_now + make_interval(secs => p_lease_ms / 1000.0), lease_epoch = e.lease_epoch + 1, starved_at = NULL, updated_at = v_now
    WHERE e.tenant_id = p_tenant AND e.id = ANY (v_claimed);
  END IF;
  IF cardinality(v_slotted) + cardinality(v_parked) > 0 THEN
    UPDATE concurrency_slots s
    SET used = s.used + cardinality(v_slotted),
        drain_at = CASE WHEN cardinality(v_parked) > 0 THEN coalesce(s.drain_at, least(v_window_end, v_now + interval '5 minutes')) ELSE s.drain_at END
    WHERE s.tenant_id = p_tenant;
  END IF;
  IF cardinality(v_reserved) > 0 THEN
    INSERT INTO usage_windows (tenant_id, metric, window_start, window_end, reserved)
    VALUES (p_tenant, 'executions', v_window_start, v_window_end, cardinality(v_reserved))
    ON CONFLICT (tenant_id, metric, window_start) DO UPDATE SET reserved = usage_windows.reserved + excluded.reserved
    RETURNING used + reserved INTO v_counted;
    IF v_counted::bigint * 100 >= v_tenant.executions_per_month::bigint * v_tenant.alert_percents[1] THEN
      PERFORM fluxo_note_alerts(p_tenant, 'executions', v_window_start, v_counted, v_tenant.executions_per_month, v_tenant.alert_percents);
    END IF;
    INSERT INTO reservations (tenant_id, execution_id, metric, window_start, amount)
    SELECT p_tenant, id, 'executions', v_window_start, 1 FROM unnest(v_reserved) AS id;
  END IF;

  RETURN QUERY
  SELECT e.id, 'claimed', NULL::text, e.lease_epoch, e.version_id, e.workflow_id, e.trigger_node_id, coalesce(e.input, i.body), e.queued_at, e.started_at,
         v_now, e.cancel_requested_at IS NOT NULL,
         CASE WHEN e.lease_epoch > 1 THEN
           (SELECT jsonb_agg(jsonb_build_object('nodeId', n.node_id, 'item', n.item, 'status', n.status, 'attempt', n.attempt, 'ports', n.ports,
                                                'output', coalesce(n.output, o.body), 'failure', n.failure, 'attempts', n.attempts,
                                                'startedAt', n.started_at, 'resumeAt', n.resume_at, 'reason', n.reason, 'child', CASE WHEN n.reason = 'CHILD' THEN
                                                  (SELECT jsonb_build_object('executionId', c.id, 'status', c.status, 'results', coalesce(c.output, r.body) -> 'results',
                                                                             'errorCode', c.error_code, 'errorMessage', c.error_message)
                                                   FROM executions c LEFT JOIN payloads r ON r.tenant_id = p_tenant AND r.id = c.output_ref
                                                   WHERE c.tenant_id = p_tenant AND c.parent_execution_id = e.id AND c.parent_node_id = n.node_id AND c.parent_item = n.item
                                                     AND c.completed_at IS NOT NULL) END) ORDER BY n.position, n.item)
            FROM node_executions n LEFT JOIN payloads o ON o.tenant_id = p_tenant AND o.id = n.output_ref
            WHERE n.tenant_id = p_tenant AND n.execution_id = e.id) END
  FROM executions e LEFT JOIN payloads i ON i.tenant_id = p_tenant AND i.id = e.input_ref
  WHERE e.tenant_id = p_tenant AND e.id = ANY (v_claimed)
  ORDER BY e.queued_at, e.id;
  RETURN QUERY
  SELECT x.id, CASE WHEN x.id = ANY (v_blocked) THEN 'blocked' WHEN x.id = ANY (v_parked) THEN 'parked' WHEN x.id = ANY (v_starved) THEN 'starved' ELSE 'skipped' END,
         v_reasons[array_position(v_blocked, x.id)], NULL::int, NULL::uuid, NULL::uuid, NULL::text, NULL::jsonb, NULL::timestamptz, NULL::timestamptz, NULL::timestamptz, false, NULL::jsonb
  FROM unnest(p_ids) AS x(id) WHERE x.id <> ALL (v_claimed);
END $$;
REVOKE ALL ON FUNCTION fluxo_claim(uuid, uuid[], text, int, jsonb, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_claim(uuid, uuid[], text, int, jsonb, text) TO fluxo_app;
