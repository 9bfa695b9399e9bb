-- Resolution of random tokens to their tenant: the only reads that cross tenants on behalf of the tenant role.
-- SECURITY DEFINER as fluxo_system, whose policies cover just the tables named here.
CREATE OR REPLACE FUNCTION fluxo_resolve_hook(p_token text)
RETURNS TABLE (tenant_id uuid, trigger_id uuid, workflow_id uuid, config jsonb, sealed_secret bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  SELECT t.tenant_id, t.id, t.workflow_id, t.config, t.sealed_secret
  FROM triggers t JOIN workflows w ON w.tenant_id = t.tenant_id AND w.id = t.workflow_id
  WHERE t.hook_token = p_token AND t.is_enabled AND t.kind = 'webhook' AND w.published_version_id IS NOT NULL
$$;
ALTER FUNCTION fluxo_resolve_hook(text) OWNER TO fluxo_system;
REVOKE ALL ON FUNCTION fluxo_resolve_hook(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_resolve_hook(text) TO fluxo_app;

CREATE OR REPLACE FUNCTION fluxo_resolve_api_key(p_id uuid)
RETURNS TABLE (id uuid, agency_id uuid, tenant_id uuid, secret_hash bytea, scopes text[], expires_at timestamptz, revoked_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  SELECT k.id, k.agency_id, k.tenant_id, k.secret_hash, k.scopes, k.expires_at, k.revoked_at FROM api_keys k WHERE k.id = p_id
$$;
ALTER FUNCTION fluxo_resolve_api_key(uuid) OWNER TO fluxo_system;
REVOKE ALL ON FUNCTION fluxo_resolve_api_key(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_resolve_api_key(uuid) TO fluxo_app;
