-- fluxo_responses(rows, bytes): what callers that wait for their executions may be answered by now.
-- In:   a JSON array of { idx, tenantId, executionId, mode: lastNode | respondNode }; bytes: how large results may be, as text.
-- Out:  one row per element that has an answer, none for the others: the output of the first respond node (mode respondNode), or how the execution
--       ended: status and error code, and in the mode lastNode the results, unless they are too large.
CREATE OR REPLACE FUNCTION fluxo_responses(p_rows jsonb, p_bytes_max int)
RETURNS TABLE (idx int, status text, error_code text, answer jsonb, results jsonb, is_too_large boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_tenant uuid;
BEGIN
  FOR v_tenant IN SELECT DISTINCT (r ->> 'tenantId')::uuid FROM jsonb_array_elements(p_rows) r ORDER BY 1 LOOP
    PERFORM set_config('app.tenant_id', v_tenant::text, true);
    RETURN QUERY
    SELECT g."idx", e.status, e.error_code, a.output, CASE WHEN octet_length(r.results::text) <= p_bytes_max THEN r.results END,
           coalesce(octet_length(r.results::text) > p_bytes_max OR r.is_cut, false)
    FROM jsonb_to_recordset(p_rows) AS g("idx" int, "tenantId" uuid, "executionId" uuid, "mode" text)
    JOIN executions e ON e.tenant_id = v_tenant AND e.id = g."executionId"
    LEFT JOIN LATERAL (
      SELECT coalesce(n.output, p.body) AS output
      FROM node_executions n LEFT JOIN payloads p ON p.tenant_id = v_tenant AND p.id = n.output_ref
      WHERE g."mode" = 'respondNode' AND n.tenant_id = v_tenant AND n.execution_id = e.id AND n.node_type = 'respond' AND n.status = 'SUCCESS'
      ORDER BY n.completed_at, n.position LIMIT 1) a ON true
    LEFT JOIN LATERAL (
      SELECT o.body -> 'results' AS results, o.body ? 'omitted' AS is_cut
      FROM (SELECT coalesce(e.output, (SELECT p.body FROM payloads p WHERE p.tenant_id = v_tenant AND p.id = e.output_ref)) AS body) o
      WHERE g."mode" = 'lastNode' AND e.status = 'SUCCESS') r ON true
    WHERE g."tenantId" = v_tenant AND (a.output IS NOT NULL OR e.status IN ('SUCCESS', 'FAILED', 'BLOCKED', 'CANCELED'));
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION fluxo_responses(jsonb, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_responses(jsonb, int) TO fluxo_app;
