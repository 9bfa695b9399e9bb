-- The version of an execution is one of its workflow: one foreign key says both.
CREATE UNIQUE INDEX "workflow_versions_tenant_id_workflow_id_id_key" ON "workflow_versions"("tenant_id", "workflow_id", "id");
ALTER TABLE "executions" DROP CONSTRAINT "executions_tenant_id_workflow_id_fkey", DROP CONSTRAINT "executions_tenant_id_version_id_fkey";
ALTER TABLE "executions" ADD CONSTRAINT "executions_tenant_id_workflow_id_version_id_fkey"
  FOREIGN KEY ("tenant_id", "workflow_id", "version_id") REFERENCES "workflow_versions"("tenant_id", "workflow_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;
