-- The frame of a request to the admin API that changes something. It is one transaction: fluxo_request at its begin, the handler's statements, the answer at its end.

-- fluxo_request(context, actor, resource, claim): names the context of the audit log, waits for other requests about the same resource, and claims the idempotency key.
-- In:   resource: what requests take turns about; null for none. claim: {subjectId, operation, key, fingerprint}; null for none.
-- Out:  NEW: go on. REPEATED: the answer that the key has. REUSED: the key belongs to another request. OFFBOARDING: the tenant of the context can be read only; who looked at it before may have been too early.
-- Who waits longer than 10 s gets lock_not_available. Of two requests with one key, the second waits for the first: it repeats its answer, or is the first when that one is undone.
CREATE OR REPLACE FUNCTION fluxo_request(p_context jsonb, p_actor text, p_resource text, p_claim jsonb)
RETURNS TABLE (outcome text, sealed_answer bytea)
LANGUAGE plpgsql SET lock_timeout = '10s' AS $$
#variable_conflict use_column
DECLARE
  v_known idempotent_answers%ROWTYPE;
BEGIN
  PERFORM set_config('app.audit', p_context::text, true), set_config('app.actor_id', p_actor, true);
  IF p_resource IS NOT NULL THEN
    PERFORM pg_advisory_xact_lock(hashtextextended(p_resource, 0));
  END IF;
  IF p_context ->> 'tenantId' IS NOT NULL THEN
    PERFORM set_config('app.tenant_id', p_context ->> 'tenantId', true);
    IF EXISTS (SELECT FROM tenants t WHERE t.id = (p_context ->> 'tenantId')::uuid AND t.status = 'OFFBOARDING') THEN
      RETURN QUERY SELECT 'OFFBOARDING', NULL::bytea;
      RETURN;
    END IF;
  END IF;
  IF p_claim IS NOT NULL THEN
    INSERT INTO idempotent_answers AS a (actor_id, subject_id, operation, key, fingerprint, expires_at)
    VALUES (p_actor, (p_claim ->> 'subjectId')::uuid, p_claim ->> 'operation', p_claim ->> 'key', p_claim ->> 'fingerprint', clock_timestamp() + interval '24 hours')
    ON CONFLICT (actor_id, subject_id, operation, key) DO UPDATE
    SET fingerprint = excluded.fingerprint, sealed_answer = NULL, expires_at = excluded.expires_at
    WHERE a.expires_at <= clock_timestamp();
    IF NOT FOUND THEN
      SELECT * INTO v_known FROM idempotent_answers a
      WHERE a.actor_id = p_actor AND a.subject_id = (p_claim ->> 'subjectId')::uuid AND a.operation = p_claim ->> 'operation' AND a.key = p_claim ->> 'key';
      RETURN QUERY SELECT CASE WHEN v_known.fingerprint = p_claim ->> 'fingerprint' THEN 'REPEATED' ELSE 'REUSED' END, v_known.sealed_answer;
      RETURN;
    END IF;
  END IF;
  RETURN QUERY SELECT 'NEW', NULL::bytea;
END $$;
REVOKE ALL ON FUNCTION fluxo_request(jsonb, text, text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_request(jsonb, text, text, jsonb) TO fluxo_app;

-- fluxo_forget_answers(limit): deletes answers whose time is over, at most `limit`. Out: how many.
CREATE OR REPLACE FUNCTION fluxo_forget_answers(p_limit int)
RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
  v_count int;
BEGIN
  DELETE FROM idempotent_answers WHERE ctid = ANY (ARRAY(SELECT a.ctid FROM idempotent_answers a WHERE a.expires_at < clock_timestamp() LIMIT p_limit)) AND expires_at < clock_timestamp();
  GET DIAGNOSTICS v_count = ROW_COUNT;
  RETURN v_count;
END $$;
REVOKE ALL ON FUNCTION fluxo_forget_answers(int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_forget_answers(int) TO fluxo_system;
