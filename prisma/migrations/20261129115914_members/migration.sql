-- People. A member belongs to an agency, or to the operator (no agency). It is invited by an e-mail address; the first sign-in with that address, verified
-- by the identity provider, binds it to the person's issuer and subject, and from then on the address means nothing.
CREATE TABLE "members" (
  "id" UUID NOT NULL,
  "agency_id" UUID,
  "email" TEXT NOT NULL,
  "name" TEXT,
  "role" TEXT NOT NULL,
  -- Whether the member reaches the tenants of member_tenants only. Not derived from them: a member whose last tenant goes must not reach all.
  "is_bound" BOOLEAN NOT NULL DEFAULT false,
  "issuer" TEXT,
  "subject" TEXT,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "joined_at" TIMESTAMPTZ(3),
  "last_login_at" TIMESTAMPTZ(3),
  CONSTRAINT "members_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "members_agency_id_fkey" FOREIGN KEY ("agency_id") REFERENCES "agencies"("id") ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT "members_email_check" CHECK ("email" = lower("email") AND length("email") <= 254),
  CONSTRAINT "members_role_check" CHECK ("role" IN ('operator', 'agencyAdmin', 'builder', 'viewer', 'reviewer')),
  CONSTRAINT "members_owner_check" CHECK (("role" = 'operator') = ("agency_id" IS NULL) AND ("agency_id" IS NOT NULL OR NOT "is_bound")),
  CONSTRAINT "members_identity_check" CHECK (("issuer" IS NULL) = ("subject" IS NULL) AND ("issuer" IS NULL) = ("joined_at" IS NULL))
);
CREATE UNIQUE INDEX "members_agency_id_id_key" ON "members"("agency_id", "id");
CREATE UNIQUE INDEX "members_agency_id_email_key" ON "members"("agency_id", "email");
CREATE UNIQUE INDEX "members_operator_email" ON "members"("email") WHERE (agency_id IS NULL);
CREATE UNIQUE INDEX "members_issuer_subject_agency_id_key" ON "members"("issuer", "subject", "agency_id");
CREATE INDEX "members_invited" ON "members"("email") WHERE (issuer IS NULL);

CREATE TABLE "member_tenants" (
  "tenant_id" UUID NOT NULL,
  "member_id" UUID NOT NULL,
  "agency_id" UUID NOT NULL,
  CONSTRAINT "member_tenants_pkey" PRIMARY KEY ("tenant_id", "member_id"),
  CONSTRAINT "member_tenants_agency_id_member_id_fkey" FOREIGN KEY ("agency_id", "member_id") REFERENCES "members"("agency_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT,
  CONSTRAINT "member_tenants_agency_id_tenant_id_fkey" FOREIGN KEY ("agency_id", "tenant_id") REFERENCES "tenants"("agency_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT
);
CREATE INDEX "member_tenants_member_id_idx" ON "member_tenants"("member_id");

-- Who is signed in. Of the cookie's value only the SHA-256 hash is stored.
CREATE TABLE "sessions" (
  "id" UUID NOT NULL,
  "token_hash" BYTEA NOT NULL,
  "member_id" UUID NOT NULL,
  "agency_id" UUID,
  "created_at" TIMESTAMPTZ(3) NOT NULL,
  "last_seen_at" TIMESTAMPTZ(3) NOT NULL,
  "expires_at" TIMESTAMPTZ(3) NOT NULL,
  "ip" TEXT,
  "user_agent" TEXT,
  CONSTRAINT "sessions_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "sessions_member_id_fkey" FOREIGN KEY ("member_id") REFERENCES "members"("id") ON DELETE CASCADE ON UPDATE RESTRICT
);
CREATE UNIQUE INDEX "sessions_token_hash_key" ON "sessions"("token_hash");
CREATE INDEX "sessions_member_id_idx" ON "sessions"("member_id");
CREATE INDEX "sessions_expires_at_idx" ON "sessions"("expires_at");

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['members', 'member_tenants', 'sessions'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY rows_of_agency ON %I TO fluxo_app USING (agency_id = (SELECT current_agency_id())) WITH CHECK (agency_id = (SELECT current_agency_id()))', t);
  END LOOP;
  FOREACH t IN ARRAY ARRAY['members', 'sessions'] LOOP
    EXECUTE format('CREATE POLICY rows_of_operator ON %I TO fluxo_app USING ((SELECT is_operator()) AND agency_id IS NULL) WITH CHECK ((SELECT is_operator()) AND agency_id IS NULL)', t);
  END LOOP;
END $$;
-- Identities and sessions are made at sign-in, by functions of the system role.
GRANT SELECT, DELETE ON members, sessions TO fluxo_app;
GRANT INSERT (id, agency_id, email, role, is_bound, created_at) ON members TO fluxo_app;
GRANT UPDATE (role, is_bound) ON members TO fluxo_app;
GRANT SELECT, INSERT, DELETE ON member_tenants TO fluxo_app;

CREATE POLICY system_rows ON members TO fluxo_system USING (true) WITH CHECK (true);
CREATE POLICY system_rows ON member_tenants FOR SELECT TO fluxo_system USING (true);
CREATE POLICY system_rows ON sessions TO fluxo_system USING (true) WITH CHECK (true);
GRANT SELECT ON members, member_tenants TO fluxo_system;
GRANT UPDATE (name, issuer, subject, joined_at, last_login_at) ON members TO fluxo_system;
GRANT SELECT, INSERT, DELETE ON sessions TO fluxo_system;
GRANT UPDATE (last_seen_at, member_id, agency_id) ON sessions TO fluxo_system;
