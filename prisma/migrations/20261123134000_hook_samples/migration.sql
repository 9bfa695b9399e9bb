-- The test of a webhook that waits for a request; a trigger has one at a time.
CREATE TABLE "hook_tests" (
  "tenant_id" UUID NOT NULL,
  "trigger_id" UUID NOT NULL,
  "opened_at" TIMESTAMPTZ(3) NOT NULL,
  "expires_at" TIMESTAMPTZ(3) NOT NULL,
  "sample_id" UUID,
  CONSTRAINT "hook_tests_pkey" PRIMARY KEY ("tenant_id", "trigger_id"),
  CONSTRAINT "hook_tests_tenant_id_trigger_id_fkey" FOREIGN KEY ("tenant_id", "trigger_id") REFERENCES "triggers"("tenant_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT
);

-- Requests that tests of webhooks captured. They started nothing.
CREATE TABLE "hook_samples" (
  "tenant_id" UUID NOT NULL,
  "id" UUID NOT NULL,
  "trigger_id" UUID NOT NULL,
  "payload" JSONB NOT NULL,
  "received_at" TIMESTAMPTZ(3) NOT NULL,
  CONSTRAINT "hook_samples_pkey" PRIMARY KEY ("tenant_id", "id"),
  CONSTRAINT "hook_samples_tenant_id_trigger_id_fkey" FOREIGN KEY ("tenant_id", "trigger_id") REFERENCES "triggers"("tenant_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT
);
CREATE INDEX "hook_samples_tenant_id_trigger_id_id_idx" ON "hook_samples"("tenant_id", "trigger_id", "id");

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['hook_tests', 'hook_samples'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY tenant_rows ON %I TO fluxo_app USING (tenant_id = (SELECT current_tenant_id())) WITH CHECK (tenant_id = (SELECT current_tenant_id()))', t);
  END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE ON hook_tests TO fluxo_app;
GRANT SELECT, INSERT, DELETE ON hook_samples TO fluxo_app;
