-- Outputs that stand for nodes of the draft when another one is tested, by node id. Beside the draft, so that no version and no hash has them.
ALTER TABLE "workflows" ADD COLUMN "pins" JSONB NOT NULL DEFAULT '{}';
