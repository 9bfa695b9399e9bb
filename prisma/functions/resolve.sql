-- Resolution of random tokens to their tenant: the only reads that cross tenants on behalf of the tenant role.
-- SECURITY DEFINER as fluxo_system, whose policies cover just the tables named here.
DROP FUNCTION IF EXISTS fluxo_resolve_hook(text); -- CREATE OR REPLACE changes no result type
CREATE FUNCTION fluxo_resolve_hook(p_token text)
RETURNS TABLE (tenant_id uuid, trigger_id uuid, workflow_id uuid, config jsonb, sealed_secret bytea, requests_per_minute int)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  SELECT t.tenant_id, t.id, t.workflow_id, t.config, t.sealed_secret, p.ingress_requests_per_minute
  FROM triggers t JOIN workflows w ON w.tenant_id = t.tenant_id AND w.id = t.workflow_id JOIN tenants te ON te.id = t.tenant_id AND te.status <> 'OFFBOARDING' JOIN plans p ON p.id = te.plan_id
  WHERE t.hook_token = p_token AND t.is_enabled AND t.kind = 'webhook' AND w.published_version_id IS NOT NULL AND w.archived_at IS NULL
$$;
ALTER FUNCTION fluxo_resolve_hook(text) OWNER TO fluxo_system;
REVOKE ALL ON FUNCTION fluxo_resolve_hook(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_resolve_hook(text) TO fluxo_app;

-- fluxo_api_requests_per_minute(tenant): what the plan of a tenant allows; null when there is no such tenant.
CREATE OR REPLACE FUNCTION fluxo_api_requests_per_minute(p_tenant uuid) RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  SELECT p.api_requests_per_minute FROM tenants t JOIN plans p ON p.id = t.plan_id WHERE t.id = p_tenant
$$;
ALTER FUNCTION fluxo_api_requests_per_minute(uuid) OWNER TO fluxo_system;
REVOKE ALL ON FUNCTION fluxo_api_requests_per_minute(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_api_requests_per_minute(uuid) TO fluxo_app;

DROP FUNCTION IF EXISTS fluxo_resolve_api_key(uuid);
DROP FUNCTION IF EXISTS fluxo_resolve_api_keys(uuid[]); -- CREATE OR REPLACE changes no result type
CREATE FUNCTION fluxo_resolve_api_keys(p_ids uuid[])
RETURNS TABLE (id uuid, agency_id uuid, tenant_id uuid, secret_hash bytea, previous_secret_hash bytea, previous_until timestamptz, scopes text[], expires_at timestamptz, revoked_at timestamptz, member_id uuid, is_suspended boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  SELECT k.id, k.agency_id, k.tenant_id, k.secret_hash, k.previous_secret_hash, k.previous_until, k.scopes, k.expires_at, k.revoked_at, k.member_id, coalesce(a.status = 'SUSPENDED', false)
  FROM api_keys k LEFT JOIN agencies a ON a.id = k.agency_id WHERE k.id = ANY (p_ids)
$$;
ALTER FUNCTION fluxo_resolve_api_keys(uuid[]) OWNER TO fluxo_system;
REVOKE ALL ON FUNCTION fluxo_resolve_api_keys(uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_resolve_api_keys(uuid[]) TO fluxo_app;

-- Notes when keys were used, at most once a minute per key, whatever the number of processes that tell it. Two processes never wait for each other:
-- a row that another one holds has its note already.
CREATE OR REPLACE FUNCTION fluxo_note_key_uses(p_ids uuid[], p_used_at timestamptz[])
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  WITH uses AS (SELECT u.id, u.used_at FROM unnest(p_ids, p_used_at) AS u (id, used_at)),
       due AS (SELECT k.id FROM api_keys k JOIN uses u USING (id)
               WHERE k.last_used_at IS NULL OR k.last_used_at <= u.used_at - interval '1 minute' FOR UPDATE OF k SKIP LOCKED)
  UPDATE api_keys k SET last_used_at = u.used_at FROM uses u JOIN due d USING (id) WHERE k.id = u.id
$$;
ALTER FUNCTION fluxo_note_key_uses(uuid[], timestamptz[]) OWNER TO fluxo_system;
REVOKE ALL ON FUNCTION fluxo_note_key_uses(uuid[], timestamptz[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_note_key_uses(uuid[], timestamptz[]) TO fluxo_app;
