-- Workflow templates of an agency, the tenants that have one, and rollouts of a version to many of them.
CREATE TABLE "workflow_templates" (
  "agency_id" UUID NOT NULL,
  "id" UUID NOT NULL,
  "name" TEXT NOT NULL,
  "description" TEXT NOT NULL DEFAULT '',
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "workflow_templates_pkey" PRIMARY KEY ("agency_id", "id"),
  CONSTRAINT "workflow_templates_agency_id_fkey" FOREIGN KEY ("agency_id") REFERENCES "agencies"("id") ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "workflow_templates_agency_id_name_key" ON "workflow_templates"("agency_id", "name");

CREATE TABLE "template_versions" (
  "agency_id" UUID NOT NULL,
  "id" UUID NOT NULL,
  "template_id" UUID NOT NULL,
  "number" INTEGER NOT NULL,
  "graph" JSONB NOT NULL,
  "parameters" JSONB NOT NULL,
  "locks" JSONB NOT NULL,
  "note" TEXT NOT NULL DEFAULT '',
  "content_hash" TEXT NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "created_by" UUID NOT NULL,
  CONSTRAINT "template_versions_pkey" PRIMARY KEY ("agency_id", "id"),
  CONSTRAINT "template_versions_agency_id_template_id_fkey" FOREIGN KEY ("agency_id", "template_id") REFERENCES "workflow_templates"("agency_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT
);
CREATE UNIQUE INDEX "template_versions_agency_id_template_id_number_key" ON "template_versions"("agency_id", "template_id", "number");
CREATE UNIQUE INDEX "template_versions_agency_id_template_id_content_hash_key" ON "template_versions"("agency_id", "template_id", "content_hash");
CREATE FUNCTION refuse_template_version_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'template version % never changes', OLD.id USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER template_versions_immutable BEFORE UPDATE ON template_versions FOR EACH ROW EXECUTE FUNCTION refuse_template_version_change();

-- A template in one tenant. `base` is the version's graph filled in for the tenant: what the tenant's own changes are counted from.
CREATE TABLE "template_installations" (
  "tenant_id" UUID NOT NULL,
  "template_id" UUID NOT NULL,
  "agency_id" UUID NOT NULL,
  "workflow_id" UUID NOT NULL,
  "version_id" UUID NOT NULL,
  "version_number" INTEGER NOT NULL,
  "parameters" JSONB NOT NULL,
  "previous_version_id" UUID,
  "previous_parameters" JSONB,
  "base" JSONB NOT NULL,
  "locks" JSONB NOT NULL,
  "overrides" JSONB NOT NULL DEFAULT '[]',
  "refused_version_number" INTEGER,
  "refused_code" TEXT,
  "refused_message" TEXT,
  "conflicts" JSONB NOT NULL DEFAULT '[]',
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "template_installations_pkey" PRIMARY KEY ("tenant_id", "template_id"),
  CONSTRAINT "template_installations_tenant_id_workflow_id_fkey" FOREIGN KEY ("tenant_id", "workflow_id") REFERENCES "workflows"("tenant_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT,
  CONSTRAINT "template_installations_agency_id_tenant_id_fkey" FOREIGN KEY ("agency_id", "tenant_id") REFERENCES "tenants"("agency_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT "template_installations_agency_id_template_id_fkey" FOREIGN KEY ("agency_id", "template_id") REFERENCES "workflow_templates"("agency_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT "template_installations_agency_id_version_id_fkey" FOREIGN KEY ("agency_id", "version_id") REFERENCES "template_versions"("agency_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT "template_installations_agency_id_previous_version_id_fkey" FOREIGN KEY ("agency_id", "previous_version_id") REFERENCES "template_versions"("agency_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT "template_installations_previous_check" CHECK (("previous_version_id" IS NULL) = ("previous_parameters" IS NULL)),
  CONSTRAINT "template_installations_refused_check" CHECK (("refused_code" IS NULL) = ("refused_version_number" IS NULL) AND ("refused_code" IS NULL) = ("refused_message" IS NULL))
);
CREATE UNIQUE INDEX "template_installations_tenant_id_workflow_id_key" ON "template_installations"("tenant_id", "workflow_id");
CREATE INDEX "template_installations_agency_id_template_id_tenant_id_idx" ON "template_installations"("agency_id", "template_id", "tenant_id");

-- A version on its way to many tenants. Worked tenant by tenant, canary tenants first.
CREATE TABLE "template_rollouts" (
  "agency_id" UUID NOT NULL,
  "id" UUID NOT NULL,
  "template_id" UUID NOT NULL,
  "kind" TEXT NOT NULL,
  "version_id" UUID,
  "rolls_back_id" UUID,
  "status" TEXT NOT NULL,
  "phase" TEXT NOT NULL,
  "canary_policy" JSONB,
  "on_conflict" TEXT NOT NULL,
  "stop_code" TEXT,
  "stop_message" TEXT,
  "created_by" UUID NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "canary_done_at" TIMESTAMPTZ(3),
  "completed_at" TIMESTAMPTZ(3),
  "next_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "lease_owner" TEXT,
  "lease_until" TIMESTAMPTZ(3),
  "lease_epoch" INTEGER NOT NULL DEFAULT 0,
  CONSTRAINT "template_rollouts_pkey" PRIMARY KEY ("agency_id", "id"),
  CONSTRAINT "template_rollouts_agency_id_template_id_fkey" FOREIGN KEY ("agency_id", "template_id") REFERENCES "workflow_templates"("agency_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT,
  CONSTRAINT "template_rollouts_agency_id_version_id_fkey" FOREIGN KEY ("agency_id", "version_id") REFERENCES "template_versions"("agency_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT "template_rollouts_agency_id_rolls_back_id_fkey" FOREIGN KEY ("agency_id", "rolls_back_id") REFERENCES "template_rollouts"("agency_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT "template_rollouts_kind_check" CHECK (("kind" = 'rollout' AND "version_id" IS NOT NULL AND "rolls_back_id" IS NULL) OR ("kind" = 'rollback' AND "version_id" IS NULL AND "rolls_back_id" IS NOT NULL)),
  CONSTRAINT "template_rollouts_status_check" CHECK ("status" IN ('RUNNING', 'PAUSED', 'AWAITING_APPROVAL', 'STOPPED', 'ABORTED', 'DONE')),
  CONSTRAINT "template_rollouts_phase_check" CHECK ("phase" IN ('CANARY', 'OBSERVE', 'REST')),
  CONSTRAINT "template_rollouts_stopped_check" CHECK (("status" = 'STOPPED') = ("stop_code" IS NOT NULL AND "stop_message" IS NOT NULL)),
  CONSTRAINT "template_rollouts_completed_check" CHECK (("status" IN ('ABORTED', 'DONE')) = ("completed_at" IS NOT NULL)),
  CONSTRAINT "template_rollouts_conflict_check" CHECK ("on_conflict" IN ('refuse', 'keepTenant', 'takeTemplate'))
);
CREATE INDEX "template_rollouts_agency_id_template_id_id_idx" ON "template_rollouts"("agency_id", "template_id", "id");
CREATE INDEX "template_rollouts_due" ON "template_rollouts"("next_at") WHERE (status = 'RUNNING');

-- One tenant of a rollout: changed in the transaction that changes the tenant's workflow, so that nothing is done twice.
CREATE TABLE "template_rollout_items" (
  "tenant_id" UUID NOT NULL,
  "rollout_id" UUID NOT NULL,
  "agency_id" UUID NOT NULL,
  "position" INTEGER NOT NULL,
  "is_canary" BOOLEAN NOT NULL,
  "target_version_id" UUID,
  "parameters" JSONB NOT NULL,
  "expected_version_id" UUID,
  "status" TEXT NOT NULL DEFAULT 'PENDING',
  "code" TEXT,
  "message" TEXT,
  "from_version_id" UUID,
  "from_parameters" JSONB,
  "workflow_id" UUID,
  "workflow_version_id" UUID,
  "done_at" TIMESTAMPTZ(3),
  CONSTRAINT "template_rollout_items_pkey" PRIMARY KEY ("tenant_id", "rollout_id"),
  CONSTRAINT "template_rollout_items_agency_id_rollout_id_fkey" FOREIGN KEY ("agency_id", "rollout_id") REFERENCES "template_rollouts"("agency_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT,
  CONSTRAINT "template_rollout_items_agency_id_tenant_id_fkey" FOREIGN KEY ("agency_id", "tenant_id") REFERENCES "tenants"("agency_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT "template_rollout_items_status_check" CHECK ("status" IN ('PENDING', 'DONE', 'BLOCKED', 'CONFLICT', 'FAILED', 'SKIPPED')),
  CONSTRAINT "template_rollout_items_code_check" CHECK (("status" IN ('PENDING', 'DONE')) = ("code" IS NULL)),
  CONSTRAINT "template_rollout_items_done_check" CHECK (("status" = 'PENDING') = ("done_at" IS NULL))
);
CREATE UNIQUE INDEX "template_rollout_items_agency_id_rollout_id_position_key" ON "template_rollout_items"("agency_id", "rollout_id", "position");
CREATE INDEX "template_rollout_items_pending" ON "template_rollout_items"("agency_id", "rollout_id", "position") WHERE (status = 'PENDING');

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['workflow_templates', 'template_versions', 'template_installations', 'template_rollouts', 'template_rollout_items'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
  END LOOP;
  FOREACH t IN ARRAY ARRAY['workflow_templates', 'template_versions', 'template_rollouts', 'template_rollout_items'] LOOP
    EXECUTE format('CREATE POLICY agency_rows ON %I TO fluxo_app USING (agency_id = (SELECT current_agency_id())) WITH CHECK (agency_id = (SELECT current_agency_id()))', t);
  END LOOP;
  FOREACH t IN ARRAY ARRAY['template_installations', 'template_rollout_items'] LOOP
    EXECUTE format('CREATE POLICY tenant_rows ON %I TO fluxo_app USING (tenant_id = (SELECT current_tenant_id())) WITH CHECK (tenant_id = (SELECT current_tenant_id()))', t);
  END LOOP;
END $$;
-- An agency sees how its tenants stand, and changes an installation only as the tenant.
CREATE POLICY agency_reads ON template_installations FOR SELECT TO fluxo_app USING (agency_id = (SELECT current_agency_id()));
GRANT SELECT, INSERT ON template_versions TO fluxo_app;
GRANT SELECT, INSERT, UPDATE ON workflow_templates, template_installations, template_rollouts, template_rollout_items TO fluxo_app;

-- The system role finds rollouts that are due and leases them; it reads nothing else of them.
CREATE POLICY system_rows ON template_rollouts TO fluxo_system USING (true) WITH CHECK (true);
GRANT SELECT (agency_id, id, status, next_at, lease_owner, lease_until, lease_epoch) ON template_rollouts TO fluxo_system;
GRANT UPDATE (lease_owner, lease_until, lease_epoch) ON template_rollouts TO fluxo_system;
