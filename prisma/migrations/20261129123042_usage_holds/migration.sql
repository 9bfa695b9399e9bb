-- Usage that is taken before its amount is known: see functions/holds.sql.
CREATE TABLE "usage_holds" (
  "tenant_id" UUID NOT NULL,
  "id" UUID NOT NULL,
  "metric" TEXT NOT NULL,
  "window_start" TIMESTAMPTZ(3) NOT NULL,
  "amount" INTEGER NOT NULL,
  "expires_at" TIMESTAMPTZ(3) NOT NULL,
  CONSTRAINT "usage_holds_pkey" PRIMARY KEY ("tenant_id", "id"),
  CONSTRAINT "usage_holds_tenant_id_metric_window_start_fkey" FOREIGN KEY ("tenant_id", "metric", "window_start") REFERENCES "usage_windows"("tenant_id", "metric", "window_start") ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT "usage_holds_amount_check" CHECK ("amount" > 0)
);
CREATE INDEX "usage_holds_tenant_id_expires_at_idx" ON "usage_holds"("tenant_id", "expires_at");
ALTER TABLE "usage_holds" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "usage_holds" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON "usage_holds" TO fluxo_app USING (tenant_id = (SELECT current_tenant_id())) WITH CHECK (tenant_id = (SELECT current_tenant_id()));
GRANT SELECT, INSERT, DELETE ON "usage_holds" TO fluxo_app;
-- To lock a row takes the right to change one; nothing of a hold changes.
GRANT UPDATE ("expires_at") ON "usage_holds" TO fluxo_app;
