-- One loop works bulk operations, backfills, rollouts and off-boardings: what their turns need is the same in all tables.
ALTER TABLE "template_rollouts" ADD COLUMN "worked_at" TIMESTAMPTZ(3);
ALTER TABLE "off_boardings" ADD COLUMN "worked_at" TIMESTAMPTZ(3);
ALTER TABLE "bulk_operations" ADD COLUMN "attempts" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "backfills" ADD COLUMN "attempts" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "template_rollouts" ADD COLUMN "attempts" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "off_boardings" ADD COLUMN "attempts" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "template_rollout_items" ADD COLUMN "attempts" INTEGER NOT NULL DEFAULT 0;

GRANT SELECT (worked_at, attempts) ON "template_rollouts" TO fluxo_system;
GRANT UPDATE (worked_at, attempts, next_at) ON "bulk_operations", "backfills", "template_rollouts" TO fluxo_system;
GRANT UPDATE (worked_at, attempts) ON "off_boardings" TO fluxo_system;

-- fluxo_operation_… takes their place, or they have another signature.
DROP FUNCTION IF EXISTS fluxo_bulk_claim(text, int, int), fluxo_backfill_claim(text, int, int), fluxo_rollout_claim(text, int, int), fluxo_off_boarding_claim(text, int, int);
DROP FUNCTION IF EXISTS fluxo_off_boarding_release(uuid, uuid, int, int), fluxo_archive_write(uuid, uuid, int, jsonb, bytea), fluxo_archive_seal(uuid, uuid, int, text, bigint), fluxo_off_boarding_stop(uuid, int);
DROP FUNCTION IF EXISTS fluxo_bulk_item(uuid, text, jsonb, uuid, uuid, uuid, uuid);
DROP FUNCTION IF EXISTS fluxo_bulk_step(uuid, uuid, text, int, uuid[]), fluxo_backfill_step(uuid, uuid, text, int, jsonb, timestamptz, int);
