import { Worker } from "bullmq";
import express from "express";
import { Redis } from "ioredis";
import pg from "pg";
import { QUEUE_NAME, readSettings } from "./settings.ts";

/** A worker of one process does best with some tens of jobs at once; more only wait for the pool. */
const CONCURRENCY = 50;
const NODES = ["start", "first", "second", "third", "fourth"] as const;

/** The rows that Fluxo keeps of an execution and its nodes, with the keys that reading them needs. */
const TABLES = `
  CREATE TABLE IF NOT EXISTS executions (
    tenant_id uuid NOT NULL, id uuid NOT NULL, workflow_id uuid NOT NULL, version_id uuid NOT NULL, status text NOT NULL, input jsonb, output jsonb,
    started_at timestamptz, completed_at timestamptz, PRIMARY KEY (tenant_id, id));
  CREATE INDEX IF NOT EXISTS executions_by_time ON executions (tenant_id, started_at DESC);
  CREATE TABLE IF NOT EXISTS node_executions (
    tenant_id uuid NOT NULL, execution_id uuid NOT NULL, node_id text NOT NULL, item int NOT NULL, position int NOT NULL, node_type text NOT NULL, node_name text NOT NULL,
    status text NOT NULL, attempt int NOT NULL, ports text[] NOT NULL, output jsonb, started_at timestamptz, completed_at timestamptz,
    PRIMARY KEY (tenant_id, execution_id, node_id, item), FOREIGN KEY (tenant_id, execution_id) REFERENCES executions (tenant_id, id))`;

interface Order {
  readonly tenantId: string;
  readonly orderId: string;
}

// Baseline of the burst: a plain worker that writes the same rows, each when it is due: the execution, a node's result before the next node starts, the end.
const { port, databaseUrl, redisUrl } = readSettings();
const pool = new pg.Pool({ connectionString: databaseUrl, max: 20 });
await pool.query(TABLES);

async function execute(executionId: string, order: Order): Promise<void> {
  const { tenantId } = order;
  await pool.query({
    name: "start",
    text: "INSERT INTO executions (tenant_id, id, workflow_id, version_id, status, input, started_at) VALUES ($1, $2, $3, $3, 'RUNNING', $4, clock_timestamp())",
    values: [tenantId, executionId, tenantId, JSON.stringify(order)],
  });
  let output: Record<string, unknown> = { ...order };
  for (const [position, nodeId] of NODES.entries()) {
    const startedAt = new Date();
    output = position === 0 ? output : { order: order.orderId, step: position };
    await pool.query({
      name: "node",
      text: `INSERT INTO node_executions (tenant_id, execution_id, node_id, item, position, node_type, node_name, status, attempt, ports, output, started_at, completed_at)
             VALUES ($1, $2, $3, 0, $4, 'set', $3, 'SUCCESS', 1, '{main}', $5, $6, clock_timestamp())`,
      values: [tenantId, executionId, nodeId, position, JSON.stringify(output), startedAt],
    });
  }
  await pool.query({
    name: "end",
    text: "UPDATE executions SET status = 'SUCCESS', output = $3, completed_at = clock_timestamp() WHERE tenant_id = $1 AND id = $2",
    values: [tenantId, executionId, JSON.stringify(output)],
  });
}

const worker = new Worker<Order>(QUEUE_NAME, (job) => execute(job.id ?? "", job.data), { connection: new Redis(redisUrl, { maxRetriesPerRequest: null }), concurrency: CONCURRENCY });
await worker.waitUntilReady();
const app = express();
app.get("/readyz", (_request, response) => void response.json({}));
app.listen(port, "127.0.0.1");
