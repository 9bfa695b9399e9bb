-- The audit log: what was done by whom, one chain of hashes per agency. The functions are in functions/audit.sql.
CREATE TABLE "audit_entries" (
  "agency_id" UUID NOT NULL,
  "id" UUID NOT NULL,
  "seq" BIGINT,
  "occurred_at" TIMESTAMPTZ(3) NOT NULL,
  "tenant_id" UUID,
  "actor_kind" TEXT,
  "actor_id" TEXT,
  "action" TEXT NOT NULL,
  "resource_type" TEXT NOT NULL,
  "resource_id" TEXT,
  "before" JSONB,
  "after" JSONB,
  "ip" TEXT,
  "user_agent" TEXT,
  "request_id" TEXT,
  "salt" UUID,
  "erased_at" TIMESTAMPTZ(3),
  "content_hash" BYTEA,
  "previous_hash" BYTEA,
  "hash" BYTEA,
  CONSTRAINT "audit_entries_pkey" PRIMARY KEY ("agency_id", "id"),
  CONSTRAINT "audit_entries_sealed_check" CHECK (("seq" IS NULL) = ("hash" IS NULL) AND ("hash" IS NULL) = ("content_hash" IS NULL) AND ("hash" IS NULL) = ("previous_hash" IS NULL))
);
CREATE UNIQUE INDEX "audit_entries_agency_id_seq_key" ON "audit_entries"("agency_id", "seq");
CREATE INDEX "audit_entries_agency_id_occurred_at_idx" ON "audit_entries"("agency_id", "occurred_at");
CREATE INDEX "audit_entries_agency_id_tenant_id_seq_idx" ON "audit_entries"("agency_id", "tenant_id", "seq");
CREATE INDEX "audit_entries_agency_id_actor_id_seq_idx" ON "audit_entries"("agency_id", "actor_id", "seq");
CREATE INDEX "audit_entries_agency_id_resource_id_seq_idx" ON "audit_entries"("agency_id", "resource_id", "seq");
-- Entries that their transaction has not put into the chain yet: never more than a few.
CREATE INDEX "audit_entries_open" ON "audit_entries"("agency_id") WHERE seq IS NULL;

-- Where the chain of each agency ends.
CREATE TABLE "audit_heads" (
  "agency_id" UUID NOT NULL,
  "seq" BIGINT NOT NULL,
  "hash" BYTEA NOT NULL,
  CONSTRAINT "audit_heads_pkey" PRIMARY KEY ("agency_id")
) WITH (fillfactor = 50);

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['audit_entries', 'audit_heads'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY agency_rows ON %I FOR SELECT TO fluxo_app USING (agency_id = (SELECT current_agency_id()))', t);
    EXECUTE format('CREATE POLICY operator_rows ON %I FOR SELECT TO fluxo_app USING (agency_id = ''00000000-0000-0000-0000-000000000000'' AND (SELECT current_setting(''app.operator'', true)) = ''on'')', t);
    EXECUTE format('CREATE POLICY system_rows ON %I TO fluxo_system USING (true) WITH CHECK (true)', t);
  END LOOP;
END $$;
-- The tenant role reads. Writing is for functions that run as the system role, and it can neither delete nor change what the chain covers.
GRANT SELECT ON audit_entries, audit_heads TO fluxo_app;
GRANT SELECT, INSERT ON audit_entries, audit_heads TO fluxo_system;
GRANT UPDATE (seq, content_hash, previous_hash, hash, actor_kind, actor_id, resource_id, before, after, ip, user_agent, request_id, salt, erased_at) ON audit_entries TO fluxo_system;
GRANT UPDATE (seq, hash) ON audit_heads TO fluxo_system;

-- Whoever writes, the owner too: an entry gets its place in the chain once, may be reduced to its hashes once, and otherwise stays as it is.
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  v_kept audit_entries%ROWTYPE;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    v_kept := NEW;
    IF OLD.seq IS NULL THEN
      v_kept.seq := NULL;
      v_kept.content_hash := NULL;
      v_kept.previous_hash := NULL;
      v_kept.hash := NULL;
      IF NEW.seq IS NOT NULL AND v_kept IS NOT DISTINCT FROM OLD THEN
        RETURN NEW;
      END IF;
    ELSIF OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL
      AND num_nonnulls(NEW.actor_kind, NEW.actor_id, NEW.resource_id, NEW.before, NEW.after, NEW.ip, NEW.user_agent, NEW.request_id, NEW.salt) = 0
      AND (NEW.agency_id, NEW.id, NEW.seq, NEW.occurred_at, NEW.tenant_id, NEW.action, NEW.resource_type, NEW.content_hash, NEW.previous_hash, NEW.hash)
        IS NOT DISTINCT FROM (OLD.agency_id, OLD.id, OLD.seq, OLD.occurred_at, OLD.tenant_id, OLD.action, OLD.resource_type, OLD.content_hash, OLD.previous_hash, OLD.hash) THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER audit_entries_fixed BEFORE UPDATE OR DELETE ON audit_entries FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_entries_kept BEFORE TRUNCATE ON audit_entries FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

CREATE FUNCTION refuse_audit_head_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.agency_id = OLD.agency_id AND NEW.seq = OLD.seq + 1 THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER audit_heads_fixed BEFORE UPDATE OR DELETE ON audit_heads FOR EACH ROW EXECUTE FUNCTION refuse_audit_head_change();
CREATE TRIGGER audit_heads_kept BEFORE TRUNCATE ON audit_heads FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_head_change();
