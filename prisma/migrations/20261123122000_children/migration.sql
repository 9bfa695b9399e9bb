-- AlterTable
ALTER TABLE "agencies" ADD COLUMN     "error_tenant_id" UUID,
ADD COLUMN     "error_workflow_id" UUID;

-- AlterTable
ALTER TABLE "executions" ADD COLUMN     "depth" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "expires_at" TIMESTAMPTZ(3),
ADD COLUMN     "has_children" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "is_awaited" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "parent_execution_id" UUID,
ADD COLUMN     "parent_item" INTEGER,
ADD COLUMN     "parent_node_id" TEXT;

-- AlterTable
ALTER TABLE "tenants" ADD COLUMN     "error_workflow_id" UUID;

-- AlterTable
ALTER TABLE "workflows" ADD COLUMN     "error_workflow_id" UUID,
ADD COLUMN     "queued_ttl_seconds" INTEGER;

-- CreateIndex
CREATE INDEX "executions_expiry" ON "executions"("expires_at") WHERE (status = 'QUEUED' AND expires_at IS NOT NULL);

-- CreateIndex
CREATE INDEX "executions_children" ON "executions"("tenant_id", "parent_execution_id") WHERE (parent_execution_id IS NOT NULL);

-- CreateIndex
CREATE INDEX "executions_unheard" ON "executions"("tenant_id", "id") WHERE (is_awaited AND completed_at IS NOT NULL);

-- AddForeignKey
ALTER TABLE "agencies" ADD CONSTRAINT "agencies_id_error_tenant_id_fkey" FOREIGN KEY ("id", "error_tenant_id") REFERENCES "tenants"("agency_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "agencies" ADD CONSTRAINT "agencies_error_tenant_id_error_workflow_id_fkey" FOREIGN KEY ("error_tenant_id", "error_workflow_id") REFERENCES "workflows"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "tenants" ADD CONSTRAINT "tenants_id_error_workflow_id_fkey" FOREIGN KEY ("id", "error_workflow_id") REFERENCES "workflows"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "workflows" ADD CONSTRAINT "workflows_tenant_id_error_workflow_id_fkey" FOREIGN KEY ("tenant_id", "error_workflow_id") REFERENCES "workflows"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;


ALTER TABLE agencies ADD CONSTRAINT agencies_error_workflow_check CHECK ((error_tenant_id IS NULL) = (error_workflow_id IS NULL));
ALTER TABLE workflows ADD CONSTRAINT workflows_queued_ttl_check CHECK (queued_ttl_seconds BETWEEN 1 AND 31622400);
ALTER TABLE executions
  ADD CONSTRAINT executions_depth_check CHECK (depth BETWEEN 0 AND 5),
  ADD CONSTRAINT executions_parent_check CHECK ((parent_execution_id IS NULL) = (parent_node_id IS NULL) AND (parent_execution_id IS NULL) = (parent_item IS NULL)
                                                AND (parent_execution_id IS NOT NULL OR NOT is_awaited));

-- An agency names its own error workflow.
CREATE POLICY change_own_agency ON agencies FOR UPDATE TO fluxo_app USING (id = (SELECT current_agency_id())) WITH CHECK (id = (SELECT current_agency_id()));
GRANT UPDATE (error_tenant_id, error_workflow_id) ON agencies TO fluxo_app;

-- The sweep wakes parents whose children ended unheard.
GRANT UPDATE (resume_at, is_awaited) ON executions TO fluxo_system;
