-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateTable
CREATE TABLE "agencies" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "agencies_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "plans" (
    "id" UUID NOT NULL,
    "agency_id" UUID,
    "code" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "tier_rank" INTEGER NOT NULL,
    "executions_per_month" INTEGER NOT NULL,
    "nodes_per_workflow_max" INTEGER NOT NULL,
    "concurrency_max" INTEGER NOT NULL,
    "concurrency_class" TEXT NOT NULL,
    "weight" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "plans_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "tenants" (
    "id" UUID NOT NULL,
    "agency_id" UUID NOT NULL,
    "plan_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "external_id" TEXT,
    "time_zone" TEXT NOT NULL DEFAULT 'UTC',
    "status" TEXT NOT NULL DEFAULT 'ACTIVE',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "tenants_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "api_keys" (
    "id" UUID NOT NULL,
    "agency_id" UUID NOT NULL,
    "tenant_id" UUID,
    "name" TEXT NOT NULL,
    "prefix" TEXT NOT NULL,
    "secret_hash" BYTEA NOT NULL,
    "scopes" TEXT[],
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_keys_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "workflows" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "is_active" BOOLEAN NOT NULL DEFAULT false,
    "draft" JSONB NOT NULL,
    "draft_revision" INTEGER NOT NULL DEFAULT 1,
    "published_version_id" UUID,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "workflows_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "workflow_versions" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "workflow_id" UUID NOT NULL,
    "number" INTEGER NOT NULL,
    "graph" JSONB NOT NULL,
    "content_hash" TEXT NOT NULL,
    "node_count" INTEGER NOT NULL,
    "node_types" TEXT[],
    "published_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "published_by" UUID,

    CONSTRAINT "workflow_versions_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "triggers" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "workflow_id" UUID NOT NULL,
    "node_id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "config" JSONB NOT NULL,
    "is_enabled" BOOLEAN NOT NULL DEFAULT true,
    "hook_token" TEXT,
    "sealed_secret" BYTEA,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "triggers_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "occurrences" (
    "tenant_id" UUID NOT NULL,
    "trigger_id" UUID NOT NULL,
    "occurrence_key" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "execution_id" UUID,
    "fingerprint" TEXT,
    "occurred_at" TIMESTAMPTZ(3) NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "occurrences_pkey" PRIMARY KEY ("tenant_id","trigger_id","occurrence_key")
);

-- CreateTable
CREATE TABLE "executions" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "workflow_id" UUID NOT NULL,
    "version_id" UUID NOT NULL,
    "trigger_id" UUID NOT NULL,
    "trigger_node_id" TEXT NOT NULL,
    "occurrence_key" TEXT,
    "status" TEXT NOT NULL,
    "reason" TEXT,
    "concurrency_class" TEXT NOT NULL,
    "inngest_event_id" TEXT,
    "queued_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "started_at" TIMESTAMPTZ(3),
    "completed_at" TIMESTAMPTZ(3),
    "input" JSONB,
    "input_ref" UUID,
    "output" JSONB,
    "output_ref" UUID,
    "error_code" TEXT,
    "error_message" TEXT,
    "error_stack" TEXT,
    "error_node_id" TEXT,
    "lease_owner" TEXT,
    "lease_until" TIMESTAMPTZ(3),
    "lease_epoch" INTEGER NOT NULL DEFAULT 0,
    "resume_at" TIMESTAMPTZ(3),
    "rerun_of" UUID,
    "cancel_requested_at" TIMESTAMPTZ(3),
    "wake_count" INTEGER NOT NULL DEFAULT 0,
    "released_at" TIMESTAMPTZ(3),
    "starved_at" TIMESTAMPTZ(3),
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "executions_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "node_executions" (
    "tenant_id" UUID NOT NULL,
    "execution_id" UUID NOT NULL,
    "node_id" TEXT NOT NULL,
    "item" INTEGER NOT NULL DEFAULT 0,
    "position" INTEGER NOT NULL,
    "node_type" TEXT NOT NULL,
    "node_name" TEXT NOT NULL,
    "integration" TEXT,
    "status" TEXT NOT NULL,
    "attempt" INTEGER NOT NULL,
    "ports" TEXT[],
    "output" JSONB,
    "output_ref" UUID,
    "failure" JSONB,
    "attempts" JSONB NOT NULL DEFAULT '[]',
    "started_at" TIMESTAMPTZ(3),
    "completed_at" TIMESTAMPTZ(3),
    "resume_at" TIMESTAMPTZ(3),
    "reason" TEXT,
    "epoch" INTEGER NOT NULL,

    CONSTRAINT "node_executions_pkey" PRIMARY KEY ("tenant_id","execution_id","node_id","item")
);

-- CreateTable
CREATE TABLE "payloads" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "execution_id" UUID NOT NULL,
    "bytes" INTEGER NOT NULL,
    "body" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "payloads_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "outbox" (
    "id" BIGSERIAL NOT NULL,
    "tenant_id" UUID NOT NULL,
    "execution_id" UUID NOT NULL,
    "concurrency_class" TEXT NOT NULL,
    "event_id" TEXT NOT NULL,
    "deliver_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "claimed_by" TEXT,
    "claimed_until" TIMESTAMPTZ(3),

    CONSTRAINT "outbox_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "concurrency_slots" (
    "tenant_id" UUID NOT NULL,
    "used" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "concurrency_slots_pkey" PRIMARY KEY ("tenant_id")
);

-- CreateTable
CREATE TABLE "usage_windows" (
    "tenant_id" UUID NOT NULL,
    "metric" TEXT NOT NULL,
    "window_start" TIMESTAMPTZ(3) NOT NULL,
    "window_end" TIMESTAMPTZ(3) NOT NULL,
    "used" INTEGER NOT NULL DEFAULT 0,
    "reserved" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "usage_windows_pkey" PRIMARY KEY ("tenant_id","metric","window_start")
);

-- CreateTable
CREATE TABLE "reservations" (
    "tenant_id" UUID NOT NULL,
    "execution_id" UUID NOT NULL,
    "metric" TEXT NOT NULL,
    "window_start" TIMESTAMPTZ(3) NOT NULL,
    "amount" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "reservations_pkey" PRIMARY KEY ("tenant_id","execution_id","metric")
);

-- CreateIndex
CREATE UNIQUE INDEX "plans_agency_id_code_key" ON "plans"("agency_id", "code");

-- CreateIndex
CREATE UNIQUE INDEX "tenants_agency_id_id_key" ON "tenants"("agency_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "tenants_agency_id_external_id_key" ON "tenants"("agency_id", "external_id");

-- CreateIndex
CREATE UNIQUE INDEX "tenants_agency_id_name_key" ON "tenants"("agency_id", "name");

-- CreateIndex
CREATE INDEX "api_keys_agency_id_tenant_id_idx" ON "api_keys"("agency_id", "tenant_id");

-- CreateIndex
CREATE UNIQUE INDEX "workflows_tenant_id_name_key" ON "workflows"("tenant_id", "name");

-- CreateIndex
CREATE UNIQUE INDEX "workflow_versions_tenant_id_workflow_id_number_key" ON "workflow_versions"("tenant_id", "workflow_id", "number");

-- CreateIndex
CREATE UNIQUE INDEX "workflow_versions_tenant_id_workflow_id_content_hash_key" ON "workflow_versions"("tenant_id", "workflow_id", "content_hash");

-- CreateIndex
CREATE UNIQUE INDEX "triggers_hook_token_key" ON "triggers"("hook_token");

-- CreateIndex
CREATE UNIQUE INDEX "triggers_tenant_id_workflow_id_node_id_key" ON "triggers"("tenant_id", "workflow_id", "node_id");

-- CreateIndex
CREATE INDEX "executions_tenant_id_workflow_id_queued_at_id_idx" ON "executions"("tenant_id", "workflow_id", "queued_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "executions_tenant_id_queued_at_id_idx" ON "executions"("tenant_id", "queued_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "executions_tenant_id_status_queued_at_id_idx" ON "executions"("tenant_id", "status", "queued_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "executions_released" ON "executions"("released_at") WHERE (status = 'QUEUED');

-- CreateIndex
CREATE INDEX "executions_outstanding" ON "executions"("tenant_id") WHERE (status = 'QUEUED' AND released_at IS NOT NULL AND starved_at IS NULL);

-- CreateIndex
CREATE INDEX "executions_starved" ON "executions"("tenant_id", "queued_at", "id") WHERE (starved_at IS NOT NULL);

-- CreateIndex
CREATE INDEX "executions_leases" ON "executions"("lease_until") WHERE (status = 'RUNNING');

-- CreateIndex
CREATE INDEX "executions_resume" ON "executions"("resume_at") WHERE (status = 'WAITING');

-- CreateIndex
CREATE INDEX "payloads_tenant_id_execution_id_idx" ON "payloads"("tenant_id", "execution_id");

-- CreateIndex
CREATE INDEX "outbox_tenant_id_execution_id_idx" ON "outbox"("tenant_id", "execution_id");

-- AddForeignKey
ALTER TABLE "plans" ADD CONSTRAINT "plans_agency_id_fkey" FOREIGN KEY ("agency_id") REFERENCES "agencies"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "tenants" ADD CONSTRAINT "tenants_agency_id_fkey" FOREIGN KEY ("agency_id") REFERENCES "agencies"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "tenants" ADD CONSTRAINT "tenants_plan_id_fkey" FOREIGN KEY ("plan_id") REFERENCES "plans"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_agency_id_fkey" FOREIGN KEY ("agency_id") REFERENCES "agencies"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_agency_id_tenant_id_fkey" FOREIGN KEY ("agency_id", "tenant_id") REFERENCES "tenants"("agency_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "workflows" ADD CONSTRAINT "workflows_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "workflows" ADD CONSTRAINT "workflows_tenant_id_published_version_id_fkey" FOREIGN KEY ("tenant_id", "published_version_id") REFERENCES "workflow_versions"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "workflow_versions" ADD CONSTRAINT "workflow_versions_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "workflow_versions" ADD CONSTRAINT "workflow_versions_tenant_id_workflow_id_fkey" FOREIGN KEY ("tenant_id", "workflow_id") REFERENCES "workflows"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "triggers" ADD CONSTRAINT "triggers_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "triggers" ADD CONSTRAINT "triggers_tenant_id_workflow_id_fkey" FOREIGN KEY ("tenant_id", "workflow_id") REFERENCES "workflows"("tenant_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "occurrences" ADD CONSTRAINT "occurrences_tenant_id_trigger_id_fkey" FOREIGN KEY ("tenant_id", "trigger_id") REFERENCES "triggers"("tenant_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "executions" ADD CONSTRAINT "executions_tenant_id_workflow_id_fkey" FOREIGN KEY ("tenant_id", "workflow_id") REFERENCES "workflows"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "executions" ADD CONSTRAINT "executions_tenant_id_version_id_fkey" FOREIGN KEY ("tenant_id", "version_id") REFERENCES "workflow_versions"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "executions" ADD CONSTRAINT "executions_tenant_id_trigger_id_fkey" FOREIGN KEY ("tenant_id", "trigger_id") REFERENCES "triggers"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "node_executions" ADD CONSTRAINT "node_executions_tenant_id_execution_id_fkey" FOREIGN KEY ("tenant_id", "execution_id") REFERENCES "executions"("tenant_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "payloads" ADD CONSTRAINT "payloads_tenant_id_execution_id_fkey" FOREIGN KEY ("tenant_id", "execution_id") REFERENCES "executions"("tenant_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "outbox" ADD CONSTRAINT "outbox_tenant_id_execution_id_fkey" FOREIGN KEY ("tenant_id", "execution_id") REFERENCES "executions"("tenant_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "concurrency_slots" ADD CONSTRAINT "concurrency_slots_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "usage_windows" ADD CONSTRAINT "usage_windows_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "reservations" ADD CONSTRAINT "reservations_tenant_id_execution_id_fkey" FOREIGN KEY ("tenant_id", "execution_id") REFERENCES "executions"("tenant_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT;


