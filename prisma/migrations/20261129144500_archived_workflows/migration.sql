-- A workflow that is archived is off, and its name is free. One that is deleted keeps its row while executions refer to it: they stay explainable as long as they live.
ALTER TABLE "workflows"
  ADD COLUMN "archived_at" TIMESTAMPTZ(3),
  ADD COLUMN "deleted_at" TIMESTAMPTZ(3),
  ADD CONSTRAINT "workflows_archived_check" CHECK ("archived_at" IS NULL OR NOT "is_active"),
  ADD CONSTRAINT "workflows_deleted_check" CHECK ("deleted_at" IS NULL OR ("archived_at" IS NOT NULL AND "published_version_id" IS NULL));
DROP INDEX "workflows_tenant_id_name_key";
CREATE UNIQUE INDEX "workflows_tenant_id_name_key" ON "workflows"("tenant_id", "name") WHERE (archived_at IS NULL);

-- What the deletion of a workflow leaves of it is the eraser's to write, and nobody else's.
GRANT UPDATE ("deleted_at", "draft", "draft_revision", "pins", "updated_at") ON "workflows" TO fluxo_eraser;
GRANT UPDATE ("is_enabled", "hook_token", "sealed_secret", "updated_at") ON "triggers" TO fluxo_eraser;
GRANT SELECT ("archived_at", "deleted_at") ON "workflows" TO fluxo_agency;
