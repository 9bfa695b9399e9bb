-- Admission, which acts for a tenant, asks whether its agency is suspended.
CREATE POLICY agency_of_tenant ON agencies FOR SELECT TO fluxo_app USING (id = (SELECT agency_id FROM tenants WHERE tenants.id = (SELECT current_tenant_id())));
