-- Sign-in and sessions: what happens before it is known whose rows a request may see. SECURITY DEFINER as fluxo_system, whose policies cover just these tables.

-- fluxo_sign_in: binds the invitations of a verified address to the person, chooses the membership that was used last, opens a session for it, and leaves an entry in the audit log.
-- In:  the person as the identity provider names it; the address only when the provider has verified it.
-- Out: no row when nobody invited this person; a row without a member when invitations of this address have expired, and it is a member nowhere.
-- A person who comes with the address of a member, but is another account, is refused as well, and leaves an entry in the log of that member's agency. Strangers leave none: they are nobody's.
DROP FUNCTION IF EXISTS fluxo_sign_in(text, text, text, text, uuid, bytea, timestamptz, timestamptz, text, text, text); -- CREATE OR REPLACE changes no result type
CREATE FUNCTION fluxo_sign_in(p_issuer text, p_subject text, p_email text, p_name text, p_session uuid, p_token_hash bytea, p_now timestamptz, p_expires_at timestamptz, p_ip text, p_user_agent text, p_request_id text)
RETURNS TABLE (member_id uuid, agency_id uuid, is_expired boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
#variable_conflict use_column
DECLARE
  v_member record;
  v_is_expired boolean;
BEGIN
  -- A person is a member of an agency once, also when it was invited by two addresses.
  UPDATE members m SET issuer = p_issuer, subject = p_subject, joined_at = p_now
  WHERE m.email = lower(p_email) AND m.issuer IS NULL AND m.external_user_id IS NULL AND m.invitation_expires_at > p_now
    AND NOT EXISTS (SELECT FROM members o WHERE o.issuer = p_issuer AND o.subject = p_subject AND o.agency_id IS NOT DISTINCT FROM m.agency_id);
  SELECT m.id, m.agency_id INTO v_member FROM members m LEFT JOIN agencies a ON a.id = m.agency_id
  WHERE m.issuer = p_issuer AND m.subject = p_subject
  ORDER BY (a.status = 'SUSPENDED') NULLS FIRST, m.last_login_at DESC NULLS LAST, m.created_at, m.id LIMIT 1;
  IF NOT FOUND THEN
    -- An invitation that is still nobody's was not bound above, so its time is over.
    WITH refused AS (
      SELECT o.id, o.agency_id, o.issuer IS NULL AS is_expired FROM members o WHERE o.email = lower(p_email) AND o.external_user_id IS NULL ORDER BY o.id LIMIT 100
    ), noted AS (
      SELECT r.is_expired, fluxo_audit_insert(
        jsonb_build_object('actorKind', 'person', 'actorId', left(p_subject, 200), 'action', 'finishSignIn', 'ip', p_ip, 'userAgent', p_user_agent, 'requestId', p_request_id),
        r.agency_id, NULL, 'member', r.id::text, NULL, jsonb_build_object('refused', CASE WHEN r.is_expired THEN 'INVITATION_EXPIRED' ELSE 'NOT_A_MEMBER' END))
      FROM refused r
    )
    SELECT bool_or(n.is_expired) INTO v_is_expired FROM noted n;
    IF v_is_expired THEN
      RETURN QUERY SELECT NULL::uuid, NULL::uuid, true;
    END IF;
    RETURN;
  END IF;
  UPDATE members m SET last_login_at = p_now, name = coalesce(p_name, m.name) WHERE m.id = v_member.id;
  DELETE FROM sessions s WHERE s.id IN (SELECT o.id FROM sessions o WHERE o.expires_at < p_now ORDER BY o.expires_at LIMIT 100 FOR UPDATE SKIP LOCKED);
  INSERT INTO sessions (id, token_hash, member_id, agency_id, created_at, last_seen_at, expires_at, ip, user_agent)
  VALUES (p_session, p_token_hash, v_member.id, v_member.agency_id, p_now, p_now, p_expires_at, p_ip, p_user_agent);
  PERFORM fluxo_audit_insert(
    jsonb_build_object('actorKind', 'member', 'actorId', v_member.id, 'action', 'finishSignIn', 'ip', p_ip, 'userAgent', p_user_agent, 'requestId', p_request_id),
    v_member.agency_id, NULL, 'session', p_session::text, NULL, NULL);
  RETURN QUERY SELECT v_member.id, v_member.agency_id, false;
END $$;
ALTER FUNCTION fluxo_sign_in(text, text, text, text, uuid, bytea, timestamptz, timestamptz, text, text, text) OWNER TO fluxo_system;
REVOKE ALL ON FUNCTION fluxo_sign_in(text, text, text, text, uuid, bytea, timestamptz, timestamptz, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_sign_in(text, text, text, text, uuid, bytea, timestamptz, timestamptz, text, text, text) TO fluxo_app;

-- fluxo_seats_taken(tenant, except, now): how many members are bound to a tenant, besides one of them. An invitation holds a seat until it expires.
CREATE OR REPLACE FUNCTION fluxo_seats_taken(p_tenant uuid, p_except uuid, p_now timestamptz) RETURNS int
LANGUAGE sql STABLE AS $$
  SELECT count(*)::int FROM member_tenants t JOIN members m ON m.agency_id = t.agency_id AND m.id = t.member_id
  WHERE t.tenant_id = p_tenant AND m.id IS DISTINCT FROM p_except AND (m.joined_at IS NOT NULL OR m.external_user_id IS NOT NULL OR m.invitation_expires_at > p_now)
$$;
REVOKE ALL ON FUNCTION fluxo_seats_taken(uuid, uuid, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_seats_taken(uuid, uuid, timestamptz) TO fluxo_app;

-- fluxo_resolve_session: who is signed in with a cookie, as it is now.
DROP FUNCTION IF EXISTS fluxo_resolve_session(bytea); -- CREATE OR REPLACE changes no result type
CREATE FUNCTION fluxo_resolve_session(p_token_hash bytea)
RETURNS TABLE (id uuid, member_id uuid, agency_id uuid, role text, tenant_ids uuid[], last_seen_at timestamptz, expires_at timestamptz, is_suspended boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  SELECT s.id, m.id, m.agency_id, m.role, CASE WHEN m.is_bound THEN coalesce((SELECT array_agg(t.tenant_id) FROM member_tenants t WHERE t.member_id = m.id), '{}') END,
         s.last_seen_at, s.expires_at, coalesce(a.status = 'SUSPENDED', false)
  FROM sessions s JOIN members m ON m.id = s.member_id LEFT JOIN agencies a ON a.id = m.agency_id WHERE s.token_hash = p_token_hash
$$;
ALTER FUNCTION fluxo_resolve_session(bytea) OWNER TO fluxo_system;
REVOKE ALL ON FUNCTION fluxo_resolve_session(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_resolve_session(bytea) TO fluxo_app;

-- fluxo_note_session_uses: as fluxo_note_key_uses.
CREATE OR REPLACE FUNCTION fluxo_note_session_uses(p_ids uuid[], p_used_at timestamptz[])
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  WITH uses AS (SELECT u.id, u.used_at FROM unnest(p_ids, p_used_at) AS u (id, used_at)),
       due AS (SELECT s.id FROM sessions s JOIN uses u USING (id) WHERE s.last_seen_at <= u.used_at - interval '1 minute' FOR UPDATE OF s SKIP LOCKED)
  UPDATE sessions s SET last_seen_at = u.used_at FROM uses u JOIN due d USING (id) WHERE s.id = u.id
$$;
ALTER FUNCTION fluxo_note_session_uses(uuid[], timestamptz[]) OWNER TO fluxo_system;
REVOKE ALL ON FUNCTION fluxo_note_session_uses(uuid[], timestamptz[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_note_session_uses(uuid[], timestamptz[]) TO fluxo_app;

-- fluxo_memberships: every membership of the person behind a session.
CREATE OR REPLACE FUNCTION fluxo_memberships(p_session uuid)
RETURNS TABLE (member_id uuid, agency_id uuid, agency_name text, role text, email text, name text, is_current boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  SELECT m.id, m.agency_id, a.name, m.role, m.email, m.name, m.id = c.id
  FROM sessions s JOIN members c ON c.id = s.member_id JOIN members m ON m.issuer = c.issuer AND m.subject = c.subject LEFT JOIN agencies a ON a.id = m.agency_id
  WHERE s.id = p_session ORDER BY m.created_at, m.id
$$;
ALTER FUNCTION fluxo_memberships(uuid) OWNER TO fluxo_system;
REVOKE ALL ON FUNCTION fluxo_memberships(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_memberships(uuid) TO fluxo_app;

-- fluxo_switch_session: a session goes on as another membership of the same person. False: the person has no such membership.
CREATE OR REPLACE FUNCTION fluxo_switch_session(p_session uuid, p_member uuid, p_now timestamptz)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
  UPDATE sessions s SET member_id = m.id, agency_id = m.agency_id, last_seen_at = p_now
  FROM members m, members c
  WHERE s.id = p_session AND c.id = s.member_id AND m.id = p_member AND m.issuer = c.issuer AND m.subject = c.subject;
  IF NOT FOUND THEN RETURN false; END IF;
  UPDATE members m SET last_login_at = p_now WHERE m.id = p_member;
  RETURN true;
END $$;
ALTER FUNCTION fluxo_switch_session(uuid, uuid, timestamptz) OWNER TO fluxo_system;
REVOKE ALL ON FUNCTION fluxo_switch_session(uuid, uuid, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_switch_session(uuid, uuid, timestamptz) TO fluxo_app;

-- fluxo_sign_out: ends the session with a token, if there is one, and leaves an entry of its member in the audit log. In: the operation that ends it.
CREATE OR REPLACE FUNCTION fluxo_sign_out(p_token_hash bytea, p_action text, p_ip text, p_user_agent text, p_request_id text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
  v_session sessions%ROWTYPE;
BEGIN
  DELETE FROM sessions s WHERE s.token_hash = p_token_hash RETURNING * INTO v_session;
  IF NOT FOUND THEN RETURN; END IF;
  PERFORM fluxo_audit_insert(
    jsonb_build_object('actorKind', 'member', 'actorId', v_session.member_id, 'action', p_action, 'ip', p_ip, 'userAgent', p_user_agent, 'requestId', p_request_id),
    v_session.agency_id, NULL, 'session', v_session.id::text, NULL, '{"isEnded": true}');
END $$;
ALTER FUNCTION fluxo_sign_out(bytea, text, text, text, text) OWNER TO fluxo_system;
REVOKE ALL ON FUNCTION fluxo_sign_out(bytea, text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxo_sign_out(bytea, text, text, text, text) TO fluxo_app;
