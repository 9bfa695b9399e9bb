-- What the circuit breakers of the workers saw: from the opening of a breaker to its closing. The breakers themselves live in Redis.
CREATE TABLE "outages" (
  "tenant_id" UUID NOT NULL,
  "id" UUID NOT NULL,
  "key_kind" TEXT NOT NULL,
  "credential_id" UUID,
  "host" TEXT,
  "integration" TEXT NOT NULL,
  "opened_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "closed_at" TIMESTAMPTZ(3),
  "closed_by" TEXT,
  "next_probe_at" TIMESTAMPTZ(3) NOT NULL,
  "error_class" TEXT NOT NULL,
  "error_code" TEXT NOT NULL,
  "affected" INTEGER NOT NULL DEFAULT 0,
  CONSTRAINT "outages_pkey" PRIMARY KEY ("tenant_id", "id"),
  CONSTRAINT "outages_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "outages_tenant_id_credential_id_fkey" FOREIGN KEY ("tenant_id", "credential_id") REFERENCES "credentials"("tenant_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT,
  CONSTRAINT "outages_key_check" CHECK (("key_kind" = 'credential' AND "credential_id" IS NOT NULL AND "host" IS NULL) OR ("key_kind" = 'host' AND "host" IS NOT NULL AND "credential_id" IS NULL)),
  CONSTRAINT "outages_closed_check" CHECK (("closed_at" IS NULL) = ("closed_by" IS NULL) AND "closed_by" IN ('PROBE', 'MANUAL', 'LOST'))
);
CREATE INDEX "outages_tenant_id_closed_at_id_idx" ON "outages"("tenant_id", "closed_at", "id");
CREATE INDEX "outages_tenant_id_credential_id_idx" ON "outages"("tenant_id", "credential_id");

-- The executions that had to wait for it.
CREATE TABLE "outage_executions" (
  "tenant_id" UUID NOT NULL,
  "outage_id" UUID NOT NULL,
  "execution_id" UUID NOT NULL,
  CONSTRAINT "outage_executions_pkey" PRIMARY KEY ("tenant_id", "outage_id", "execution_id"),
  CONSTRAINT "outage_executions_tenant_id_outage_id_fkey" FOREIGN KEY ("tenant_id", "outage_id") REFERENCES "outages"("tenant_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT,
  CONSTRAINT "outage_executions_tenant_id_execution_id_fkey" FOREIGN KEY ("tenant_id", "execution_id") REFERENCES "executions"("tenant_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT
);
CREATE INDEX "outage_executions_tenant_id_execution_id_idx" ON "outage_executions"("tenant_id", "execution_id");

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['outages', 'outage_executions'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY tenant_rows ON %I TO fluxo_app USING (tenant_id = (SELECT current_tenant_id())) WITH CHECK (tenant_id = (SELECT current_tenant_id()))', t);
  END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE ON outages TO fluxo_app;
GRANT SELECT, INSERT ON outage_executions TO fluxo_app;
