-- The data keys of tenants, each wrapped by a root key of the installation. Deleting them makes everything that they sealed unreadable.
CREATE TABLE "tenant_keys" (
  "tenant_id" UUID NOT NULL,
  "version" INTEGER NOT NULL,
  "root_key_id" TEXT NOT NULL,
  "wrapped" BYTEA NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "wrapped_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "tenant_keys_pkey" PRIMARY KEY ("tenant_id", "version"),
  CONSTRAINT "tenant_keys_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "tenant_keys_version_check" CHECK ("version" > 0)
);
CREATE INDEX "tenant_keys_root_key_id_idx" ON "tenant_keys"("root_key_id");

CREATE TABLE "credentials" (
  "tenant_id" UUID NOT NULL,
  "id" UUID NOT NULL,
  "name" TEXT NOT NULL,
  "kind" TEXT NOT NULL,
  "revision" INTEGER NOT NULL DEFAULT 1,
  "fields" JSONB NOT NULL,
  "sealed_secrets" BYTEA NOT NULL,
  "secret_names" TEXT[] NOT NULL,
  "secret_version" INTEGER NOT NULL DEFAULT 1,
  "key_version" INTEGER NOT NULL,
  "grant_version" INTEGER NOT NULL DEFAULT 1,
  "health" TEXT NOT NULL DEFAULT 'UNKNOWN',
  "health_message" TEXT,
  "health_at" TIMESTAMPTZ(3),
  "expires_at" TIMESTAMPTZ(3),
  "last_used_at" TIMESTAMPTZ(3),
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "credentials_pkey" PRIMARY KEY ("tenant_id", "id"),
  CONSTRAINT "credentials_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "credentials_tenant_id_key_version_fkey" FOREIGN KEY ("tenant_id", "key_version") REFERENCES "tenant_keys"("tenant_id", "version") ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT "credentials_health_check" CHECK ("health" IN ('UNKNOWN', 'HEALTHY', 'BROKEN'))
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX "credentials_tenant_id_name_key" ON "credentials"("tenant_id", "name");
CREATE INDEX "credentials_tenant_id_expires_at_idx" ON "credentials"("tenant_id", "expires_at");

-- The access token of an OAuth2 credential, and the lease under which it is renewed: two pods never ask the provider at once.
CREATE TABLE "credential_tokens" (
  "tenant_id" UUID NOT NULL,
  "credential_id" UUID NOT NULL,
  "grant_version" INTEGER,
  "sealed_token" BYTEA,
  "token_version" INTEGER NOT NULL DEFAULT 0,
  "key_version" INTEGER,
  "expires_at" TIMESTAMPTZ(3),
  "lease_owner" TEXT,
  "lease_until" TIMESTAMPTZ(3),
  "lease_epoch" INTEGER NOT NULL DEFAULT 0,
  "retry_at" TIMESTAMPTZ(3),
  CONSTRAINT "credential_tokens_pkey" PRIMARY KEY ("tenant_id", "credential_id"),
  CONSTRAINT "credential_tokens_tenant_id_credential_id_fkey" FOREIGN KEY ("tenant_id", "credential_id") REFERENCES "credentials"("tenant_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT,
  CONSTRAINT "credential_tokens_tenant_id_key_version_fkey" FOREIGN KEY ("tenant_id", "key_version") REFERENCES "tenant_keys"("tenant_id", "version") ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT "credential_tokens_lease_check" CHECK (("lease_owner" IS NULL) = ("lease_until" IS NULL)),
  CONSTRAINT "credential_tokens_token_check" CHECK (("sealed_token" IS NULL) = ("key_version" IS NULL) AND ("sealed_token" IS NULL) = ("grant_version" IS NULL))
) WITH (fillfactor = 50);

-- What a published version may open, and where. No row, no secret: whatever a template or code puts into a parameter.
CREATE TABLE "workflow_version_credentials" (
  "tenant_id" UUID NOT NULL,
  "version_id" UUID NOT NULL,
  "node_id" TEXT NOT NULL,
  "param" TEXT NOT NULL,
  "credential_id" UUID NOT NULL,
  CONSTRAINT "workflow_version_credentials_pkey" PRIMARY KEY ("tenant_id", "version_id", "node_id", "param"),
  CONSTRAINT "workflow_version_credentials_tenant_id_version_id_fkey" FOREIGN KEY ("tenant_id", "version_id") REFERENCES "workflow_versions"("tenant_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT,
  CONSTRAINT "workflow_version_credentials_tenant_id_credential_id_fkey" FOREIGN KEY ("tenant_id", "credential_id") REFERENCES "credentials"("tenant_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT
);
CREATE INDEX "workflow_version_credentials_tenant_id_credential_id_idx" ON "workflow_version_credentials"("tenant_id", "credential_id");

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['tenant_keys', 'credentials', 'credential_tokens', 'workflow_version_credentials'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY tenant_rows ON %I TO fluxo_app USING (tenant_id = (SELECT current_tenant_id())) WITH CHECK (tenant_id = (SELECT current_tenant_id()))', t);
  END LOOP;
END $$;

GRANT SELECT, INSERT ON tenant_keys TO fluxo_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON credentials, credential_tokens TO fluxo_app;
GRANT SELECT, INSERT, DELETE ON workflow_version_credentials TO fluxo_app;

-- After a rotation of the root key: wrapped data keys and the sealed secrets of triggers, nothing else.
CREATE POLICY system_rows ON tenant_keys TO fluxo_system USING (true) WITH CHECK (true);
GRANT SELECT ON tenant_keys TO fluxo_system;
GRANT UPDATE (root_key_id, wrapped, wrapped_at) ON tenant_keys TO fluxo_system;
CREATE POLICY system_reseals ON triggers FOR UPDATE TO fluxo_system USING (true) WITH CHECK (true);
GRANT UPDATE (sealed_secret) ON triggers TO fluxo_system;
