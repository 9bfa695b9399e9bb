-- What prices and which plan were in force on which day. As fluxo_system: nobody else writes history.

-- A list that is written holds from its valid_from on: what was to hold from that day or a later one is replaced, what held before stays. One that is deleted ends today: from then on the more
-- general prices count. With a tenant that is erased, or an agency that goes, its history goes.
CREATE OR REPLACE FUNCTION fluxo_note_prices() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
  v_list price_lists := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
  v_from date := CASE TG_OP WHEN 'DELETE' THEN (clock_timestamp() AT TIME ZONE 'UTC')::date ELSE v_list.valid_from END;
BEGIN
  IF TG_OP = 'DELETE' AND (NOT EXISTS (SELECT FROM agencies a WHERE a.id = v_list.agency_id) OR EXISTS (SELECT FROM tenants t WHERE t.id = v_list.tenant_id AND t.status = 'OFFBOARDING')) THEN
    RETURN NULL;
  END IF;
  DELETE FROM price_list_versions v
  WHERE v.agency_id = v_list.agency_id AND v.plan_id IS NOT DISTINCT FROM v_list.plan_id AND v.tenant_id IS NOT DISTINCT FROM v_list.tenant_id AND v.valid_from >= v_from;
  INSERT INTO price_list_versions (agency_id, id, plan_id, tenant_id, valid_from, currency, prices)
  VALUES (v_list.agency_id, gen_random_uuid(), v_list.plan_id, v_list.tenant_id, v_from, v_list.currency, CASE TG_OP WHEN 'DELETE' THEN '{}' ELSE v_list.prices END);
  RETURN NULL;
END $$;
ALTER FUNCTION fluxo_note_prices() OWNER TO fluxo_system;
REVOKE ALL ON FUNCTION fluxo_note_prices() FROM PUBLIC;
CREATE OR REPLACE TRIGGER price_history AFTER INSERT OR UPDATE OR DELETE ON price_lists FOR EACH ROW EXECUTE FUNCTION fluxo_note_prices();

-- Which plan a tenant has from which of its days on; of several on one day, the last.
CREATE OR REPLACE FUNCTION fluxo_note_plan() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
  INSERT INTO tenant_plans (tenant_id, from_day, plan_id)
  VALUES (NEW.id, CASE TG_OP WHEN 'INSERT' THEN '1970-01-01' ELSE (clock_timestamp() AT TIME ZONE NEW.time_zone)::date END, NEW.plan_id)
  ON CONFLICT (tenant_id, from_day) DO UPDATE SET plan_id = excluded.plan_id;
  RETURN NULL;
END $$;
ALTER FUNCTION fluxo_note_plan() OWNER TO fluxo_system;
REVOKE ALL ON FUNCTION fluxo_note_plan() FROM PUBLIC;
CREATE OR REPLACE TRIGGER plan_history_begins AFTER INSERT ON tenants FOR EACH ROW EXECUTE FUNCTION fluxo_note_plan();
CREATE OR REPLACE TRIGGER plan_history AFTER UPDATE OF plan_id ON tenants FOR EACH ROW WHEN (OLD.plan_id IS DISTINCT FROM NEW.plan_id) EXECUTE FUNCTION fluxo_note_plan();
