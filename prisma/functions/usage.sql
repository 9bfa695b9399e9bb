-- fluxo_add_usage(left, right): what the attempts of one node used together (as in core's JournalUsage): numbers add up, a cost that is not known stays unknown.
CREATE OR REPLACE FUNCTION fluxo_add_usage(p_left jsonb, p_right jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN p_left IS NULL THEN p_right WHEN p_right IS NULL THEN p_left
              ELSE p_left || p_right || (SELECT coalesce(jsonb_object_agg(k, (p_left ->> k)::bigint + (p_right ->> k)::bigint), '{}')
                                         FROM unnest(ARRAY['inputTokens', 'outputTokens', 'costMicros', 'egressBytes']) AS k WHERE p_left ? k AND p_right ? k) END
$$;
REVOKE ALL ON FUNCTION fluxo_add_usage(jsonb, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_add_usage(jsonb, jsonb) TO fluxo_app;

-- fluxo_usage_roll(limit): adds about `limit` usage events to the sums by hour and by day, and moves the mark, in one transaction: each event counts once.
-- Out: how many events it added, whether more are ready, and when the oldest event that is left occurred.
-- An event becomes visible at its commit, whose order is neither that of ids nor that of times. So the mark is a transaction number: everything below the oldest
-- transaction that still runs has ended, and nothing can become visible there any more. A transaction that stays open holds the roll-up back, and nothing is skipped.
-- Numbers belong to a cluster. In one that was restored from a dump they begin again below the mark; there the ids tell apart: what was restored has an id up to the
-- new floor, what is written since is above it, because the sequence was restored with the rows.
DROP FUNCTION IF EXISTS fluxo_usage_roll(int); -- CREATE OR REPLACE changes no result type
CREATE FUNCTION fluxo_usage_roll(p_limit int)
RETURNS TABLE (events int, has_more boolean, oldest_at timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_mark usage_mark;
  v_snapshot txid_snapshot;
  v_xmin bigint;
  v_upto bigint;
  v_floor bigint;
  v_is_restored boolean;
  v_events int;
  v_id_max bigint;
BEGIN
  SELECT * INTO STRICT v_mark FROM usage_mark FOR UPDATE;
  v_snapshot := txid_current_snapshot();
  v_xmin := txid_snapshot_xmin(v_snapshot);
  v_is_restored := v_mark.upto > txid_snapshot_xmax(v_snapshot);
  v_floor := v_mark.floor_id;
  v_upto := v_xmin;
  IF v_is_restored THEN
    SELECT greatest(v_mark.id_max, coalesce(max(e.id), 0)) INTO v_floor FROM usage_events e WHERE e.txid >= txid_snapshot_xmax(v_snapshot);
  ELSE
    SELECT greatest(e.txid, v_mark.upto + 1) INTO v_upto FROM usage_events e
    WHERE e.txid >= v_mark.upto AND e.txid < v_xmin ORDER BY e.txid OFFSET p_limit LIMIT 1;
    v_upto := coalesce(v_upto, v_xmin);
  END IF;

  WITH due AS MATERIALIZED (
    SELECT e.*, t.time_zone FROM usage_events e LEFT JOIN tenants t ON t.id = e.tenant_id
    WHERE e.txid >= CASE WHEN v_is_restored THEN 0 ELSE v_mark.upto END AND e.txid < CASE WHEN v_is_restored THEN 9223372036854775807 ELSE v_upto END
      AND CASE WHEN v_is_restored THEN (e.txid >= v_mark.upto OR e.id > v_mark.id_max) AND (e.id <= v_floor OR e.txid < v_xmin) ELSE e.id > v_floor END
  ), hours AS (
    INSERT INTO usage_hours AS u
    SELECT d.tenant_id, date_trunc('hour', d.occurred_at, 'UTC'), coalesce(d.workflow_id, '00000000-0000-0000-0000-000000000000'), d.node_type, d.integration, d.model,
           sum(d.executions), sum(d.node_executions), sum(d.ai_input_tokens), sum(d.ai_output_tokens), sum(d.ai_unpriced_tokens), sum(d.ai_cost_micros), sum(d.egress_bytes), sum(d.storage_bytes)
    FROM due d WHERE d.time_zone IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6
    ON CONFLICT (tenant_id, hour, workflow_id, node_type, integration, model) DO UPDATE
    SET executions = u.executions + excluded.executions, node_executions = u.node_executions + excluded.node_executions,
        ai_input_tokens = u.ai_input_tokens + excluded.ai_input_tokens, ai_output_tokens = u.ai_output_tokens + excluded.ai_output_tokens,
        ai_unpriced_tokens = u.ai_unpriced_tokens + excluded.ai_unpriced_tokens, ai_cost_micros = u.ai_cost_micros + excluded.ai_cost_micros,
        egress_bytes = u.egress_bytes + excluded.egress_bytes, storage_bytes = u.storage_bytes + excluded.storage_bytes
  ), days AS (
    INSERT INTO usage_days AS u
    SELECT d.tenant_id, (d.occurred_at AT TIME ZONE d.time_zone)::date, coalesce(d.workflow_id, '00000000-0000-0000-0000-000000000000'), d.node_type, d.integration, d.model,
           sum(d.executions), sum(d.node_executions), sum(d.ai_input_tokens), sum(d.ai_output_tokens), sum(d.ai_unpriced_tokens), sum(d.ai_cost_micros), sum(d.egress_bytes), sum(d.storage_bytes)
    FROM due d WHERE d.time_zone IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6
    ON CONFLICT (tenant_id, day, workflow_id, node_type, integration, model) DO UPDATE
    SET executions = u.executions + excluded.executions, node_executions = u.node_executions + excluded.node_executions,
        ai_input_tokens = u.ai_input_tokens + excluded.ai_input_tokens, ai_output_tokens = u.ai_output_tokens + excluded.ai_output_tokens,
        ai_unpriced_tokens = u.ai_unpriced_tokens + excluded.ai_unpriced_tokens, ai_cost_micros = u.ai_cost_micros + excluded.ai_cost_micros,
        egress_bytes = u.egress_bytes + excluded.egress_bytes, storage_bytes = u.storage_bytes + excluded.storage_bytes
  )
  SELECT count(*), max(d.id) INTO v_events, v_id_max FROM due d;

  UPDATE usage_mark SET upto = v_upto, floor_id = v_floor, id_max = greatest(v_mark.id_max, v_id_max), rolled_at = clock_timestamp();
  RETURN QUERY SELECT v_events, v_upto < v_xmin, (SELECT min(e.occurred_at) FROM usage_events e WHERE e.txid >= v_upto AND e.id > v_floor);
END $$;
REVOKE ALL ON FUNCTION fluxo_usage_roll(int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_usage_roll(int) TO fluxo_system;

-- fluxo_usage_differences(from, to): where usage does not balance, of the tenants that the role sees; no rows when all of it does. One statement, so one snapshot.
-- Between `from` and `to`, two full hours of UTC:  executions and journal against the events (executions, nodeExecutions, aiInputTokens, aiOutputTokens, aiCostMicros,
-- egressBytes), and the events that are rolled up against the sums by hour (rolled…). Of all time: kept files against events (storageBytes), hours against days (days…).
CREATE OR REPLACE FUNCTION fluxo_usage_differences(p_from timestamptz, p_to timestamptz)
RETURNS TABLE (tenant_id uuid, measure text, subject text, expected bigint, metered bigint)
LANGUAGE sql STABLE AS $$
  WITH mark AS (
    SELECT upto, floor_id FROM usage_mark
  ), events AS MATERIALIZED (
    SELECT e.*, e.txid < m.upto OR e.id <= m.floor_id AS is_rolled FROM usage_events e CROSS JOIN mark m WHERE e.occurred_at >= p_from AND e.occurred_at < p_to
  ), ended AS (
    SELECT e.tenant_id, e.workflow_id, count(*) AS executions FROM executions e
    WHERE e.completed_at >= p_from AND e.completed_at < p_to AND e.started_at IS NOT NULL AND e.status <> 'BLOCKED' GROUP BY 1, 2
  ), ended_nodes AS (
    SELECT n.tenant_id, n.node_type, n.integration, n.usage, 1 AS node_executions FROM node_executions n
    WHERE n.completed_at >= p_from AND n.completed_at < p_to AND n.status IN ('SUCCESS', 'FAILED') AND NOT n.is_seeded
    UNION ALL
    SELECT n.tenant_id, n.node_type, n.integration, n.usage, 0 FROM executions e JOIN node_executions n ON n.tenant_id = e.tenant_id AND n.execution_id = e.id
    WHERE e.completed_at >= p_from AND e.completed_at < p_to AND e.status IN ('FAILED', 'CANCELED') AND n.status IN ('RUNNING', 'WAITING') AND n.usage IS NOT NULL AND NOT n.is_seeded
  ), nodes AS (
    SELECT n.tenant_id, concat_ws(' ', n.node_type, n.integration, n.usage ->> 'model') AS subject, sum(n.node_executions) AS node_executions, coalesce(sum((n.usage ->> 'inputTokens')::bigint), 0) AS ai_input_tokens,
           coalesce(sum((n.usage ->> 'outputTokens')::bigint), 0) AS ai_output_tokens, coalesce(sum((n.usage ->> 'costMicros')::bigint), 0) AS ai_cost_micros,
           coalesce(sum((n.usage ->> 'egressBytes')::bigint), 0) AS egress_bytes
    FROM ended_nodes n GROUP BY 1, 2
  ), metered_nodes AS (
    SELECT e.tenant_id, concat_ws(' ', e.node_type, nullif(e.integration, ''), nullif(e.model, '')) AS subject, sum(e.node_executions) AS node_executions, sum(e.ai_input_tokens) AS ai_input_tokens,
           sum(e.ai_output_tokens) AS ai_output_tokens, sum(e.ai_cost_micros) AS ai_cost_micros, sum(e.egress_bytes) AS egress_bytes
    FROM events e WHERE e.node_type <> '' GROUP BY 1, 2
  ), rolled AS (
    SELECT e.tenant_id, sum(e.executions) AS executions, sum(e.node_executions) AS node_executions, sum(e.ai_input_tokens + e.ai_output_tokens) AS tokens, sum(e.ai_cost_micros) AS cost,
           sum(e.egress_bytes) AS egress, sum(e.storage_bytes) AS storage
    FROM events e WHERE e.is_rolled GROUP BY 1
  ), hours AS (
    SELECT h.tenant_id, sum(h.executions) AS executions, sum(h.node_executions) AS node_executions, sum(h.ai_input_tokens + h.ai_output_tokens) AS tokens, sum(h.ai_cost_micros) AS cost,
           sum(h.egress_bytes) AS egress, sum(h.storage_bytes) AS storage
    FROM usage_hours h WHERE h.hour >= p_from AND h.hour < p_to GROUP BY 1
  ), all_hours AS (
    SELECT h.tenant_id, sum(h.executions) AS executions, sum(h.node_executions) AS node_executions, sum(h.ai_input_tokens + h.ai_output_tokens) AS tokens, sum(h.ai_cost_micros) AS cost,
           sum(h.egress_bytes) AS egress, sum(h.storage_bytes) AS storage
    FROM usage_hours h GROUP BY 1
  ), all_days AS (
    SELECT d.tenant_id, sum(d.executions) AS executions, sum(d.node_executions) AS node_executions, sum(d.ai_input_tokens + d.ai_output_tokens) AS tokens, sum(d.ai_cost_micros) AS cost,
           sum(d.egress_bytes) AS egress, sum(d.storage_bytes) AS storage
    FROM usage_days d GROUP BY 1
  ), unrolled AS (
    SELECT e.tenant_id, sum(e.storage_bytes) AS storage FROM usage_events e CROSS JOIN mark m WHERE e.txid >= m.upto AND e.id > m.floor_id GROUP BY 1
  ), kept AS (
    SELECT f.tenant_id, sum(f.bytes) AS bytes FROM files f WHERE f.execution_id IS NOT NULL GROUP BY 1
  ), pairs AS (
    SELECT coalesce(t.tenant_id, m.tenant_id) AS tenant_id, 'executions' AS measure, coalesce(t.workflow_id, m.workflow_id)::text AS subject, t.executions AS expected, m.executions AS metered
    FROM ended t FULL JOIN (SELECT e.tenant_id, e.workflow_id, sum(e.executions) AS executions FROM events e WHERE e.executions > 0 GROUP BY 1, 2) m ON m.tenant_id = t.tenant_id AND m.workflow_id = t.workflow_id
    UNION ALL
    SELECT coalesce(t.tenant_id, m.tenant_id), x.measure, coalesce(t.subject, m.subject), x.expected, x.metered
    FROM nodes t FULL JOIN metered_nodes m ON m.tenant_id = t.tenant_id AND m.subject = t.subject
    CROSS JOIN LATERAL (VALUES ('nodeExecutions', t.node_executions, m.node_executions), ('aiInputTokens', t.ai_input_tokens, m.ai_input_tokens), ('aiOutputTokens', t.ai_output_tokens, m.ai_output_tokens),
                               ('aiCostMicros', t.ai_cost_micros, m.ai_cost_micros), ('egressBytes', t.egress_bytes, m.egress_bytes)) AS x(measure, expected, metered)
    UNION ALL
    SELECT coalesce(t.tenant_id, m.tenant_id), x.measure, '', x.expected, x.metered FROM rolled t FULL JOIN hours m ON m.tenant_id = t.tenant_id
    CROSS JOIN LATERAL (VALUES ('rolledExecutions', t.executions, m.executions), ('rolledNodeExecutions', t.node_executions, m.node_executions), ('rolledAiTokens', t.tokens, m.tokens),
                               ('rolledAiCostMicros', t.cost, m.cost), ('rolledEgressBytes', t.egress, m.egress), ('rolledStorageBytes', t.storage, m.storage)) AS x(measure, expected, metered)
    UNION ALL
    SELECT coalesce(t.tenant_id, m.tenant_id), x.measure, '', x.expected, x.metered FROM all_hours t FULL JOIN all_days m ON m.tenant_id = t.tenant_id
    CROSS JOIN LATERAL (VALUES ('daysExecutions', t.executions, m.executions), ('daysNodeExecutions', t.node_executions, m.node_executions), ('daysAiTokens', t.tokens, m.tokens),
                               ('daysAiCostMicros', t.cost, m.cost), ('daysEgressBytes', t.egress, m.egress), ('daysStorageBytes', t.storage, m.storage)) AS x(measure, expected, metered)
    UNION ALL
    SELECT coalesce(k.tenant_id, s.tenant_id), 'storageBytes', '', k.bytes, s.bytes
    FROM kept k FULL JOIN (SELECT x.tenant_id, sum(x.storage) AS bytes FROM (SELECT tenant_id, storage FROM all_days UNION ALL SELECT tenant_id, storage FROM unrolled) x GROUP BY 1) s ON s.tenant_id = k.tenant_id
  )
  SELECT p.tenant_id, p.measure, p.subject, coalesce(p.expected, 0)::bigint, coalesce(p.metered, 0)::bigint FROM pairs p WHERE coalesce(p.expected, 0) <> coalesce(p.metered, 0) ORDER BY 1, 2, 3
$$;
REVOKE ALL ON FUNCTION fluxo_usage_differences(timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_usage_differences(timestamptz, timestamptz) TO fluxo_app, fluxo_system;
