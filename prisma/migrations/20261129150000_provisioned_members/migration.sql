-- People whom an agency's own systems vouch for by provisioning tokens are members of one tenant, known by their id in those systems. They are not invited, do not sign in with an identity
-- provider, and an address is only told of them. A revoked one is refused until it is restored: were its row deleted, the next token would make it anew.
ALTER TABLE "members"
  ALTER COLUMN "email" DROP NOT NULL,
  ADD COLUMN "tenant_id" UUID,
  ADD COLUMN "external_user_id" TEXT,
  ADD COLUMN "revoked_at" TIMESTAMPTZ(3),
  ADD CONSTRAINT "members_agency_id_tenant_id_fkey" FOREIGN KEY ("agency_id", "tenant_id") REFERENCES "tenants"("agency_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT,
  ADD CONSTRAINT "members_origin_check" CHECK (
    ("external_user_id" IS NULL) = ("tenant_id" IS NULL) AND ("external_user_id" IS NULL OR ("is_bound" AND "issuer" IS NULL)) AND ("external_user_id" IS NOT NULL OR ("email" IS NOT NULL AND "revoked_at" IS NULL))
  );
CREATE UNIQUE INDEX "members_tenant_id_id_key" ON "members"("tenant_id", "id");
CREATE UNIQUE INDEX "members_tenant_id_external_user_id_key" ON "members"("tenant_id", "external_user_id");
-- An address is a person's in an agency when it was invited; what tokens tell of people need not be unique.
DROP INDEX "members_agency_id_email_key";
CREATE UNIQUE INDEX "members_agency_id_email_key" ON "members"("agency_id", "email") WHERE (external_user_id IS NULL);
DROP INDEX "members_invited";
CREATE INDEX "members_invited" ON "members"("email") WHERE (issuer IS NULL AND external_user_id IS NULL);

GRANT INSERT ("tenant_id", "external_user_id", "last_login_at") ON "members" TO fluxo_app;
GRANT UPDATE ("email", "last_login_at", "revoked_at") ON "members" TO fluxo_app;

-- A key that a token gave to a person acts as that person.
ALTER TABLE "api_keys"
  ADD COLUMN "member_id" UUID,
  ADD CONSTRAINT "api_keys_tenant_id_member_id_fkey" FOREIGN KEY ("tenant_id", "member_id") REFERENCES "members"("tenant_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT,
  ADD CONSTRAINT "api_keys_member_check" CHECK ("member_id" IS NULL OR "tenant_id" IS NOT NULL);
CREATE INDEX "api_keys_member_id_idx" ON "api_keys"("member_id") WHERE (member_id IS NOT NULL);
