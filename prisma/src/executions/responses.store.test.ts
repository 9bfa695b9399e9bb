import type { JsonObject } from "@fluxo/core/json";
import { expect, test } from "vitest";
import { uuidV7 } from "../ids.ts";
import { queueExecutions, seedWorkflow } from "../testing/seed.ts";
import { useTestDatabase } from "../testing/test-database.ts";
import { readResponses, type AwaitedExecution, type ExecutionResponse } from "./responses.ts";

const GRAPH = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };
const NOON = new Date("2026-11-23T12:00:00Z");

const { owner, app } = await useTestDatabase();
const workflow = await seedWorkflow(owner, GRAPH);
const { tenantId } = workflow;

async function queue(): Promise<string> {
  return (await queueExecutions(app, workflow, [{}]))[0] ?? "";
}

async function end(executionId: string, status: string, output: JsonObject): Promise<void> {
  await owner.query("UPDATE executions SET status = $2, output = $3, completed_at = now() WHERE id = $1", [executionId, status, JSON.stringify(output)]);
}

interface JournalEntry {
  readonly position: number;
  readonly type?: string;
  readonly status?: string;
  readonly completedAt?: Date;
  readonly isStored?: boolean;
}

/** Writes a row of the journal whose output names its position. */
async function record(executionId: string, { position, type = "respond", status = "SUCCESS", completedAt = NOON, isStored = false }: JournalEntry): Promise<void> {
  const [output, payloadId] = [JSON.stringify({ position }), uuidV7.next()];
  if (isStored) await owner.query("INSERT INTO payloads (tenant_id, id, execution_id, bytes, body) VALUES ($1, $2, $3, 1, $4)", [tenantId, payloadId, executionId, output]);
  await owner.query(
    `INSERT INTO node_executions (tenant_id, execution_id, node_id, position, node_type, node_name, status, attempt, ports, output, output_ref, completed_at, epoch)
     VALUES ($1, $2, $3, $4::int, $5, 'Node', $6, 1, '{main}', $7, $8, $9, 1)`,
    [tenantId, executionId, `node-${position}`, position, type, status, isStored ? null : output, isStored ? payloadId : null, completedAt],
  );
}

async function read(executionId: string, mode: AwaitedExecution["mode"], bytesMax = 1_000): Promise<ExecutionResponse | undefined> {
  return (await readResponses(app, [{ tenantId, executionId, mode }], bytesMax))[0];
}

test("the answer is the first respond node's that succeeded, by the order of the plan when two ended at once, wherever it is stored; nobody else's", async () => {
  const id = await queue();
  await record(id, { position: 1, type: "set" });
  await record(id, { position: 2, status: "FAILED" });
  expect(await read(id, "respondNode")).toBeUndefined();
  await record(id, { position: 5 });
  expect(await read(id, "respondNode")).toEqual({ kind: "responded", output: { position: 5 } });
  await record(id, { position: 4, isStored: true });
  expect(await read(id, "respondNode")).toEqual({ kind: "responded", output: { position: 4 } });
  await record(id, { position: 6, completedAt: new Date(NOON.getTime() - 1) });
  expect(await read(id, "respondNode")).toEqual({ kind: "responded", output: { position: 6 } });
  expect(await read(id, "lastNode"), "who waits for the end is told nothing of it").toBeUndefined();
});

test("who waited for a respond node that never ran is told of the success and of nothing else, however large the results are", async () => {
  const id = await queue();
  await end(id, "SUCCESS", { results: { a: "x".repeat(2_000) } });
  expect(await read(id, "respondNode")).toEqual({ kind: "succeeded", results: {} });
});

test("results that are as large as may be are told, and not a byte more", async () => {
  const id = await queue();
  const results = { a: "é".repeat(200) };
  await end(id, "SUCCESS", { results, failures: [] });
  const { rows } = await owner.query<{ bytes: number }>("SELECT octet_length((output -> 'results')::text) AS bytes FROM executions WHERE id = $1", [id]);
  const bytes = rows[0]?.bytes ?? 0;
  expect(bytes).toBeGreaterThan(400);
  expect(await read(id, "lastNode", bytes)).toEqual({ kind: "succeeded", results });
  expect(await read(id, "lastNode", bytes - 1)).toEqual({ kind: "succeeded", results: undefined });
});

test("of executions of several tenants each is answered in its place, and only to its own tenant", async () => {
  const other = await seedWorkflow(owner, GRAPH);
  const [theirs = ""] = await queueExecutions(app, other, [{}]);
  const own = await queue();
  for (const id of [own, theirs]) await end(id, "SUCCESS", { results: { id } });
  const awaited = [[other.tenantId, own], [tenantId, theirs], [other.tenantId, theirs], [tenantId, own]].map(([tenant = "", executionId = ""]) => ({ tenantId: tenant, executionId, mode: "lastNode" as const }));
  expect(await readResponses(app, awaited, 1_000)).toEqual([undefined, undefined, { kind: "succeeded", results: { id: theirs } }, { kind: "succeeded", results: { id: own } }]);
});
