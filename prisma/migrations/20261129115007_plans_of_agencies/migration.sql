-- An agency defines, changes and deletes its own plans; those without an agency are the operator's.
CREATE POLICY own_plans_added ON plans FOR INSERT TO fluxo_app WITH CHECK (agency_id = (SELECT current_agency_id()));
CREATE POLICY own_plans_changed ON plans FOR UPDATE TO fluxo_app USING (agency_id = (SELECT current_agency_id())) WITH CHECK (agency_id = (SELECT current_agency_id()));
CREATE POLICY own_plans_deleted ON plans FOR DELETE TO fluxo_app USING (agency_id = (SELECT current_agency_id()));
GRANT INSERT, UPDATE, DELETE ON plans TO fluxo_app;

-- Since when a workflow is active: of those beyond the plan's number, the last activated ones are refused.
ALTER TABLE "workflows" ADD COLUMN "activated_at" TIMESTAMPTZ(3);
UPDATE "workflows" SET "activated_at" = "created_at" WHERE "is_active";
CREATE FUNCTION note_activation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.activated_at := CASE WHEN NEW.is_active THEN clock_timestamp() END;
  RETURN NEW;
END $$;
CREATE TRIGGER workflows_activation BEFORE UPDATE OF is_active ON workflows FOR EACH ROW WHEN (OLD.is_active <> NEW.is_active) EXECUTE FUNCTION note_activation();
CREATE TRIGGER workflows_first_activation BEFORE INSERT ON workflows FOR EACH ROW WHEN (NEW.is_active) EXECUTE FUNCTION note_activation();
