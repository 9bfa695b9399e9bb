-- fluxo_look_at_new_tables(): has PostgreSQL look at each table that it never looked at, once it is no longer small. Autovacuum comes once a minute; until then, after an installation or a restore, plans are
-- made for tables that seem empty: one index that begins with the tenant looks as good as another, and a row's key is checked by reading all rows of the tenant. Once only: every look has all plans made anew.
-- Out: the names of those tables. One that somebody else looks at is left to him.
CREATE OR REPLACE FUNCTION fluxo_look_at_new_tables() RETURNS text[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
  v_tables text[];
  v_table text;
BEGIN
  SELECT coalesce(array_agg(c.relname ORDER BY c.relname), '{}') INTO v_tables FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relowner = current_user::regrole
    AND c.reltuples < 0 AND pg_relation_size(c.oid) / current_setting('block_size')::int >= 32;
  FOREACH v_table IN ARRAY v_tables LOOP
    EXECUTE format('ANALYZE (SKIP_LOCKED) public.%I', v_table);
  END LOOP;
  RETURN v_tables;
END $$;
REVOKE ALL ON FUNCTION fluxo_look_at_new_tables() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_look_at_new_tables() TO fluxo_system;
