import { randomUUID } from "node:crypto";
import type { JsonObject } from "@fluxo/core/json";
import { nodeTiers } from "@fluxo/nodes/catalog";
import { cancelExecution, type CancelResult } from "@fluxo/prisma/executions/cancel";
import { claimExecutions, type ClaimedExecution, type ClaimResult } from "@fluxo/prisma/executions/claim";
import { intake, type IntakeResult } from "@fluxo/prisma/executions/intake";
import { recordNodes } from "@fluxo/prisma/executions/journal";
import { extendLeases, type HeldLease } from "@fluxo/prisma/executions/leases";
import { settleExecutions, type Settlement } from "@fluxo/prisma/executions/settle";
import { drainParked } from "@fluxo/prisma/relay/drain";
import { claimOutbox, markSent, type OutboxEntry } from "@fluxo/prisma/relay/outbox";
import { sweep } from "@fluxo/prisma/relay/sweep";
import { addPlan, addWorkflow, type SeededWorkflow } from "@fluxo/prisma/testing/seed";
import type pg from "pg";
import type { Engine } from "../../engine.ts";
import type { LeaseKeeper } from "../../lease-keeper.ts";
import { Gate, type HeldRequest } from "./gate.ts";
import { BACKOFF, DELAY, LEASE, PARK, RELAY_LEASE, STALE, type ModelSettlement, type StatusModel } from "./model.ts";
import { createPod } from "../pod.ts";

const MINUTE_MS = 60_000;
/** More than any run of commands has. */
const ALL = 1_000;
/** Of one slot and as many executions as there are keys, one ends in each round. */
const DRAIN_ROUNDS_MAX = 20;

/** Connections of every role to the database of the test. */
export interface Pools {
  readonly owner: pg.Pool;
  readonly app: pg.Pool;
  readonly system: pg.Pool;
}

/** A lease that the test holds itself, as a worker would; it is kept when it is lost or settled, to be used too late. */
export interface Ticket {
  readonly claimed: ClaimedExecution;
  readonly owner: string;
}

/** An execution that a real engine runs; its request waits at the gate. */
export interface EngineRun {
  readonly executionId: string;
  readonly epoch: number;
  readonly worker: string;
  readonly held: HeldRequest;
  readonly done: Promise<unknown>;
  /** The lease keeper of its worker knows this epoch, and no later one. */
  isKept: boolean;
}

interface Worker {
  readonly engine: Engine;
  readonly leases: LeaseKeeper;
  readonly gate: Gate;
}

/** start → call → route → pause; the second graph goes on with a node type of a higher tier. */
function graphOf(withMerge: boolean): Parameters<typeof addWorkflow>[2] {
  const delay = { left: "{{ call.body.delay }}", operator: "equals", right: true };
  return {
    nodes: [
      { id: "start", type: "trigger.manual" },
      { id: "call", type: "http.request", params: { url: "http://gate.test/{{ execution.id }}" }, retry: { maxAttempts: 20, initialDelayMs: 0 } },
      { id: "route", type: "if", params: { conditions: [delay] } },
      { id: "pause", type: "delay", params: { durationMs: DELAY * MINUTE_MS } },
      ...(withMerge ? [{ id: "last", type: "merge" }] : []),
    ],
    edges: [{ from: "start", to: "call" }, { from: "call", to: "route" }, { from: "route", port: "true", to: "pause" }, ...(withMerge ? [{ from: "pause", to: "last" }] : [])],
  };
}

/** What `StatusModel` is told about the graphs. */
export const WORKFLOWS = [
  { nodeCount: 4, needsTier: 0, isActive: true },
  { nodeCount: 5, needsTier: 1, isActive: true },
] as const;

/** What the SQL functions and two engines do to one tenant of a real database. Tenants of earlier runs are empty, because relay and sweep see them all. */
export class StatusWorld {
  readonly tickets: Ticket[] = [];
  readonly runs: EngineRun[] = [];
  readonly relayed = new Map<string, OutboxEntry[]>();
  readonly #pools: Pools;
  readonly #tenantId: string;
  readonly #planId: string;
  readonly #workflows: readonly SeededWorkflow[];
  readonly #workers: ReadonlyMap<string, Worker>;
  readonly #run: number;
  #ids = 0;

  private constructor(parts: { readonly pools: Pools; readonly tenantId: string; readonly planId: string; readonly workflows: readonly SeededWorkflow[]; readonly run: number }) {
    this.#pools = parts.pools;
    this.#tenantId = parts.tenantId;
    this.#planId = parts.planId;
    this.#workflows = parts.workflows;
    this.#run = parts.run;
    this.#workers = new Map(["engine-a", "engine-b"].map((name) => [name, createWorker(parts.pools, name)]));
  }

  /** A tenant with a plan of its own. @param run counts the runs of the test; ids of executions follow from it */
  static async create(pools: Pools, run: number, plan: StatusModel["plan"]): Promise<StatusWorld> {
    const [agencyId, tenantId, planId] = [randomUUID(), randomUUID(), await addPlan(pools.owner, { ...plan, park: { hours: PARK / 60, perMinute: 1 } })];
    await pools.owner.query("UPDATE plans SET over_quota = $2 WHERE id = $1", [planId, plan.parks ? "PARK" : "REJECT"]);
    await pools.owner.query("INSERT INTO agencies (id, name) VALUES ($1, 'Agency')", [agencyId]);
    await pools.owner.query("INSERT INTO tenants (id, agency_id, plan_id, name) VALUES ($1, $2, $3, 'Tenant')", [tenantId, agencyId, planId]);
    const workflows = [await addWorkflow(pools.owner, tenantId, graphOf(false)), await addWorkflow(pools.owner, tenantId, graphOf(true))];
    return new StatusWorld({ pools, tenantId, planId, workflows, run });
  }

  /** Counts up, so that ids sort by creation, and the same commands give the same ids. */
  nextId(): string {
    this.#ids += 1;
    return `${String(this.#run).padStart(8, "0")}-0000-7000-8000-${String(this.#ids).padStart(12, "0")}`;
  }

  intake(items: readonly { readonly workflow: number; readonly key: string; readonly fingerprint: string; readonly executionId: string }[]): Promise<IntakeResult[]> {
    const rows = items.map(({ workflow, key, ...item }) => ({
      ...item,
      ...{ tenantId: this.#tenantId, triggerId: this.#workflows[workflow]?.triggerId ?? "", occurrenceKey: key, input: {}, payloadId: this.nextId(), occurredAt: new Date() },
    }));
    return intake(this.#pools.app, rows);
  }

  async claim(owner: string, executionIds: readonly string[], keepStarved: "never" | "ifClaimed" | "always"): Promise<ClaimResult> {
    const result = await claimExecutions(this.#pools.app, { tenantId: this.#tenantId, executionIds, owner, leaseMs: LEASE * MINUTE_MS, nodeTiers: nodeTiers(), keepStarved });
    this.tickets.push(...result.claimed.map((claimed) => ({ claimed, owner })));
    return result;
  }

  /** Asks a real engine to run an execution. Returns when the run waits at the gate, or the engine has ended. */
  async start(workerName: string, executionId: string, epoch: number): Promise<void> {
    const { engine, gate } = this.#worker(workerName);
    const arrival = gate.arrival(executionId);
    const done = engine.claimAndRun(this.#tenantId, [executionId]);
    const held = await Promise.race([arrival, done.then(() => undefined)]);
    if (held === undefined) return;
    for (const run of this.runs) if (run.worker === workerName && run.executionId === executionId) run.isKept = false;
    this.runs.push({ executionId, epoch, worker: workerName, held, done, isKept: true });
  }

  /** Answers the request of a run and waits for what the engine makes of it. */
  async answer(run: EngineRun, status: number, body: JsonObject): Promise<void> {
    const headers = { "content-type": "application/json", ...(status === 429 ? { "retry-after": String(BACKOFF * 60) } : {}) };
    run.held.answer({ status, headers, body: Buffer.from(JSON.stringify(body)) });
    await this.ended(run);
  }

  async ended(run: EngineRun): Promise<void> {
    await run.done;
    this.runs.splice(this.runs.indexOf(run), 1);
  }

  tick(workerName: string): Promise<void> {
    return this.#worker(workerName).leases.tick();
  }

  heartbeat(owner: string, held: readonly HeldLease[]): Promise<ReadonlyMap<string, boolean>> {
    return extendLeases(this.#pools.system, owner, LEASE * MINUTE_MS, held);
  }

  async settle({ claimed }: Ticket, settlement: ModelSettlement): Promise<boolean> {
    const settled = await settleExecutions(this.#pools.app, [{ tenantId: this.#tenantId, executionId: claimed.executionId, epoch: claimed.epoch, payloadId: this.nextId(), settlement: settlementOf(settlement) }]);
    return settled.has(claimed.executionId);
  }

  /** Writes the row of the trigger node. @returns whether the lease was still good for it */
  async record({ claimed }: Ticket): Promise<boolean> {
    const fenced = await recordNodes(this.#pools.app, [
      {
        ...{ tenantId: this.#tenantId, executionId: claimed.executionId, epoch: claimed.epoch, nodeId: "start", item: 0, position: 0, nodeType: "trigger.manual", nodeName: "start" },
        ...{ integration: null, status: "SUCCESS", attempt: 1, ports: ["main"], usage: null, output: {}, payloadId: this.nextId(), failure: null, attempts: [], reason: null, resumeAt: null },
        ...{ startedAt: new Date(), completedAt: new Date() },
      },
    ]);
    return !fenced.has(claimed.executionId);
  }

  cancel(executionId: string): Promise<CancelResult | undefined> {
    return cancelExecution(this.#pools.app, this.#tenantId, executionId);
  }

  /** @returns how many executions were woken */
  async sweep(): Promise<number> {
    const woken = await sweep(this.#pools.system, STALE * MINUTE_MS, ALL);
    return [...woken.values()].reduce((sum, count) => sum + count, 0);
  }

  /** @returns how many parked executions were called out */
  async drainParked(isAsked: boolean): Promise<number> {
    if (!isAsked) return drainParked(this.#pools.system, ALL);
    const { rows } = await this.#pools.app.query<{ called: number }>("SELECT fluxo_drain($1, true) AS called", [this.#tenantId]);
    return rows[0]?.called ?? 0;
  }

  async relayClaim(owner: string, limit: number, outstandingMax: number): Promise<readonly OutboxEntry[]> {
    const entries = await claimOutbox(this.#pools.system, { owner, limit, leaseMs: RELAY_LEASE * MINUTE_MS, outstandingMax });
    this.relayed.set(owner, [...(this.relayed.get(owner) ?? []), ...entries]);
    return entries;
  }

  relaySent(owner: string, entries: readonly OutboxEntry[]): Promise<number> {
    return markSent(this.#pools.system, owner, entries);
  }

  async configure({ plan, isTenantActive, workflows }: Pick<StatusModel, "plan" | "isTenantActive" | "workflows">): Promise<void> {
    const { owner } = this.#pools;
    await owner.query("UPDATE plans SET concurrency_max = $2, executions_per_month = $3, nodes_per_workflow_max = $4, tier_rank = $5, over_quota = $6 WHERE id = $1", [
      this.#planId,
      plan.concurrencyMax,
      plan.executionsPerMonth,
      plan.nodesMax,
      plan.tierRank,
      plan.parks ? "PARK" : "REJECT",
    ]);
    await owner.query("UPDATE tenants SET status = $2 WHERE id = $1", [this.#tenantId, isTenantActive ? "ACTIVE" : "SUSPENDED"]);
    for (const [index, { isActive }] of workflows.entries()) await owner.query("UPDATE workflows SET is_active = $2 WHERE id = $1", [this.#workflows[index]?.workflowId, isActive]);
  }

  /** Moves every instant of what has not ended into the past: to the SQL functions it is as if so many minutes had passed. */
  async pass(minutes: number): Promise<void> {
    const values = [this.#tenantId, minutes];
    await this.#pools.owner.query(
      `UPDATE executions SET lease_until = lease_until - make_interval(mins => $2), resume_at = resume_at - make_interval(mins => $2), released_at = released_at - make_interval(mins => $2),
              starved_at = starved_at - make_interval(mins => $2), park_expires_at = park_expires_at - make_interval(mins => $2), updated_at = updated_at - make_interval(mins => $2) WHERE tenant_id = $1 AND completed_at IS NULL`,
      values,
    );
    await this.#pools.owner.query("UPDATE outbox SET claimed_until = claimed_until - make_interval(mins => $2), deliver_at = deliver_at - make_interval(mins => $2) WHERE tenant_id = $1", values);
    await this.#pools.owner.query("UPDATE concurrency_slots SET drain_at = drain_at - make_interval(mins => $2), drained_at = drained_at - make_interval(mins => $2) WHERE tenant_id = $1", values);
    await this.#pools.owner.query("UPDATE node_executions SET resume_at = resume_at - make_interval(mins => $2) WHERE tenant_id = $1 AND resume_at IS NOT NULL", values);
  }

  /** One statement: all of what is compared with the model, and what must hold without any model. */
  async observe(): Promise<Observation> {
    const { rows } = await this.#pools.owner.query<Observation>(
      `SELECT
         (SELECT coalesce(json_agg(json_build_object('id', id, 'status', status, 'reason', reason, 'epoch', lease_epoch, 'owner', lease_owner, 'isLeased', lease_until IS NOT NULL,
            'isTimed', resume_at IS NOT NULL, 'isReleased', released_at IS NOT NULL, 'isStarved', starved_at IS NOT NULL, 'wakeCount', wake_count,
            'isCancelRequested', cancel_requested_at IS NOT NULL, 'isEnded', completed_at IS NOT NULL) ORDER BY id), '[]') FROM executions WHERE tenant_id = $1) AS executions,
         (SELECT coalesce(json_agg(json_build_object('eventId', event_id, 'isTimer', deliver_at IS NOT NULL, 'claimedBy', claimed_by) ORDER BY event_id), '[]') FROM outbox WHERE tenant_id = $1) AS outbox,
         (SELECT coalesce(json_agg(execution_id ORDER BY execution_id), '[]') FROM reservations WHERE tenant_id = $1) AS reservations,
         (SELECT json_build_object('reserved', coalesce(sum(reserved), 0), 'used', coalesce(sum(used), 0)) FROM usage_windows WHERE tenant_id = $1) AS usage,
         coalesce((SELECT used FROM concurrency_slots WHERE tenant_id = $1), 0) AS slots,
         EXISTS (SELECT FROM concurrency_slots WHERE tenant_id = $1 AND drain_at IS NOT NULL) AS "isParking",
         (SELECT coalesce(json_agg(json_build_array(before, after) ORDER BY seq), '[]') FROM status_log WHERE tenant_id = $1) AS arrows,
         (SELECT coalesce(json_object_agg(id, to_jsonb(e) - 'inngest_event_id' - 'released_at'), '{}') FROM executions e WHERE tenant_id = $1 AND completed_at IS NOT NULL) AS ended`,
      [this.#tenantId],
    );
    await this.#pools.owner.query("DELETE FROM status_log");
    return rows[0] as Observation;
  }

  /**
   * Lets everything that is open end by the events that relay and sweep order, and by nothing else: what nobody wakes stays open.
   * @returns what did not end
   */
  async drain(): Promise<readonly string[]> {
    for (const { leases } of this.#workers.values()) await leases.stop();
    await Promise.all(this.runs.map(({ done }) => done));
    for (let round = 0; round < DRAIN_ROUNDS_MAX && (await this.#open()).length > 0; round += 1) {
      await this.pass(LEASE + DELAY + BACKOFF);
      await this.sweep();
      await this.drainParked(false);
      const entries = await claimOutbox(this.#pools.system, { owner: "drain", limit: ALL, leaseMs: RELAY_LEASE * MINUTE_MS, outstandingMax: ALL });
      await markSent(this.#pools.system, "drain", entries);
      const { claimed } = await this.claim("drain", [...new Set(entries.map(({ executionId }) => executionId))], "never");
      const rows = claimed.map((execution) => ({ tenantId: this.#tenantId, executionId: execution.executionId, epoch: execution.epoch, payloadId: this.nextId() }));
      await settleExecutions(this.#pools.app, rows.map((row) => ({ ...row, settlement: { status: "SUCCESS", output: {} } })));
    }
    return this.#open();
  }

  /** Ends the engines and empties the tenant. */
  async close(): Promise<void> {
    for (const { leases } of this.#workers.values()) await leases.stop();
    for (const run of this.runs) run.held.answer({ status: 404, headers: {}, body: Buffer.from("") });
    await Promise.all(this.runs.map(({ done }) => done));
    await this.#pools.owner.query("DELETE FROM executions WHERE tenant_id = $1", [this.#tenantId]);
    await this.#pools.owner.query("UPDATE concurrency_slots SET drain_at = NULL WHERE tenant_id = $1", [this.#tenantId]);
  }

  async #open(): Promise<readonly string[]> {
    const { rows } = await this.#pools.owner.query<{ id: string }>("SELECT id FROM executions WHERE tenant_id = $1 AND completed_at IS NULL", [this.#tenantId]);
    return rows.map(({ id }) => id);
  }

  #worker(name: string): Worker {
    const worker = this.#workers.get(name);
    if (worker === undefined) throw new Error(`There is no worker ${name}.`);
    return worker;
  }
}

export interface Observation {
  readonly executions: readonly {
    readonly id: string;
    readonly status: string;
    readonly reason: string | null;
    readonly epoch: number;
    readonly owner: string | null;
    readonly isLeased: boolean;
    readonly isTimed: boolean;
    readonly isReleased: boolean;
    readonly isStarved: boolean;
    readonly isCancelRequested: boolean;
    readonly isEnded: boolean;
    readonly wakeCount: number;
  }[];
  readonly outbox: readonly { readonly eventId: string; readonly isTimer: boolean; readonly claimedBy: string | null }[];
  /** Ids of executions. */
  readonly reservations: readonly string[];
  readonly usage: { readonly reserved: number; readonly used: number };
  readonly slots: number;
  readonly isParking: boolean;
  /** Changes of status since the last look, as a trigger of the database saw them. */
  readonly arrows: readonly (readonly [before: string, after: string])[];
  /** Rows of ended executions without what a late event may still write, by id. */
  readonly ended: Readonly<Record<string, unknown>>;
}

function createWorker({ app, system }: Pools, name: string): Worker {
  const leaseMs = LEASE * MINUTE_MS;
  const gate = new Gate();
  return { gate, ...createPod({ app, system }, name, { leaseMs, reach: { http: gate } }) };
}

function settlementOf(settlement: ModelSettlement): Settlement {
  switch (settlement.status) {
    case "WAITING":
      return { status: "WAITING", reason: settlement.reason, resumeAt: new Date(Date.now() + settlement.resumeAfter * MINUTE_MS) };
    case "FAILED":
      return { status: "FAILED", output: {}, error: { code: "NODE_INTERNAL", message: "Failed.", stack: null, nodeId: null } };
    default:
      return { status: settlement.status, output: {} };
  }
}
