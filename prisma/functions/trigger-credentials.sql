-- fluxo_credential_for_trigger(tenant, trigger, credential): a credential with all that opening it takes, for the dispatcher of a trigger: only what the trigger's
-- own parameters name and the workflow's published version declares. Notes the use, at most once a minute.
-- A credential that a server refused stays closed (health BROKEN), but for one trigger an hour: that one gets it as UNKNOWN, to try whether the server
-- takes it by now. One of the kind oauth2 has its own rule: its provider is asked again when somebody changed it.
CREATE OR REPLACE FUNCTION fluxo_credential_for_trigger(p_tenant uuid, p_trigger uuid, p_credential uuid)
RETURNS TABLE (id uuid, kind text, fields jsonb, sealed_secrets bytea, secret_version int, grant_version int, health text, health_message text,
               key_version int, root_key_id text, wrapped bytea,
               sealed_token bytea, token_version int, token_is_valid boolean, token_key_version int, token_root_key_id text, token_wrapped bytea)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_is_probe boolean := false;
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  IF NOT EXISTS (
    SELECT FROM triggers t
    JOIN workflows w ON w.tenant_id = t.tenant_id AND w.id = t.workflow_id
    JOIN workflow_version_credentials v ON v.tenant_id = w.tenant_id AND v.version_id = w.published_version_id
    WHERE t.tenant_id = p_tenant AND t.id = p_trigger AND t.config ->> 'credential' = p_credential::text AND v.credential_id = p_credential) THEN
    RETURN;
  END IF;
  UPDATE credentials c
  SET last_used_at = clock_timestamp(),
      health_at = CASE WHEN d.is_probe THEN clock_timestamp() ELSE c.health_at END
  FROM (
    SELECT e.id, e.kind <> 'oauth2' AND e.health = 'BROKEN' AND e.health_at < clock_timestamp() - interval '1 hour' AS is_probe
    FROM credentials e
    WHERE e.tenant_id = p_tenant AND e.id = p_credential
      AND (e.last_used_at IS NULL OR e.last_used_at < clock_timestamp() - interval '1 minute' OR (e.health = 'BROKEN' AND e.health_at < clock_timestamp() - interval '1 hour'))
    FOR NO KEY UPDATE SKIP LOCKED) d
  WHERE c.tenant_id = p_tenant AND c.id = d.id
  RETURNING d.is_probe INTO v_is_probe;
  RETURN QUERY
  SELECT r.id, r.kind, r.fields, r.sealed_secrets, r.secret_version, r.grant_version, CASE WHEN v_is_probe THEN 'UNKNOWN' ELSE r.health END, r.health_message,
         r.key_version, r.root_key_id, r.wrapped, r.sealed_token, r.token_version, r.token_is_valid, r.token_key_version, r.token_root_key_id, r.token_wrapped
  FROM fluxo_credential_read(p_tenant, p_credential) r;
END $$;
REVOKE ALL ON FUNCTION fluxo_credential_for_trigger(uuid, uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_credential_for_trigger(uuid, uuid, uuid) TO fluxo_app;

-- fluxo_credential_tried(tenant, credential, grant version, refusal): what a login with a credential showed: with a refusal it is broken, else healthy.
-- Out: false when its fields changed since it was read, or it is gone: then it says nothing about the credential as it is now.
CREATE OR REPLACE FUNCTION fluxo_credential_tried(p_tenant uuid, p_credential uuid, p_grant_version int, p_refusal text)
RETURNS boolean
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  UPDATE credentials c SET health = CASE WHEN p_refusal IS NULL THEN 'HEALTHY' ELSE 'BROKEN' END, health_message = p_refusal, health_at = clock_timestamp()
  WHERE c.tenant_id = p_tenant AND c.id = p_credential AND c.grant_version = p_grant_version;
  RETURN FOUND;
END $$;
REVOKE ALL ON FUNCTION fluxo_credential_tried(uuid, uuid, int, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_credential_tried(uuid, uuid, int, text) TO fluxo_app;
