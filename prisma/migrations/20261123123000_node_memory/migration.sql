-- What the nodes of a workflow remember from execution to execution: keys with a window, and values of which the latest counts.

-- CreateTable
CREATE TABLE "remembered_keys" (
    "tenant_id" UUID NOT NULL,
    "workflow_id" UUID NOT NULL,
    "node_id" TEXT NOT NULL,
    "key_hash" BYTEA NOT NULL,
    "origin_id" UUID NOT NULL,
    "item" INTEGER NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "remembered_keys_pkey" PRIMARY KEY ("tenant_id","workflow_id","node_id","key_hash")
);

-- CreateTable
CREATE TABLE "kept_values" (
    "tenant_id" UUID NOT NULL,
    "workflow_id" UUID NOT NULL,
    "node_id" TEXT NOT NULL,
    "name_hash" BYTEA NOT NULL,
    "origin_id" UUID NOT NULL,
    "item" INTEGER NOT NULL,
    "is_latest" BOOLEAN NOT NULL,
    "value" TEXT,
    "previous" TEXT,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "kept_values_pkey" PRIMARY KEY ("tenant_id","workflow_id","node_id","name_hash","origin_id","item")
);

-- CreateIndex
CREATE INDEX "remembered_keys_expires_at_idx" ON "remembered_keys"("expires_at");

-- CreateIndex
CREATE INDEX "kept_values_expires_at_idx" ON "kept_values"("expires_at");

-- CreateIndex
CREATE UNIQUE INDEX "kept_values_latest" ON "kept_values"("tenant_id", "workflow_id", "node_id", "name_hash") WHERE (is_latest);

-- AddForeignKey
ALTER TABLE "remembered_keys" ADD CONSTRAINT "remembered_keys_tenant_id_workflow_id_fkey" FOREIGN KEY ("tenant_id", "workflow_id") REFERENCES "workflows"("tenant_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "kept_values" ADD CONSTRAINT "kept_values_tenant_id_workflow_id_fkey" FOREIGN KEY ("tenant_id", "workflow_id") REFERENCES "workflows"("tenant_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT;

-- Row-level security, as on every table of a tenant.
DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['remembered_keys', 'kept_values'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY tenant_rows ON %I TO fluxo_app USING (tenant_id = (SELECT current_tenant_id())) WITH CHECK (tenant_id = (SELECT current_tenant_id()))', t);
  END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE ON remembered_keys, kept_values TO fluxo_app;

-- The sweep forgets what expired, and sees nothing else.
CREATE POLICY expired_rows ON remembered_keys TO fluxo_system USING (expires_at < clock_timestamp());
CREATE POLICY expired_rows ON kept_values TO fluxo_system USING (expires_at < clock_timestamp());
GRANT SELECT, DELETE ON remembered_keys, kept_values TO fluxo_system;

-- A queue of what expires: vacuumed early.
ALTER TABLE remembered_keys SET (autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE kept_values SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
