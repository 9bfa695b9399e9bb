import { randomUUID } from "node:crypto";
import type { executionSchema } from "@fluxo/contracts/http/executions";
import type { timelineSchema } from "@fluxo/contracts/http/timeline";
import type { graphSchema } from "@fluxo/core/graph/graph";
import { isTerminal, type ExecutionStatus } from "@fluxo/core/status/execution-status";
import pg from "pg";
import type { z } from "zod";
import { createApi, type Api, type SuccessOf } from "./api.ts";
import { eventually } from "./eventually.ts";
import type { SinkRecord } from "./sink.ts";

export type Graph = z.input<typeof graphSchema>;
export type Execution = z.output<typeof executionSchema>;
export type Timeline = z.output<typeof timelineSchema>;
export type JournalEntry = Timeline["journal"][number];
export type PlanCode = "FREE" | "STARTER" | "PRO" | "AGENCY";
/** Codes of plans that a test defines for its agency begin like this. */
export type OwnPlanCode = `OWN_${string}`;

/** Where a Fluxo is reached; the shared system and systems of a file's own have this in common. */
export interface Addresses {
  readonly apiUrl: string;
  readonly ingressUrl: string;
  readonly databaseUrl: string;
  readonly adminKey: string;
  readonly sinkUrl: string;
}

/** A workflow that a tenant has published. */
export interface Published {
  readonly workflowId: string;
  readonly versionId: string;
  /** The webhook's address and secret; empty where there is none. */
  readonly hookUrl: string;
  readonly secret: string;
  readonly triggers: SuccessOf<"publishWorkflow">["triggers"];
}

/** A tenant of its own for one test, seen through its own API key. */
export interface Tenant {
  readonly id: string;
  readonly api: Api;
  /** The agency's key, naming this tenant. */
  readonly agency: Api;
  publish(graph: Graph): Promise<Published>;
  start(workflowId: string, input?: Record<string, unknown>): Promise<string>;
  /** Publishes a graph and starts it by hand. */
  run(graph: Graph, input?: Record<string, unknown>): Promise<string>;
  execution(executionId: string): Promise<Execution>;
  timeline(executionId: string): Promise<Timeline>;
  /** Waits for a status. @throws Error with the timeline when another final status is reached, or after `timeoutMs` */
  waitForStatus(executionId: string, status: ExecutionStatus, timeoutMs?: number): Promise<Execution>;
  /** All executions, newest first. */
  executions(): Promise<SuccessOf<"listExecutions">["data"]>;
  usage(): Promise<SuccessOf<"getTenantUsage">>;
}

/** A Fluxo as tests use it. */
export interface Client extends Addresses {
  readonly admin: Api;
  createTenant(plan?: PlanCode | OwnPlanCode): Promise<Tenant>;
  /** Requests that the sink received under a path, oldest first. */
  received(pathPrefix: string): Promise<readonly SinkRecord[]>;
  /** Lets the sink answer what waits at `/gated/…`. */
  open(path: string): Promise<void>;
  /** The database, as an oracle and to bring about what the interfaces cannot. */
  sql<Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  close(): Promise<void>;
}

const ALL_SCOPES = ["tenants:read", "workflows:read", "workflows:write", "executions:read", "executions:write", "credentials:read", "credentials:write"];
const SETTLE_MS = 90_000;

/** A client of a running system. `close` ends its connections. */
export function createClient(addresses: Addresses): Client {
  const admin = createApi(addresses.apiUrl, addresses.adminKey);
  const pool = new pg.Pool({ connectionString: addresses.databaseUrl, max: 2 });
  pool.on("error", () => undefined);
  return {
    ...addresses,
    admin,
    createTenant: async (plan = "PRO") => {
      const plans = await admin.call("listPlans");
      const planId = plans.body.data.find(({ code }) => code === plan)?.id;
      const { body } = await admin.call("createTenant", { body: { name: `Tenant ${randomUUID()}`, planId } });
      const key = await admin.call("createApiKey", { params: { tenantId: body.id }, body: { name: "Test", scopes: ALL_SCOPES } });
      return tenantOf(body.id, createApi(addresses.apiUrl, key.body.key), createApi(addresses.apiUrl, addresses.adminKey, body.id));
    },
    received: async (pathPrefix) => {
      const response = await fetch(`${addresses.sinkUrl}/_log?path=${encodeURIComponent(pathPrefix)}`);
      return (await response.json()) as SinkRecord[];
    },
    open: async (path) => void (await fetch(`${addresses.sinkUrl}/_open?path=${encodeURIComponent(path)}`)),
    sql: async <Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []) => (await pool.query<Row>(text, [...values])).rows,
    close: () => pool.end(),
  };
}

function tenantOf(id: string, api: Api, agency: Api): Tenant {
  const execution = async (executionId: string): Promise<Execution> => (await api.call("getExecution", { params: { executionId } })).body;
  const timeline = async (executionId: string): Promise<Timeline> => (await api.call("getTimeline", { params: { executionId } })).body;
  const publish = (graph: Graph): Promise<Published> => publishGraph(api, graph);
  const start = async (workflowId: string, input: Record<string, unknown> = {}): Promise<string> =>
    (await api.call("startExecution", { params: { workflowId }, body: { input } })).body.executionId;
  return {
    id,
    api,
    agency,
    publish,
    start,
    execution,
    timeline,
    run: async (graph, input) => start((await publish(graph)).workflowId, input),
    waitForStatus: (executionId, status, timeoutMs = SETTLE_MS) => waitForStatus({ execution, timeline }, executionId, status, timeoutMs),
    executions: () => listAll(api),
    usage: async () => (await api.call("getTenantUsage", { params: { tenantId: id } })).body,
  };
}

async function publishGraph(api: Api, graph: Graph): Promise<Published> {
  const created = await api.call("createWorkflow", { body: { name: `Workflow ${randomUUID()}`, graph } });
  const workflowId = created.body.id;
  const { body } = await api.call("publishWorkflow", { params: { workflowId } });
  const hook = body.triggers.find(({ kind }) => kind === "webhook");
  return { workflowId, versionId: body.version.id, hookUrl: hook?.hookUrl ?? "", secret: hook?.secret ?? "", triggers: body.triggers };
}

async function waitForStatus(tenant: Pick<Tenant, "execution" | "timeline">, executionId: string, status: ExecutionStatus, timeoutMs: number): Promise<Execution> {
  const reached = await eventually(async () => {
    const found = await tenant.execution(executionId);
    if (found.status !== status && !isTerminal(found.status)) throw new Error(`${executionId} is ${found.status} (${found.reason}), not ${status}, after ${timeoutMs} ms`);
    return found;
  }, timeoutMs);
  if (reached.status === status) return reached;
  throw new Error(`${executionId} ended with ${reached.status}, not ${status}: ${JSON.stringify(await tenant.timeline(executionId), null, 1)}`);
}

async function listAll(api: Api): Promise<SuccessOf<"listExecutions">["data"]> {
  const all: SuccessOf<"listExecutions">["data"] = [];
  for (let pageToken: string | null | undefined; pageToken !== null; ) {
    const { body } = await api.call("listExecutions", { query: { limit: "100", ...(pageToken === undefined ? {} : { pageToken }) } });
    all.push(...body.data);
    pageToken = body.nextPageToken;
  }
  return all;
}
