-- What a node used that costs money: { model, inputTokens, outputTokens, costMicros }.
ALTER TABLE "node_executions" ADD COLUMN "usage" JSONB;
