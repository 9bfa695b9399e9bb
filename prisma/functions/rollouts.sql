-- fluxo_rollout_claim(owner, lease, limit): leases rollouts that are due, one per agency, those first that wait the longest.
CREATE OR REPLACE FUNCTION fluxo_rollout_claim(p_owner text, p_lease_ms int, p_limit int)
RETURNS TABLE (agency_id uuid, id uuid, epoch int)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz := clock_timestamp();
BEGIN
  RETURN QUERY
  WITH turn AS (
    SELECT DISTINCT ON (r.agency_id) r.agency_id, r.id, r.next_at FROM template_rollouts r
    WHERE r.status = 'RUNNING' AND r.next_at <= v_now AND (r.lease_until IS NULL OR r.lease_until < v_now)
    ORDER BY r.agency_id, r.next_at, r.id
  ), next AS (
    SELECT r.agency_id, r.id FROM template_rollouts r JOIN turn t ON t.agency_id = r.agency_id AND t.id = r.id
    WHERE r.status = 'RUNNING' AND (r.lease_until IS NULL OR r.lease_until < v_now)
    ORDER BY t.next_at, r.agency_id LIMIT p_limit FOR UPDATE OF r SKIP LOCKED
  )
  UPDATE template_rollouts r SET lease_owner = p_owner, lease_until = clock_timestamp() + make_interval(secs => p_lease_ms / 1000.0), lease_epoch = r.lease_epoch + 1
  FROM next n WHERE r.agency_id = n.agency_id AND r.id = n.id
  RETURNING r.agency_id, r.id, r.lease_epoch;
END $$;
REVOKE ALL ON FUNCTION fluxo_rollout_claim(text, int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_rollout_claim(text, int, int) TO fluxo_system;
