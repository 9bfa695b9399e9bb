import { canTransition, type ExecutionStatus } from "@fluxo/core/status/execution-status";
import type pg from "pg";
import type { Call } from "./provider.ts";
import type { Delivered, Target } from "./workload.ts";

/** What one fault did to what had been accepted. */
export interface Verdict {
  /** Deliveries answered with 2xx without exactly one execution that ended in SUCCESS, side effects that were recorded as done and never happened, and those of executions that are gone. */
  readonly lost: number;
  /** Extra executions of a delivery, calls of nodes whose record was committed, and further keys of one side effect. */
  readonly duplicated: number;
  /** Calls repeated with the same key, because their record was lost: what a provider drops. */
  readonly repeatedCalls: number;
  /** One sentence each; none when everything holds. */
  readonly violations: readonly string[];
}

interface ExecutionRow {
  id: string;
  delivery: string;
  status: ExecutionStatus;
  nodes: { id: string; status: string; position: number }[];
}

interface AuditRow {
  execution_id: string;
  node_id: string | null;
  at: Date;
  old_status: string | null;
  new_status: string;
  old_epoch: number | null;
  new_epoch: number;
}

/** How far the clocks of the database and of this process may differ in what they say about the same instant. Both read the same one, in milliseconds. */
const CLOCK_SLACK_MS = 5;
const EXAMPLES_MAX = 3;

/** Collects sentences of one kind and shows the first few. */
class Findings {
  readonly #byKind = new Map<string, string[]>();

  add(kind: string, example: string): void {
    const examples = this.#byKind.get(kind) ?? [];
    examples.push(example);
    this.#byKind.set(kind, examples);
  }

  count(kind: string): number {
    return this.#byKind.get(kind)?.length ?? 0;
  }

  sentences(): string[] {
    return [...this.#byKind].map(([kind, examples]) => `${kind}: ${examples.length} (${examples.slice(0, EXAMPLES_MAX).join("; ")})`);
  }
}

const EXTRA_EXECUTION = "I1 more than one execution of a delivery";
const LOST = "I2 accepted and not ended in SUCCESS";
const RUN_AGAIN = "I4 a node was called again after its record was committed";
const OTHER_KEY = "I4 a side effect had more than one key";
const NEVER_CALLED = "I2 a side effect was recorded as done and never happened";
const CALLER_GONE = "I2 a side effect of an execution that is not recorded";

/**
 * Judges one fault by the database and by the provider's log: I1, I2, I4, I5, and that the counters of the tenants are at rest.
 * @param prefix what the ids of its deliveries begin with
 */
export async function check(db: pg.Pool, input: { readonly prefix: string; readonly delivered: readonly Delivered[]; readonly targets: readonly Target[]; readonly calls: readonly Call[] }): Promise<Verdict> {
  const executions = await loadExecutions(db, input.prefix);
  const ids = executions.map(({ id }) => id);
  const { rows: audit } = await db.query<AuditRow>(
    "SELECT execution_id, node_id, at, old_status, new_status, old_epoch, new_epoch FROM chaos_audit WHERE execution_id = ANY ($1) ORDER BY seq",
    [ids],
  );
  const own = new Set(ids);
  const calls = input.calls.filter(({ executionId }) => own.has(executionId));
  const findings = new Findings();
  checkDeliveries(input.delivered, executions, findings);
  checkJournals(input.delivered, executions, findings);
  checkTransitions(audit, findings);
  checkRecords(audit, findings);
  checkOrder(input.delivered, audit, findings);
  const repeatedCalls = checkCalls(calls, audit, findings);
  checkEffects(input.delivered, executions, calls, findings);
  await checkCallers(db, input.calls, findings);
  await checkCounters(db, input.targets, findings);
  return {
    lost: findings.count(LOST) + findings.count(NEVER_CALLED) + findings.count(CALLER_GONE),
    duplicated: findings.count(EXTRA_EXECUTION) + findings.count(RUN_AGAIN) + findings.count(OTHER_KEY),
    repeatedCalls,
    violations: findings.sentences(),
  };
}

async function loadExecutions(db: pg.Pool, prefix: string): Promise<ExecutionRow[]> {
  const { rows } = await db.query<ExecutionRow>(
    `SELECT e.id, substr(e.occurrence_key, length('delivery:') + 1) AS delivery, e.status,
            coalesce((SELECT jsonb_agg(jsonb_build_object('id', n.node_id, 'status', n.status, 'position', n.position) ORDER BY n.position)
                      FROM node_executions n WHERE n.tenant_id = e.tenant_id AND n.execution_id = e.id), '[]') AS nodes
     FROM executions e WHERE starts_with(e.occurrence_key, 'delivery:' || $1)`,
    [prefix],
  );
  return rows;
}

/** I1 and I2: one delivery, one execution, and that one ended well. */
function checkDeliveries(delivered: readonly Delivered[], executions: readonly ExecutionRow[], findings: Findings): void {
  const byDelivery = Map.groupBy(executions, ({ delivery }) => delivery);
  for (const [delivery, rows] of byDelivery) {
    for (const extra of rows.slice(1)) findings.add(EXTRA_EXECUTION, `${delivery}: ${extra.id}`);
    // Also one whose caller never got its answer is accepted once it is written.
    for (const { id, status } of rows) if (status !== "SUCCESS") findings.add(LOST, `${delivery}: ${id} is ${status}`);
  }
  for (const { id, executionIds } of delivered) {
    const rows = byDelivery.get(id) ?? [];
    if (rows.length === 0) findings.add(LOST, `${id}: no execution`);
    for (const answered of executionIds) if (!rows.some((row) => row.id === answered)) findings.add(EXTRA_EXECUTION, `${id}: answered with ${answered}, which is not its execution`);
  }
}

/** I4: one row per node, in plan order, all of them done. */
function checkJournals(delivered: readonly Delivered[], executions: readonly ExecutionRow[], findings: Findings): void {
  const targets = new Map(delivered.map(({ id, target }) => [id, target]));
  for (const { id, delivery, status, nodes } of executions) {
    const expected = targets.get(delivery)?.shape.nodeIds;
    if (status !== "SUCCESS" || expected === undefined) continue;
    const found = nodes.map((node) => `${node.position} ${node.id} ${node.status}`);
    const wanted = expected.map((nodeId, position) => `${position} ${nodeId} SUCCESS`);
    if (found.join() !== wanted.join()) findings.add("I4 the journal is not one done row per node in plan order", `${id}: ${found.join(", ")}`);
  }
}

/** I5: only arrows of the status machine, and a takeover raises the epoch. */
function checkTransitions(audit: readonly AuditRow[], findings: Findings): void {
  for (const { execution_id, node_id, old_status, new_status, old_epoch, new_epoch } of audit) {
    if (node_id !== null || old_status === null) continue;
    const isTakeover = old_status === "RUNNING" && new_status === "RUNNING" && new_epoch === (old_epoch ?? 0) + 1;
    const isAllowed = isTakeover || canTransition(old_status as ExecutionStatus, new_status as ExecutionStatus);
    const isClaim = new_status === "RUNNING";
    if (!isAllowed) findings.add("I5 a status changed that may not", `${execution_id}: ${old_status} to ${new_status}`);
    else if (isClaim !== (new_epoch === (old_epoch ?? 0) + 1)) findings.add("I5 the epoch does not fit the change", `${execution_id}: ${old_status} to ${new_status}, ${old_epoch} to ${new_epoch}`);
  }
}

/** I4, I5: a done node's record is written once, and never by a holder of an earlier epoch than the one before it. */
function checkRecords(audit: readonly AuditRow[], findings: Findings): void {
  const epochs = new Map<string, number>();
  for (const { execution_id, node_id, old_status, new_epoch } of audit) {
    if (node_id !== null && (old_status === "SUCCESS" || old_status === "FAILED")) findings.add("I4 a committed record was written again", `${execution_id} ${node_id}`);
    if (node_id !== null && new_epoch < (epochs.get(execution_id) ?? 0)) findings.add("I5 a late writer was not fenced", `${execution_id} ${node_id} by epoch ${new_epoch}`);
    epochs.set(execution_id, Math.max(epochs.get(execution_id) ?? 0, new_epoch));
  }
}

/** Determinism: no node is recorded before what leads into it. */
function checkOrder(delivered: readonly Delivered[], audit: readonly AuditRow[], findings: Findings): void {
  const places = new Map<string, number>();
  for (const [place, { execution_id, node_id, new_status }] of audit.entries()) {
    if (node_id !== null && new_status === "SUCCESS") places.set(`${execution_id} ${node_id}`, place);
  }
  for (const { executionIds, target } of delivered) {
    for (const executionId of executionIds) {
      for (const { from, to } of target.shape.edges) {
        const [before, after] = [places.get(`${executionId} ${from}`), places.get(`${executionId} ${to}`)];
        if (before !== undefined && after !== undefined && before > after) findings.add("a node was recorded before what leads into it", `${executionId} ${from} > ${to}`);
      }
    }
  }
}

/** I4 at the provider. @returns how many calls were repeats with the same key */
function checkCalls(calls: readonly Call[], audit: readonly AuditRow[], findings: Findings): number {
  const recorded = new Map<string, number>();
  for (const { execution_id, node_id, new_status, at } of audit) {
    if (node_id !== null && new_status === "SUCCESS") recorded.set(`${execution_id} ${node_id}`, at.getTime());
  }
  let repeated = 0;
  for (const [effect, own] of Map.groupBy(calls, ({ executionId, node }) => `${executionId} ${node}`)) {
    const keys = new Set(own.map(({ key }) => key));
    for (const key of [...keys].slice(1)) findings.add(OTHER_KEY, `${effect}: ${key}`);
    repeated += own.length - keys.size;
    const recordedAt = recorded.get(effect) ?? Number.POSITIVE_INFINITY;
    for (const { at } of own) if (at > recordedAt + CLOCK_SLACK_MS) findings.add(RUN_AGAIN, `${effect}: ${at - recordedAt} ms after its record`);
  }
  return repeated;
}

/** I2 at the provider: what ended well called it from each of its side effects, with the key that follows from execution and node. */
function checkEffects(delivered: readonly Delivered[], executions: readonly ExecutionRow[], calls: readonly Call[], findings: Findings): void {
  const targets = new Map(delivered.map(({ id, target }) => [id, target]));
  const keys = new Set(calls.map(({ key }) => key));
  for (const { id, delivery, status } of executions) {
    if (status !== "SUCCESS") continue;
    for (const node of targets.get(delivery)?.shape.effects ?? []) if (!keys.has(`${id}:${node}:0`)) findings.add(NEVER_CALLED, `${delivery}: ${id} ${node}`);
  }
}

/** Calls of whatever run: a key that names no execution belongs to one that was lost, or is none. */
async function checkCallers(db: pg.Pool, calls: readonly Call[], findings: Findings): Promise<void> {
  const { rows } = await db.query<{ id: string }>("SELECT c.id FROM unnest($1::text[]) AS c(id) WHERE NOT EXISTS (SELECT FROM executions e WHERE e.id::text = c.id)", [
    [...new Set(calls.map(({ executionId }) => executionId))],
  ]);
  const gone = new Set(rows.map(({ id }) => id));
  for (const { node, key, executionId } of calls) if (gone.has(executionId)) findings.add(CALLER_GONE, `${node} with the key "${key}"`);
}

/** I7 at rest: no slot taken, nothing reserved, every execution counted once, nothing left to publish. */
async function checkCounters(db: pg.Pool, targets: readonly Target[], findings: Findings): Promise<void> {
  const { rows } = await db.query<Record<"tenant" | "slots" | "running" | "reservations" | "reserved" | "used" | "executions" | "outbox", string>>(
    `SELECT t.id AS tenant, coalesce((SELECT s.used FROM concurrency_slots s WHERE s.tenant_id = t.id), 0) AS slots,
            (SELECT count(*) FROM executions e WHERE e.tenant_id = t.id AND e.status = 'RUNNING') AS running,
            (SELECT count(*) FROM reservations r WHERE r.tenant_id = t.id) AS reservations,
            (SELECT coalesce(sum(u.reserved), 0) FROM usage_windows u WHERE u.tenant_id = t.id) AS reserved,
            (SELECT coalesce(sum(u.used), 0) FROM usage_windows u WHERE u.tenant_id = t.id) AS used,
            (SELECT count(*) FROM executions e WHERE e.tenant_id = t.id AND e.status = 'SUCCESS') AS executions,
            (SELECT count(*) FROM outbox o WHERE o.tenant_id = t.id) AS outbox
     FROM tenants t WHERE t.id = ANY ($1)`,
    [targets.map(({ tenantId }) => tenantId)],
  );
  for (const { tenant, used, executions, ...zeros } of rows) {
    for (const [name, value] of Object.entries(zeros)) if (Number(value) !== 0) findings.add("I7 a counter is not at rest", `${tenant}: ${name} is ${value}`);
    if (Number(used) !== Number(executions)) findings.add("I7 usage is not the number of executions", `${tenant}: ${used} for ${executions}`);
  }
}
