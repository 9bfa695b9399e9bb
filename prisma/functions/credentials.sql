-- fluxo_credential_read(tenant, credential): a credential with all that opening it takes: the sealed secrets with their data key, and the access token
-- with its own. token_is_valid: by the database's clock, and had with the fields that the credential has now.
CREATE OR REPLACE FUNCTION fluxo_credential_read(p_tenant uuid, p_credential uuid)
RETURNS TABLE (id uuid, kind text, fields jsonb, sealed_secrets bytea, secret_version int, grant_version int, health text, health_message text,
               key_version int, root_key_id text, wrapped bytea,
               sealed_token bytea, token_version int, token_is_valid boolean, token_key_version int, token_root_key_id text, token_wrapped bytea)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  RETURN QUERY
  SELECT c.id, c.kind, c.fields, c.sealed_secrets, c.secret_version, c.grant_version, c.health, c.health_message, k.version, k.root_key_id, k.wrapped,
         t.sealed_token, t.token_version, coalesce(t.grant_version = c.grant_version AND t.expires_at > clock_timestamp(), false), tk.version, tk.root_key_id, tk.wrapped
  FROM credentials c
  JOIN tenant_keys k ON k.tenant_id = c.tenant_id AND k.version = c.key_version
  LEFT JOIN credential_tokens t ON t.tenant_id = c.tenant_id AND t.credential_id = c.id
  LEFT JOIN tenant_keys tk ON tk.tenant_id = t.tenant_id AND tk.version = t.key_version
  WHERE c.tenant_id = p_tenant AND c.id = p_credential;
END $$;
REVOKE ALL ON FUNCTION fluxo_credential_read(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_credential_read(uuid, uuid) TO fluxo_app;

-- fluxo_credential_open(tenant, execution, node, credential): the same for a node of an execution: only what the published version declares for this
-- node, whatever the caller asks for. Notes the use, at most once a minute; a row that somebody changes right now goes without.
CREATE OR REPLACE FUNCTION fluxo_credential_open(p_tenant uuid, p_execution uuid, p_node text, p_credential uuid)
RETURNS TABLE (id uuid, kind text, fields jsonb, sealed_secrets bytea, secret_version int, grant_version int, health text, health_message text,
               key_version int, root_key_id text, wrapped bytea,
               sealed_token bytea, token_version int, token_is_valid boolean, token_key_version int, token_root_key_id text, token_wrapped bytea)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  IF NOT EXISTS (
    SELECT FROM executions e JOIN workflow_version_credentials v ON v.tenant_id = e.tenant_id AND v.version_id = e.version_id
    WHERE e.tenant_id = p_tenant AND e.id = p_execution AND v.node_id = p_node AND v.credential_id = p_credential) THEN
    RETURN;
  END IF;
  UPDATE credentials c SET last_used_at = clock_timestamp()
  WHERE c.tenant_id = p_tenant AND c.id IN (
    SELECT d.id FROM credentials d
    WHERE d.tenant_id = p_tenant AND d.id = p_credential AND (d.last_used_at IS NULL OR d.last_used_at < clock_timestamp() - interval '1 minute')
    FOR NO KEY UPDATE SKIP LOCKED);
  RETURN QUERY SELECT * FROM fluxo_credential_read(p_tenant, p_credential);
END $$;
REVOKE ALL ON FUNCTION fluxo_credential_open(uuid, uuid, text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_credential_open(uuid, uuid, text, uuid) TO fluxo_app;

-- fluxo_credential_lease(tenant, credential, owner, lease): the right to ask the provider for a token, to one pod at a time. Time: the database's clock.
-- Out: one row, or none when the credential is gone.
--   leased   with the epoch that fences the write; grant_version and secret_version as they are under the lease: what was read before may be older
--   fresh    there is a valid token by now
--   busy     another pod asks; wait_ms until its lease ends at the latest
--   resting  the provider failed a moment ago; wait_ms until it may be asked again
--   broken   the provider refused for good; until somebody changes the credential
CREATE OR REPLACE FUNCTION fluxo_credential_lease(p_tenant uuid, p_credential uuid, p_owner text, p_lease_ms int, p_force boolean)
RETURNS TABLE (outcome text, epoch int, grant_version int, secret_version int, wait_ms int)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz;
  c record;
  t record;
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  INSERT INTO credential_tokens (tenant_id, credential_id)
  SELECT d.tenant_id, d.id FROM credentials d WHERE d.tenant_id = p_tenant AND d.id = p_credential ON CONFLICT DO NOTHING;
  -- The credential first, as everywhere that locks both.
  SELECT * INTO c FROM credentials d WHERE d.tenant_id = p_tenant AND d.id = p_credential FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  SELECT * INTO t FROM credential_tokens d WHERE d.tenant_id = p_tenant AND d.credential_id = p_credential FOR UPDATE;
  v_now := clock_timestamp();
  IF NOT p_force AND c.health = 'BROKEN' THEN
    RETURN QUERY SELECT 'broken', t.lease_epoch, c.grant_version, c.secret_version, 0;
  ELSIF NOT p_force AND t.grant_version = c.grant_version AND t.expires_at > v_now THEN
    RETURN QUERY SELECT 'fresh', t.lease_epoch, c.grant_version, c.secret_version, 0;
  ELSIF t.lease_until > v_now THEN
    RETURN QUERY SELECT 'busy', t.lease_epoch, c.grant_version, c.secret_version, ceil(extract(epoch FROM t.lease_until - v_now) * 1000)::int;
  ELSIF NOT p_force AND t.retry_at > v_now THEN
    RETURN QUERY SELECT 'resting', t.lease_epoch, c.grant_version, c.secret_version, ceil(extract(epoch FROM t.retry_at - v_now) * 1000)::int;
  ELSE
    UPDATE credential_tokens d SET lease_owner = p_owner, lease_until = v_now + make_interval(secs => p_lease_ms / 1000.0), lease_epoch = d.lease_epoch + 1
    WHERE d.tenant_id = p_tenant AND d.credential_id = p_credential;
    RETURN QUERY SELECT 'leased', t.lease_epoch + 1, c.grant_version, c.secret_version, 0;
  END IF;
END $$;
REVOKE ALL ON FUNCTION fluxo_credential_lease(uuid, uuid, text, int, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_credential_lease(uuid, uuid, text, int, boolean) TO fluxo_app;

-- fluxo_credential_renewed(tenant, credential, epoch, renewed): keeps what the provider gave, and ends the lease.
-- renewed: { grantVersion, sealedToken, tokenVersion, keyVersion, expiresInMs, secrets?: { sealed, version, from } } with bytes in base64. `secrets` are
-- the credential's own, with a rotated refresh token; `from` is the secret_version that they were made out of.
-- Out: stored; fenced: another pod leased it since; changed: the secrets have another version by now: open them again and merge. The token is fenced by
-- the epoch, the secrets by their own version: a rotated refresh token that came late is kept as long as nobody else wrote one.
CREATE OR REPLACE FUNCTION fluxo_credential_renewed(p_tenant uuid, p_credential uuid, p_epoch int, p_renewed jsonb)
RETURNS text
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_secrets jsonb := p_renewed -> 'secrets';
  c record;
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  SELECT * INTO c FROM credentials d WHERE d.tenant_id = p_tenant AND d.id = p_credential FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN 'fenced';
  END IF;
  IF v_secrets IS NOT NULL AND (v_secrets ->> 'from')::int <> c.secret_version THEN
    RETURN 'changed';
  END IF;
  UPDATE credentials d
  SET health = CASE WHEN d.grant_version = (p_renewed ->> 'grantVersion')::int THEN 'HEALTHY' ELSE d.health END,
      health_message = CASE WHEN d.grant_version = (p_renewed ->> 'grantVersion')::int THEN NULL ELSE d.health_message END, health_at = clock_timestamp(),
      sealed_secrets = CASE WHEN v_secrets IS NULL THEN d.sealed_secrets ELSE decode(v_secrets ->> 'sealed', 'base64') END,
      secret_version = CASE WHEN v_secrets IS NULL THEN d.secret_version ELSE (v_secrets ->> 'version')::int END,
      key_version = CASE WHEN v_secrets IS NULL THEN d.key_version ELSE (p_renewed ->> 'keyVersion')::int END
  WHERE d.tenant_id = p_tenant AND d.id = p_credential;
  UPDATE credential_tokens d
  SET sealed_token = decode(p_renewed ->> 'sealedToken', 'base64'), token_version = (p_renewed ->> 'tokenVersion')::int, key_version = (p_renewed ->> 'keyVersion')::int,
      grant_version = (p_renewed ->> 'grantVersion')::int, expires_at = clock_timestamp() + make_interval(secs => (p_renewed ->> 'expiresInMs')::float8 / 1000.0),
      lease_owner = NULL, lease_until = NULL, retry_at = NULL
  WHERE d.tenant_id = p_tenant AND d.credential_id = p_credential AND d.lease_epoch = p_epoch;
  RETURN CASE WHEN FOUND THEN 'stored' ELSE 'fenced' END;
END $$;
REVOKE ALL ON FUNCTION fluxo_credential_renewed(uuid, uuid, int, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_credential_renewed(uuid, uuid, int, jsonb) TO fluxo_app;

-- fluxo_credential_refused(tenant, credential, epoch, grant version, message, rest): ends the lease without a token. With a message the provider refused
-- for good: the credential is broken, unless its fields changed meanwhile. Otherwise nobody asks again for `rest` milliseconds.
CREATE OR REPLACE FUNCTION fluxo_credential_refused(p_tenant uuid, p_credential uuid, p_epoch int, p_grant_version int, p_message text, p_rest_ms int)
RETURNS boolean
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  PERFORM 1 FROM credentials d WHERE d.tenant_id = p_tenant AND d.id = p_credential FOR NO KEY UPDATE;
  UPDATE credential_tokens d SET lease_owner = NULL, lease_until = NULL, retry_at = clock_timestamp() + make_interval(secs => p_rest_ms / 1000.0)
  WHERE d.tenant_id = p_tenant AND d.credential_id = p_credential AND d.lease_epoch = p_epoch;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  IF p_message IS NOT NULL THEN
    UPDATE credentials d SET health = 'BROKEN', health_message = p_message, health_at = clock_timestamp()
    WHERE d.tenant_id = p_tenant AND d.id = p_credential AND d.grant_version = p_grant_version;
  END IF;
  RETURN true;
END $$;
REVOKE ALL ON FUNCTION fluxo_credential_refused(uuid, uuid, int, int, text, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_credential_refused(uuid, uuid, int, int, text, int) TO fluxo_app;

-- fluxo_tenant_keys_stale(root key, limit): data keys that another root key wrapped, for all tenants.
CREATE OR REPLACE FUNCTION fluxo_tenant_keys_stale(p_root_key_id text, p_limit int)
RETURNS TABLE (tenant_id uuid, version int, root_key_id text, wrapped bytea)
LANGUAGE sql AS $$
  SELECT k.tenant_id, k.version, k.root_key_id, k.wrapped FROM tenant_keys k
  WHERE k.root_key_id < p_root_key_id OR k.root_key_id > p_root_key_id
  ORDER BY k.root_key_id, k.tenant_id, k.version LIMIT p_limit
$$;
REVOKE ALL ON FUNCTION fluxo_tenant_keys_stale(text, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_tenant_keys_stale(text, int) TO fluxo_system;
