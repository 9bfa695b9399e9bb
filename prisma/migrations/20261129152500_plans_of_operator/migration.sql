-- The operator defines and changes its own plans, which every agency may give its tenants. It deletes none: agencies' prices and tenants refer to them; one is retired instead.
CREATE POLICY operator_plans_added ON plans FOR INSERT TO fluxo_app WITH CHECK ((SELECT is_operator()) AND agency_id IS NULL);
CREATE POLICY operator_plans_changed ON plans FOR UPDATE TO fluxo_app USING ((SELECT is_operator()) AND agency_id IS NULL) WITH CHECK ((SELECT is_operator()) AND agency_id IS NULL);
-- Nulls differ: the unique index over agency and code says nothing of the operator's.
CREATE UNIQUE INDEX "plans_operator_code" ON "plans"("code") WHERE (agency_id IS NULL);
CREATE INDEX "tenants_plan_id_idx" ON "tenants"("plan_id");
