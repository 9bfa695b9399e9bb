-- What is charged is decided by the prices, and by the plan, of the day on which something was used: both are remembered from day to day. Written by triggers (functions/prices.sql) and by nobody else.
ALTER TABLE "price_lists" ADD COLUMN "valid_from" DATE NOT NULL DEFAULT '1970-01-01';

CREATE TABLE "price_list_versions" (
  "agency_id" UUID NOT NULL,
  "id" UUID NOT NULL,
  "plan_id" UUID,
  "tenant_id" UUID,
  "valid_from" DATE NOT NULL,
  "currency" TEXT,
  "prices" JSONB NOT NULL,
  CONSTRAINT "price_list_versions_pkey" PRIMARY KEY ("agency_id", "id"),
  CONSTRAINT "price_list_versions_agency_id_fkey" FOREIGN KEY ("agency_id") REFERENCES "agencies"("id") ON DELETE CASCADE ON UPDATE RESTRICT,
  -- Of a plan that was deleted since, the prices stay.
  CONSTRAINT "price_list_versions_agency_id_tenant_id_fkey" FOREIGN KEY ("agency_id", "tenant_id") REFERENCES "tenants"("agency_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT,
  CONSTRAINT "price_list_versions_target_check" CHECK ("plan_id" IS NULL OR "tenant_id" IS NULL)
);
CREATE INDEX "price_list_versions_target_idx" ON "price_list_versions"("agency_id", "plan_id", "tenant_id", "valid_from");

CREATE TABLE "tenant_plans" (
  "tenant_id" UUID NOT NULL,
  "from_day" DATE NOT NULL,
  "plan_id" UUID NOT NULL,
  CONSTRAINT "tenant_plans_pkey" PRIMARY KEY ("tenant_id", "from_day"),
  CONSTRAINT "tenant_plans_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE CASCADE ON UPDATE RESTRICT
);

INSERT INTO "price_list_versions" SELECT "agency_id", gen_random_uuid(), "plan_id", "tenant_id", '1970-01-01', "currency", "prices" FROM "price_lists";
INSERT INTO "tenant_plans" SELECT "id", '1970-01-01', "plan_id" FROM "tenants";

ALTER TABLE "tenant_plans" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "tenant_plans" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON "tenant_plans" FOR SELECT TO fluxo_app USING (tenant_id = (SELECT current_tenant_id()));
CREATE POLICY system_rows ON "tenant_plans" TO fluxo_system USING (true) WITH CHECK (true);
GRANT SELECT ON "tenant_plans" TO fluxo_app;
GRANT SELECT, INSERT, UPDATE ON "tenant_plans" TO fluxo_system;

ALTER TABLE "price_list_versions" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "price_list_versions" FORCE ROW LEVEL SECURITY;
CREATE POLICY versions_of_agency ON "price_list_versions" FOR SELECT TO fluxo_app USING (agency_id = (SELECT current_agency_id()));
-- A tenant sees the prices that it is or was charged by.
CREATE POLICY versions_of_tenant ON "price_list_versions" FOR SELECT TO fluxo_app
  USING (agency_id = (SELECT t.agency_id FROM tenants t WHERE t.id = (SELECT current_tenant_id()))
         AND (tenant_id IS NULL OR tenant_id = (SELECT current_tenant_id()))
         AND (plan_id IS NULL OR plan_id IN (SELECT p.plan_id FROM tenant_plans p WHERE p.tenant_id = (SELECT current_tenant_id()))));
CREATE POLICY system_rows ON "price_list_versions" TO fluxo_system USING (true) WITH CHECK (true);
GRANT SELECT ON "price_list_versions" TO fluxo_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON "price_list_versions" TO fluxo_system;
