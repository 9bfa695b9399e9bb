-- What usage costs the tenants of an agency. Of plan and tenant at most one is set; neither: the agency's own list. What a list leaves open, the more general one tells.
CREATE TABLE "price_lists" (
  "agency_id" UUID NOT NULL,
  "id" UUID NOT NULL,
  "plan_id" UUID,
  "tenant_id" UUID,
  "currency" TEXT,
  "prices" JSONB NOT NULL,
  "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "price_lists_pkey" PRIMARY KEY ("agency_id", "id"),
  CONSTRAINT "price_lists_agency_id_fkey" FOREIGN KEY ("agency_id") REFERENCES "agencies"("id") ON DELETE CASCADE ON UPDATE RESTRICT,
  CONSTRAINT "price_lists_plan_id_fkey" FOREIGN KEY ("plan_id") REFERENCES "plans"("id") ON DELETE CASCADE ON UPDATE RESTRICT,
  CONSTRAINT "price_lists_agency_id_tenant_id_fkey" FOREIGN KEY ("agency_id", "tenant_id") REFERENCES "tenants"("agency_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT,
  CONSTRAINT "price_lists_target_check" CHECK ("plan_id" IS NULL OR "tenant_id" IS NULL),
  CONSTRAINT "price_lists_currency_check" CHECK (("currency" IS NULL) = ("plan_id" IS NOT NULL OR "tenant_id" IS NOT NULL) AND "currency" ~ '^[A-Z]{3}$')
);
CREATE UNIQUE INDEX "price_lists_of_agency" ON "price_lists"("agency_id") WHERE plan_id IS NULL AND tenant_id IS NULL;
CREATE UNIQUE INDEX "price_lists_of_plan" ON "price_lists"("agency_id", "plan_id") WHERE plan_id IS NOT NULL;
CREATE UNIQUE INDEX "price_lists_of_tenant" ON "price_lists"("agency_id", "tenant_id") WHERE tenant_id IS NOT NULL;

ALTER TABLE "price_lists" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "price_lists" FORCE ROW LEVEL SECURITY;
CREATE POLICY lists_of_agency ON "price_lists" TO fluxo_app USING (agency_id = (SELECT current_agency_id())) WITH CHECK (agency_id = (SELECT current_agency_id()));
-- A tenant sees the prices that it is charged by.
CREATE POLICY lists_of_tenant ON "price_lists" FOR SELECT TO fluxo_app
  USING (agency_id = (SELECT t.agency_id FROM tenants t WHERE t.id = (SELECT current_tenant_id()))
         AND (tenant_id IS NULL OR tenant_id = (SELECT current_tenant_id()))
         AND (plan_id IS NULL OR plan_id = (SELECT t.plan_id FROM tenants t WHERE t.id = (SELECT current_tenant_id()))));
GRANT SELECT, INSERT, UPDATE, DELETE ON "price_lists" TO fluxo_app;
