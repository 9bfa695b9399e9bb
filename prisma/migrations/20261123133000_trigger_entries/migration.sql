-- What a kind of source remembers entry by entry, such as the files of a folder, where that is too much for a cursor. Moves in the commit that moves the cursor.
CREATE TABLE "trigger_entries" (
  "tenant_id" UUID NOT NULL,
  "trigger_id" UUID NOT NULL,
  "key" TEXT NOT NULL,
  "value" JSONB NOT NULL,
  CONSTRAINT "trigger_entries_pkey" PRIMARY KEY ("tenant_id", "trigger_id", "key"),
  CONSTRAINT "trigger_entries_tenant_id_trigger_id_fkey" FOREIGN KEY ("tenant_id", "trigger_id") REFERENCES "triggers"("tenant_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT,
  CONSTRAINT "trigger_entries_key_check" CHECK (octet_length("key") BETWEEN 1 AND 1024)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE "trigger_entries" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "trigger_entries" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON "trigger_entries" TO fluxo_app USING (tenant_id = (SELECT current_tenant_id())) WITH CHECK (tenant_id = (SELECT current_tenant_id()));
GRANT SELECT, INSERT, UPDATE, DELETE ON "trigger_entries" TO fluxo_app;
