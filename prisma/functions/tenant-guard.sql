-- Who may still write for a tenant that is off-boarded. The rule: whoever began before the off-boarding is waited for (off-boarding-barrier.sql); whoever begins later sees the tenant as OFFBOARDING
-- and writes nothing that could be missing in the archive.

-- fluxo_written_otherwise(table): why new rows of a table with a tenant_id need no guard; null for all others, which have one.
CREATE OR REPLACE FUNCTION fluxo_written_otherwise(p_table text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN p_table IN ('executions', 'occurrences') THEN 'Intake, schedules, dispatchers and reruns look at the tenant in the statement that writes.'
    WHEN p_table IN ('node_executions', 'payloads', 'reservations', 'concurrency_slots', 'usage_windows', 'usage_events', 'usage_holds', 'quota_alerts', 'files', 'kept_values', 'outages',
                     'outage_executions') THEN 'Written for executions that run: the archive waits until all of them have ended.'
    WHEN p_table IN ('usage_hours', 'usage_days') THEN 'Sums of usage events: the archive waits until all of them are added.'
    WHEN p_table = 'trigger_periods' THEN 'Written with what switches a trigger, and by the off-boarding itself.'
    WHEN p_table = 'bulk_operation_items' THEN 'Written with its operation.'
    WHEN p_table = 'audit_entries' THEN 'Outlives the tenant.'
    WHEN fluxo_left_out(p_table) IS NOT NULL THEN 'Not archived.'
  END
$$;
REVOKE ALL ON FUNCTION fluxo_written_otherwise(text) FROM PUBLIC;

-- The trigger of guarded tables. As fluxo_system, which sees every tenant's status. Rows without a tenant are the agency's.
CREATE OR REPLACE FUNCTION fluxo_refuse_off_boarding() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
  IF EXISTS (SELECT FROM tenants t WHERE t.id = NEW.tenant_id AND t.status = 'OFFBOARDING') THEN
    RAISE EXCEPTION 'tenant % is being off-boarded: it can be read only', NEW.tenant_id USING ERRCODE = 'FX014';
  END IF;
  RETURN NEW;
END $$;
ALTER FUNCTION fluxo_refuse_off_boarding() OWNER TO fluxo_system;
REVOKE ALL ON FUNCTION fluxo_refuse_off_boarding() FROM PUBLIC;

-- Every table with a tenant_id, whoever made it, that does not say why not.
DO $$
DECLARE
  v_table text;
BEGIN
  FOR v_table IN SELECT t.table_name FROM fluxo_tenant_tables() t WHERE fluxo_written_otherwise(t.table_name) IS NULL LOOP
    IF NOT EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = format('public.%I', v_table)::regclass AND g.tgname = 'off_boarding_guard') THEN
      EXECUTE format('CREATE TRIGGER off_boarding_guard BEFORE INSERT ON %I FOR EACH ROW EXECUTE FUNCTION fluxo_refuse_off_boarding()', v_table);
    END IF;
  END LOOP;
END $$;
