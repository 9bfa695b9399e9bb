-- The public keys with which an agency's own systems sign provisioning tokens: one that is registered, or a set that is fetched.
CREATE TABLE "signing_keys" (
  "agency_id" UUID NOT NULL,
  "id" UUID NOT NULL,
  "name" TEXT NOT NULL,
  "algorithm" TEXT NOT NULL,
  "public_key" TEXT,
  "jwks_url" TEXT,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "revoked_at" TIMESTAMPTZ(3),
  "last_used_at" TIMESTAMPTZ(3),
  CONSTRAINT "signing_keys_pkey" PRIMARY KEY ("agency_id", "id"),
  CONSTRAINT "signing_keys_agency_id_fkey" FOREIGN KEY ("agency_id") REFERENCES "agencies"("id") ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT "signing_keys_algorithm_check" CHECK ("algorithm" IN ('RS256', 'EdDSA')),
  CONSTRAINT "signing_keys_source_check" CHECK (("public_key" IS NULL) <> ("jwks_url" IS NULL))
);

-- Tokens that were exchanged, until they would have expired by themselves: each is taken once.
CREATE TABLE "provisioning_tokens" (
  "agency_id" UUID NOT NULL,
  "id_hash" BYTEA NOT NULL,
  "expires_at" TIMESTAMPTZ(3) NOT NULL,
  CONSTRAINT "provisioning_tokens_pkey" PRIMARY KEY ("agency_id", "id_hash"),
  CONSTRAINT "provisioning_tokens_agency_id_fkey" FOREIGN KEY ("agency_id") REFERENCES "agencies"("id") ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE INDEX "provisioning_tokens_expires_at_idx" ON "provisioning_tokens"("expires_at");

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['signing_keys', 'provisioning_tokens'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY agency_rows ON %I TO fluxo_app USING (agency_id = (SELECT current_agency_id())) WITH CHECK (agency_id = (SELECT current_agency_id()))', t);
  END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE ("revoked_at", "last_used_at") ON "signing_keys" TO fluxo_app;
-- Taking a token twice must fail, so nobody but the sweep may delete one.
GRANT SELECT, INSERT ON "provisioning_tokens" TO fluxo_app;
CREATE POLICY system_rows ON "provisioning_tokens" TO fluxo_system USING (true);
GRANT SELECT, DELETE ON "provisioning_tokens" TO fluxo_system;
