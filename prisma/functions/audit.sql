-- The audit log. A transaction names its context once, as JSON in app.audit: {agencyId, tenantId, actorKind, actorId, action, ip, userAgent, requestId}. From then on every change of
-- a row of an audited table leaves an entry; without it nothing does. Entries enter their agency's chain at the commit, so that the lock on the head of the chain is the last that is taken:
-- the order of the chain is the order of the commits, and a reader who follows it misses nothing.

-- fluxo_audit_image(row, secret columns, large columns): a row as the log keeps it: camelCase names, no secrets, no clocks, large values (those named, and whatever has more than 4 KiB) as their hash.
CREATE OR REPLACE FUNCTION fluxo_audit_image(p_row jsonb, p_secret text[], p_large text[])
RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
  SELECT jsonb_object_agg(
           lower(left(c.key, 1)) || substr(replace(initcap(replace(c.key, '_', ' ')), ' ', ''), 2),
           CASE WHEN c.value = 'null' THEN c.value
                WHEN c.key = ANY (p_secret) THEN to_jsonb('[secret ' || left(encode(sha256(convert_to(c.value::text, 'UTF8')), 'hex'), 8) || ']')
                WHEN c.key = ANY (p_large) OR octet_length(c.value::text) > 4096 THEN jsonb_build_object('sha256', encode(sha256(convert_to(c.value::text, 'UTF8')), 'hex'), 'bytes', octet_length(c.value::text))
                ELSE c.value END)
  FROM jsonb_each(p_row) c WHERE c.key NOT IN ('updated_at', 'last_used_at', 'last_login_at')
$$;
REVOKE ALL ON FUNCTION fluxo_audit_image(jsonb, text[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_audit_image(jsonb, text[], text[]) TO fluxo_system;

-- fluxo_audit_insert(context, …): writes an entry, which the commit seals. The nil UUID stands for the operator, who has a chain like an agency.
CREATE OR REPLACE FUNCTION fluxo_audit_insert(p_context jsonb, p_agency uuid, p_tenant uuid, p_type text, p_id text, p_before jsonb, p_after jsonb)
RETURNS void
LANGUAGE sql AS $$
  INSERT INTO audit_entries (agency_id, id, occurred_at, tenant_id, actor_kind, actor_id, action, resource_type, resource_id, before, after, ip, user_agent, request_id, salt)
  VALUES (coalesce(p_agency, (p_context ->> 'agencyId')::uuid, '00000000-0000-0000-0000-000000000000'), gen_random_uuid(), clock_timestamp(),
          coalesce(p_tenant, (p_context ->> 'tenantId')::uuid), p_context ->> 'actorKind', p_context ->> 'actorId', p_context ->> 'action', p_type, p_id, p_before, p_after,
          p_context ->> 'ip', p_context ->> 'userAgent', p_context ->> 'requestId', gen_random_uuid())
$$;
REVOKE ALL ON FUNCTION fluxo_audit_insert(jsonb, uuid, uuid, text, text, jsonb, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_audit_insert(jsonb, uuid, uuid, text, text, jsonb, jsonb) TO fluxo_system;

-- The trigger of audited tables. Arguments: type of the resource, its id column, secret columns, large columns. Of a change only what differs is kept.
CREATE OR REPLACE FUNCTION fluxo_audit_row()
RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
  v_old jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
  v_new jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
  v_row jsonb := coalesce(v_new, v_old);
  v_before jsonb := fluxo_audit_image(v_old, TG_ARGV[2]::text[], TG_ARGV[3]::text[]);
  v_after jsonb := fluxo_audit_image(v_new, TG_ARGV[2]::text[], TG_ARGV[3]::text[]);
BEGIN
  IF TG_OP = 'UPDATE' THEN
    SELECT jsonb_object_agg(b.key, b.value), jsonb_object_agg(b.key, v_after -> b.key) INTO v_before, v_after
    FROM jsonb_each(v_before) b WHERE b.value IS DISTINCT FROM v_after -> b.key;
    IF v_before IS NULL THEN
      RETURN NULL;
    END IF;
  END IF;
  PERFORM fluxo_audit_insert(
    current_setting('app.audit')::jsonb,
    CASE WHEN TG_TABLE_NAME = 'agencies' THEN v_row ->> 'id' ELSE v_row ->> 'agency_id' END::uuid,
    CASE WHEN TG_TABLE_NAME = 'tenants' THEN v_row ->> 'id' ELSE v_row ->> 'tenant_id' END::uuid,
    TG_ARGV[0], v_row ->> TG_ARGV[1], v_before, v_after);
  RETURN NULL;
END $$;
ALTER FUNCTION fluxo_audit_row() OWNER TO fluxo_system;
REVOKE ALL ON FUNCTION fluxo_audit_row() FROM PUBLIC;

-- Which tables are audited. A new table joins here, or tells in prisma/src/audit/audited-tables.store.test.ts why it does not.
DO $$
DECLARE
  v record;
BEGIN
  FOR v IN
    SELECT * FROM (VALUES
      ('agencies', 'agency', 'id', '{}', '{}'),
      ('tenants', 'tenant', 'id', '{}', '{}'),
      ('plans', 'plan', 'id', '{}', '{}'),
      ('api_keys', 'apiKey', 'id', '{secret_hash,previous_secret_hash}', '{}'),
      ('members', 'member', 'id', '{}', '{}'),
      ('member_tenants', 'memberTenant', 'member_id', '{}', '{}'),
      ('signing_keys', 'signingKey', 'id', '{}', '{}'),
      ('price_lists', 'priceList', 'id', '{}', '{}'),
      ('workflow_templates', 'template', 'id', '{}', '{draft}'),
      ('template_versions', 'templateVersion', 'id', '{}', '{graph}'),
      ('template_rollouts', 'rollout', 'id', '{}', '{}'),
      ('workflows', 'workflow', 'id', '{}', '{draft,pins}'),
      ('workflow_versions', 'workflowVersion', 'id', '{}', '{graph}'),
      ('triggers', 'trigger', 'id', '{hook_token,sealed_secret}', '{config}'),
      ('credentials', 'credential', 'id', '{sealed_secrets}', '{}')
    ) AS t (name, type, id, secret, large)
  LOOP
    EXECUTE format('CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON %I FOR EACH ROW WHEN (current_setting(''app.audit'', true) <> '''') EXECUTE FUNCTION fluxo_audit_row(%L, %L, %L, %L)',
                   v.name, v.type, v.id, v.secret, v.large);
  END LOOP;
END $$;

-- fluxo_audit_note(type, id, tenant, after, only if there is none): an entry about something that changes no audited row. With the last argument true it is written only when the
-- transaction has left no entry yet: every operation that changes something leaves at least one.
CREATE OR REPLACE FUNCTION fluxo_audit_note(p_type text, p_id text, p_tenant uuid, p_after jsonb, p_if_none boolean)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
  -- Entries of other transactions are either not visible or sealed.
  IF p_if_none AND EXISTS (SELECT FROM audit_entries e WHERE e.seq IS NULL) THEN
    RETURN;
  END IF;
  PERFORM fluxo_audit_insert(current_setting('app.audit')::jsonb, NULL, p_tenant, p_type, p_id, NULL, p_after);
END $$;
ALTER FUNCTION fluxo_audit_note(text, text, uuid, jsonb, boolean) OWNER TO fluxo_system;
REVOKE ALL ON FUNCTION fluxo_audit_note(text, text, uuid, jsonb, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_audit_note(text, text, uuid, jsonb, boolean) TO fluxo_app;

-- fluxo_audit_content(entry): the text that its content hash covers. The salt keeps anybody from guessing erased content by its hash.
CREATE OR REPLACE FUNCTION fluxo_audit_content(e audit_entries)
RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object(
    'salt', e.salt, 'id', e.id, 'agencyId', e.agency_id, 'tenantId', e.tenant_id, 'occurredAt', to_char(e.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'actorKind', e.actor_kind, 'actorId', e.actor_id, 'action', e.action, 'resourceType', e.resource_type, 'resourceId', e.resource_id, 'before', e.before, 'after', e.after,
    'ip', e.ip, 'userAgent', e.user_agent, 'requestId', e.request_id)::text
$$;
REVOKE ALL ON FUNCTION fluxo_audit_content(audit_entries) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_audit_content(audit_entries) TO fluxo_app, fluxo_system;

-- fluxo_audit_link(previous, seq, content hash): the hash of an entry: SHA-256 of "previous:seq:content", hashes in lower-case hex; before the first entry, previous is empty.
CREATE OR REPLACE FUNCTION fluxo_audit_link(p_previous bytea, p_seq bigint, p_content bytea)
RETURNS bytea
LANGUAGE sql IMMUTABLE AS $$
  SELECT sha256(convert_to(encode(p_previous, 'hex') || ':' || p_seq || ':' || encode(p_content, 'hex'), 'UTF8'))
$$;
REVOKE ALL ON FUNCTION fluxo_audit_link(bytea, bigint, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_audit_link(bytea, bigint, bytea) TO fluxo_app, fluxo_system;

-- Puts an entry into its chain, at the commit of its transaction.
CREATE OR REPLACE FUNCTION fluxo_audit_seal()
RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
  v_seq bigint;
  v_previous bytea;
  v_content bytea := sha256(convert_to(fluxo_audit_content(NEW), 'UTF8'));
  v_hash bytea;
BEGIN
  INSERT INTO audit_heads (agency_id, seq, hash) VALUES (NEW.agency_id, 0, '') ON CONFLICT (agency_id) DO NOTHING;
  SELECT h.seq + 1, h.hash INTO v_seq, v_previous FROM audit_heads h WHERE h.agency_id = NEW.agency_id FOR UPDATE;
  v_hash := fluxo_audit_link(v_previous, v_seq, v_content);
  UPDATE audit_entries e SET seq = v_seq, content_hash = v_content, previous_hash = v_previous, hash = v_hash WHERE e.agency_id = NEW.agency_id AND e.id = NEW.id;
  UPDATE audit_heads h SET seq = v_seq, hash = v_hash WHERE h.agency_id = NEW.agency_id;
  RETURN NULL;
END $$;
ALTER FUNCTION fluxo_audit_seal() OWNER TO fluxo_system;
REVOKE ALL ON FUNCTION fluxo_audit_seal() FROM PUBLIC;
DROP TRIGGER IF EXISTS audit_entries_seal ON audit_entries;
CREATE CONSTRAINT TRIGGER audit_entries_seal AFTER INSERT ON audit_entries DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fluxo_audit_seal();

-- fluxo_audit_verify(agency, after seq, limit): walks a chain that the transaction's scope sees, over `limit` entries at most. Out: how many were looked at, the last seq looked at, and of the first broken entry its seq and what is
-- wrong: MISSING (it is not there), LINK (it does not follow the one before), HASH, CONTENT (its content was changed). Erased entries are judged by their hashes.
CREATE OR REPLACE FUNCTION fluxo_audit_verify(p_agency uuid, p_after bigint, p_limit int)
RETURNS TABLE (checked bigint, last_seq bigint, broken_seq bigint, fault text)
LANGUAGE plpgsql AS $$
DECLARE
  e audit_entries%ROWTYPE;
  v_previous bytea := '';
  v_head audit_heads%ROWTYPE;
BEGIN
  checked := 0;
  last_seq := p_after;
  -- Before the entries: what is committed meanwhile is then no entry too many.
  SELECT * INTO v_head FROM audit_heads h WHERE h.agency_id = p_agency;
  IF p_after > 0 THEN
    SELECT a.hash INTO v_previous FROM audit_entries a WHERE a.agency_id = p_agency AND a.seq = p_after;
  END IF;
  FOR e IN SELECT * FROM audit_entries a WHERE a.agency_id = p_agency AND a.seq > p_after ORDER BY a.seq LIMIT p_limit LOOP
    broken_seq := last_seq + 1;
    fault := CASE WHEN e.seq <> broken_seq THEN 'MISSING'
                  WHEN e.previous_hash IS DISTINCT FROM v_previous THEN 'LINK'
                  WHEN e.hash IS DISTINCT FROM fluxo_audit_link(e.previous_hash, e.seq, e.content_hash) THEN 'HASH'
                  WHEN e.erased_at IS NULL AND e.content_hash IS DISTINCT FROM sha256(convert_to(fluxo_audit_content(e), 'UTF8')) THEN 'CONTENT' END;
    IF fault IS NOT NULL THEN
      RETURN NEXT;
      RETURN;
    END IF;
    broken_seq := NULL;
    checked := checked + 1;
    last_seq := e.seq;
    v_previous := e.hash;
  END LOOP;
  IF checked < p_limit AND last_seq < coalesce(v_head.seq, 0) THEN
    broken_seq := last_seq + 1;
    fault := 'MISSING';
  ELSIF last_seq = v_head.seq AND v_head.seq > 0 AND v_previous IS DISTINCT FROM v_head.hash THEN
    broken_seq := last_seq;
    fault := 'HASH';
  END IF;
  RETURN NEXT;
END $$;
REVOKE ALL ON FUNCTION fluxo_audit_verify(uuid, bigint, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_audit_verify(uuid, bigint, int) TO fluxo_app;

-- fluxo_audit_erase(tenant): reduces the entries of a tenant to their place, time, kind and hashes: what is left says that something was done, not by whom and to what, and the chain stays
-- whole. Out: how many entries.
CREATE OR REPLACE FUNCTION fluxo_audit_erase(p_tenant uuid)
RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
  v_erased int;
BEGIN
  UPDATE audit_entries SET actor_kind = NULL, actor_id = NULL, resource_id = NULL, before = NULL, after = NULL, ip = NULL, user_agent = NULL, request_id = NULL, salt = NULL, erased_at = clock_timestamp()
  WHERE tenant_id = p_tenant AND erased_at IS NULL AND seq IS NOT NULL;
  GET DIAGNOSTICS v_erased = ROW_COUNT;
  RETURN v_erased;
END $$;
REVOKE ALL ON FUNCTION fluxo_audit_erase(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_audit_erase(uuid) TO fluxo_system;
