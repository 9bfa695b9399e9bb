-- The failures of a tenant, latest first: an index that holds failed nodes only.
CREATE INDEX "node_executions_failed" ON "node_executions"("tenant_id", "completed_at" DESC, "execution_id" DESC, "node_id", "item") WHERE status = 'FAILED';
