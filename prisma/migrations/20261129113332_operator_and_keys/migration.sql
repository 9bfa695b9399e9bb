-- Agencies as the operator manages them. A suspended agency's keys are refused, and executions of its tenants are blocked.
ALTER TABLE "agencies"
  ADD COLUMN "status" TEXT NOT NULL DEFAULT 'ACTIVE',
  ADD COLUMN "suspended_at" TIMESTAMPTZ(3),
  ADD COLUMN "suspension_reason" TEXT,
  ADD COLUMN "limits" JSONB NOT NULL DEFAULT '{}',
  ADD COLUMN "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP;
ALTER TABLE agencies
  ADD CONSTRAINT agencies_status_check CHECK (status IN ('ACTIVE', 'SUSPENDED')),
  ADD CONSTRAINT agencies_suspension_check CHECK ((status = 'SUSPENDED') = (suspended_at IS NOT NULL) AND (status = 'SUSPENDED' OR suspension_reason IS NULL)),
  ADD CONSTRAINT agencies_limits_check CHECK (jsonb_typeof(limits) = 'object');

-- Whether the transaction is the operator's. A GUC that was set locally once reads '' afterwards, not NULL.
CREATE FUNCTION is_operator() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT coalesce(current_setting('app.operator', true), '') = 'on' $$;

-- The operator sees agencies, and creates and changes them. It has no policy on any table of tenants.
CREATE POLICY operator_rows ON agencies FOR SELECT TO fluxo_app USING ((SELECT is_operator()));
CREATE POLICY operator_creates ON agencies FOR INSERT TO fluxo_app WITH CHECK ((SELECT is_operator()));
CREATE POLICY operator_changes ON agencies FOR UPDATE TO fluxo_app USING ((SELECT is_operator())) WITH CHECK ((SELECT is_operator()));
GRANT INSERT ON agencies TO fluxo_app;
GRANT UPDATE (name, status, suspended_at, suspension_reason, limits, updated_at) ON agencies TO fluxo_app;

-- An agency changes nothing of itself that is the operator's to decide, whatever the code of the API does.
CREATE FUNCTION refuse_change_of_agency_terms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_user = 'fluxo_app' AND NOT is_operator() THEN
    RAISE EXCEPTION 'agency %: name, status and limits are the operator''s', OLD.id USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER agencies_terms BEFORE UPDATE ON agencies FOR EACH ROW
  WHEN ((NEW.name, NEW.status, NEW.suspended_at, NEW.suspension_reason, NEW.limits) IS DISTINCT FROM (OLD.name, OLD.status, OLD.suspended_at, OLD.suspension_reason, OLD.limits))
  EXECUTE FUNCTION refuse_change_of_agency_terms();

-- Keys of the operator have no agency. A rotated key has two secrets until `previous_until`.
ALTER TABLE "api_keys"
  ALTER COLUMN "agency_id" DROP NOT NULL,
  ADD COLUMN "previous_secret_hash" BYTEA,
  ADD COLUMN "previous_until" TIMESTAMPTZ(3),
  ADD COLUMN "rotated_at" TIMESTAMPTZ(3),
  ADD COLUMN "last_used_at" TIMESTAMPTZ(3);
ALTER TABLE api_keys
  ADD CONSTRAINT api_keys_owner_check CHECK (agency_id IS NOT NULL OR tenant_id IS NULL),
  ADD CONSTRAINT api_keys_previous_check CHECK ((previous_secret_hash IS NULL) = (previous_until IS NULL));
CREATE POLICY keys_of_operator ON api_keys TO fluxo_app
  USING ((SELECT is_operator()) AND agency_id IS NULL) WITH CHECK ((SELECT is_operator()) AND agency_id IS NULL);

-- Keys that carried everything that there was carry everything that there is.
ALTER TABLE api_keys NO FORCE ROW LEVEL SECURITY;
UPDATE api_keys
SET scopes = ARRAY['plans:read', 'plans:write', 'tenants:read', 'tenants:write', 'keys:read', 'keys:write', 'members:read', 'members:write', 'usage:read', 'audit:read', 'templates:read', 'templates:write',
                   'workflows:read', 'workflows:write', 'executions:read', 'executions:write', 'credentials:read', 'credentials:write']
WHERE tenant_id IS NULL
  AND scopes @> ARRAY['tenants:read', 'tenants:write', 'keys:read', 'keys:write', 'workflows:read', 'workflows:write', 'executions:read', 'executions:write', 'credentials:read', 'credentials:write'];
UPDATE api_keys
SET scopes = ARRAY['plans:read', 'tenants:read', 'usage:read', 'workflows:read', 'workflows:write', 'executions:read', 'executions:write', 'credentials:read', 'credentials:write']
WHERE tenant_id IS NOT NULL
  AND scopes @> ARRAY['tenants:read', 'workflows:read', 'workflows:write', 'executions:read', 'executions:write', 'credentials:read', 'credentials:write'];
ALTER TABLE api_keys FORCE ROW LEVEL SECURITY;
