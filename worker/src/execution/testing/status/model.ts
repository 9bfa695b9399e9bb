import type { ExecutionStatus } from "@fluxo/core/status/execution-status";

/** Minutes. Time passes in tens, so that no two instants that are compared are ever as close as the duration of a test. */
export const LEASE = 55;
export const STALE = 25;
export const RELAY_LEASE = 15;
export const DELAY = 35;
export const BACKOFF = 45;
/** Longest time in the parking lot; one execution a minute is called out of it. */
export const PARK = 60;

/** Everything that one run of commands may have in its tenant. */
export interface ModelExecution {
  readonly id: string;
  readonly workflow: number;
  status: ExecutionStatus;
  reason: string | null;
  epoch: number;
  owner: string | null;
  leaseUntil: number | null;
  resumeAt: number | null;
  releasedAt: number | null;
  starvedAt: number | null;
  parkExpiresAt: number | null;
  wakeCount: number;
  isCancelRequested: boolean;
  /** It was claimed once: it counts against the quota, first as reserved, in the end as used. */
  isAdmitted: boolean;
  /** The journal says that the engine reached the delay: the next run of the engine needs no answer any more. */
  isPaused: boolean;
}

interface ModelOutboxEntry {
  readonly executionId: string;
  readonly eventId: string;
  readonly isTimer: boolean;
  claimedBy: string | null;
  claimedUntil: number | null;
}

interface ModelOccurrence {
  readonly executionId: string;
  readonly fingerprint: string;
}

export interface ModelWorkflow {
  readonly nodeCount: number;
  readonly needsTier: number;
  isActive: boolean;
}

/** `resumeAfter`: minutes. */
export type ModelSettlement = { readonly status: "SUCCESS" | "FAILED" | "CANCELED" } | { readonly status: "WAITING"; readonly reason: "DELAY" | "BACKOFF"; readonly resumeAfter: number };

export interface ModelClaim {
  readonly claimed: readonly ModelExecution[];
  readonly blocked: readonly { readonly executionId: string; readonly reason: string }[];
  readonly parked: readonly string[];
  readonly starved: readonly string[];
  readonly skipped: readonly string[];
}

type ClaimKind = "start" | "resume" | "takeover";

/** The status machine as the design has it, with everything that decides about its arrows: slots, quota, leases, wake-ups. No database, no clock. */
export class StatusModel {
  now = 0;
  isTenantActive = true;
  plan = { concurrencyMax: 2, executionsPerMonth: 3, nodesMax: 10, tierRank: 2, parks: true };
  readonly workflows: readonly ModelWorkflow[];
  readonly executions: ModelExecution[] = [];
  readonly occurrences = new Map<string, ModelOccurrence>();
  outbox: ModelOutboxEntry[] = [];
  used = 0;
  /** When parked executions are looked at next, and when one was called out last. */
  drainAt: number | null = null;
  drainedAt: number | null = null;
  usage = { reserved: 0, used: 0 };

  constructor(workflows: readonly ModelWorkflow[]) {
    this.workflows = workflows.map((workflow) => ({ ...workflow }));
  }

  intake(item: { readonly workflow: number; readonly key: string; readonly fingerprint: string; readonly executionId: string }): { readonly outcome: string; readonly executionId: string } {
    const known = this.occurrences.get(`${item.workflow} ${item.key}`);
    if (known !== undefined) return { outcome: known.fingerprint === item.fingerprint ? "duplicate" : "conflict", executionId: known.executionId };
    const id = item.executionId;
    this.occurrences.set(`${item.workflow} ${item.key}`, { executionId: id, fingerprint: item.fingerprint });
    this.executions.push({
      ...{ id, workflow: item.workflow, status: "QUEUED", reason: null, epoch: 0, owner: null, leaseUntil: null, resumeAt: null, releasedAt: null, starvedAt: null, parkExpiresAt: null },
      ...{ wakeCount: 0, isCancelRequested: false, isAdmitted: false, isPaused: false },
    });
    this.#send(id, id, false);
    return { outcome: "accepted", executionId: id };
  }

  claim(owner: string, ids: readonly string[], keepStarved: "never" | "ifClaimed" | "always"): ModelClaim {
    const result = { claimed: [] as ModelExecution[], blocked: [] as { executionId: string; reason: string }[], parked: [] as string[], starved: [] as ModelExecution[], skipped: [] as string[] };
    const promised = this.#lot(true).filter(({ id }) => !ids.includes(id)).length;
    let hasParked = this.#lot(false).length > 0;
    for (const execution of this.#inClaimOrder(ids)) {
      const kind = this.#claimKind(execution);
      const refusal = kind === "start" ? this.#refusal(execution, promised, hasParked) : undefined;
      if (kind === undefined) result.skipped.push(execution.id);
      else if (refusal === "QUOTA") {
        hasParked = true;
        result.parked.push(execution.id);
      }
      else if (refusal !== undefined) result.blocked.push({ executionId: execution.id, reason: refusal });
      else if (kind !== "takeover" && this.used >= this.plan.concurrencyMax) result.starved.push(execution);
      else result.claimed.push(this.#lease(execution, kind, owner));
    }
    for (const { executionId, reason } of result.blocked) Object.assign(this.get(executionId), { status: "BLOCKED", reason, resumeAt: null, starvedAt: null });
    for (const id of result.parked) {
      const execution = this.get(id);
      Object.assign(execution, { status: "WAITING", reason: "QUOTA", resumeAt: null, starvedAt: null, parkExpiresAt: execution.parkExpiresAt ?? this.now + PARK });
      this.drainAt ??= this.now + 1;
    }
    if (keepStarved === "never" || (keepStarved === "ifClaimed" && result.claimed.length === 0)) for (const execution of result.starved) execution.starvedAt ??= this.now;
    return { ...result, starved: result.starved.map(({ id }) => id) };
  }

  holds(execution: ModelExecution, epoch: number): boolean {
    return execution.status === "RUNNING" && execution.epoch === epoch;
  }

  /** What a record needs on top of `holds`: a lease that has not run out. */
  mayRecord(execution: ModelExecution, epoch: number): boolean {
    return this.holds(execution, epoch) && this.now < (execution.leaseUntil ?? 0);
  }

  settle(execution: ModelExecution, epoch: number, settlement: ModelSettlement): boolean {
    if (!this.holds(execution, epoch)) return false;
    Object.assign(execution, { owner: null, leaseUntil: null });
    this.used -= 1;
    if (settlement.status === "WAITING") {
      execution.wakeCount += 1;
      this.#send(execution.id, `${execution.id}:${execution.wakeCount}`, true);
      Object.assign(execution, { status: "WAITING", reason: settlement.reason, resumeAt: this.now + settlement.resumeAfter });
      // A cancel that came too late to be observed by the run is not put off until the wait ends.
      if (execution.isCancelRequested) this.#end(execution, "CANCELED");
    } else {
      this.#end(execution, settlement.status);
    }
    this.#wakeStarved();
    return true;
  }

  /** @returns whether a cancel was asked for; undefined when the lease is lost */
  heartbeat(execution: ModelExecution, owner: string, epoch: number): boolean | undefined {
    if (!this.holds(execution, epoch) || execution.owner !== owner) return undefined;
    execution.leaseUntil = this.now + LEASE;
    return execution.isCancelRequested;
  }

  cancel(execution: ModelExecution): { readonly status: ExecutionStatus; readonly isRequested: boolean } {
    if (execution.status === "RUNNING") execution.isCancelRequested = true;
    if (execution.status === "QUEUED" || execution.status === "WAITING") {
      execution.isCancelRequested = true;
      this.#end(execution, "CANCELED");
    }
    return { status: execution.status, isRequested: execution.status === "RUNNING" };
  }

  /** Calls out the first of the parked executions, if there is room in the quota and the last one was called out a minute ago. @returns how many were */
  drain(isAsked: boolean): number {
    if (this.drainAt === null || (this.drainAt > this.now && !isAsked)) return 0;
    const called = this.#lot(true).length;
    const room = this.plan.executionsPerMonth - this.usage.used - this.usage.reserved - called;
    const [next] = room > 0 && (this.drainedAt === null || this.drainedAt + 1 <= this.now) ? this.#lot(false) : [];
    if (next !== undefined) {
      Object.assign(next, { resumeAt: this.now, wakeCount: next.wakeCount + 1, releasedAt: null });
      this.#send(next.id, `${next.id}:${next.wakeCount}`, false);
      this.drainedAt = this.now;
    }
    this.drainAt = this.#lot(false).length > 0 || this.#lot(true).length > 0 ? this.now + 1 : null;
    return next === undefined ? 0 : 1;
  }

  /** @returns the ids that were woken */
  sweep(): string[] {
    const due = this.executions.filter((execution) => this.#isDue(execution) && this.outbox.every(({ executionId }) => executionId !== execution.id));
    for (const execution of due) this.#wake(execution);
    return due.map(({ id }) => id);
  }

  /** How many entries a relay gets, and from which. */
  relayable(limit: number, outstanding: number): { readonly count: number; readonly among: ReadonlySet<string> } {
    const released = this.executions.filter(({ status, releasedAt, starvedAt }) => status === "QUEUED" && releasedAt !== null && starvedAt === null).length;
    const free = this.outbox.filter(({ claimedUntil }) => claimedUntil === null || claimedUntil < this.now);
    return { count: Math.min(limit, Math.max(0, outstanding - released), free.length), among: new Set(free.map(({ eventId }) => eventId)) };
  }

  relayClaim(owner: string, eventIds: readonly string[]): void {
    for (const entry of this.outbox) {
      if (eventIds.includes(entry.eventId)) Object.assign(entry, { claimedBy: owner, claimedUntil: this.now + RELAY_LEASE });
    }
  }

  /** @returns how many entries were still the relay's. */
  relaySent(owner: string, eventIds: readonly string[]): number {
    const gone = this.outbox.filter((entry) => entry.claimedBy === owner && eventIds.includes(entry.eventId));
    this.outbox = this.outbox.filter((entry) => !gone.includes(entry));
    for (const entry of gone) if (!entry.isTimer) this.get(entry.executionId).releasedAt = this.now;
    return gone.length;
  }

  get(id: string): ModelExecution {
    const execution = this.executions.find((candidate) => candidate.id === id);
    if (execution === undefined) throw new Error(`The model has no execution ${id}.`);
    return execution;
  }

  /** Takeovers, then resumes, then starts; each oldest first. Ids of executions count up. */
  #inClaimOrder(ids: readonly string[]): ModelExecution[] {
    const rankOf = ({ status }: ModelExecution): number => (status === "RUNNING" ? 0 : status === "WAITING" ? 1 : 2);
    return this.executions.filter(({ id }) => ids.includes(id)).toSorted((left, right) => rankOf(left) - rankOf(right));
  }

  /** The parked executions that were called out, or that were not, in their order. */
  #lot(isCalled: boolean): ModelExecution[] {
    return this.executions.filter(({ reason, resumeAt }) => reason === "QUOTA" && (resumeAt !== null) === isCalled);
  }

  #claimKind({ status, reason, resumeAt, leaseUntil, parkExpiresAt }: ModelExecution): ClaimKind | undefined {
    if (status === "QUEUED") return "start";
    if (reason === "QUOTA") return (resumeAt !== null && resumeAt <= this.now) || (parkExpiresAt !== null && parkExpiresAt <= this.now) ? "start" : undefined;
    if (status === "WAITING" && resumeAt !== null && resumeAt <= this.now) return "resume";
    return status === "RUNNING" && leaseUntil !== null && leaseUntil < this.now ? "takeover" : undefined;
  }

  /** `QUOTA`: it is to be parked. */
  #refusal(execution: ModelExecution, promised: number, hasParked: boolean): string | undefined {
    const workflow = this.workflows[execution.workflow];
    const isCalled = execution.status === "WAITING";
    if (isCalled && execution.parkExpiresAt !== null && execution.parkExpiresAt <= this.now) return "QUOTA_PARK_EXPIRED";
    if (!this.isTenantActive) return "TENANT_SUSPENDED";
    if (workflow?.isActive !== true) return "WORKFLOW_INACTIVE";
    if (workflow.nodeCount > this.plan.nodesMax) return "TOO_MANY_NODES";
    if (workflow.needsTier > this.plan.tierRank) return "NODE_NOT_IN_PLAN";
    if (this.plan.parks && hasParked && !isCalled) return "QUOTA";
    const room = this.plan.executionsPerMonth - this.usage.used - this.usage.reserved - (isCalled ? 0 : promised);
    if (room > 0) return undefined;
    return this.plan.parks ? "QUOTA" : "QUOTA_EXCEEDED";
  }

  #lease(execution: ModelExecution, kind: ClaimKind, owner: string): ModelExecution {
    if (kind !== "takeover") this.used += 1;
    if (kind === "start") this.usage.reserved += 1;
    return Object.assign(execution, {
      ...{ status: "RUNNING", reason: null, resumeAt: null, starvedAt: null, owner, epoch: execution.epoch + 1 },
      ...{ leaseUntil: this.now + LEASE, isAdmitted: true },
    });
  }

  #end(execution: ModelExecution, status: ExecutionStatus): void {
    Object.assign(execution, { status, reason: null, resumeAt: null, starvedAt: null });
    if (!execution.isAdmitted) return;
    this.usage.reserved -= 1;
    this.usage.used += 1;
  }

  #isDue({ status, reason, releasedAt, starvedAt, leaseUntil, resumeAt, parkExpiresAt }: ModelExecution): boolean {
    const isStale = (instant: number | null): boolean => instant !== null && instant < this.now - STALE;
    const isUnheard = (due: number | null): boolean => due !== null && due < this.now && (releasedAt === null || releasedAt < due || isStale(releasedAt));
    if (isStale(starvedAt) && this.used < this.plan.concurrencyMax) return true;
    if (status === "QUEUED") return starvedAt === null && isStale(releasedAt);
    if (reason === "QUOTA" && isUnheard(parkExpiresAt)) return true;
    return (status === "RUNNING" && isUnheard(leaseUntil)) || (status === "WAITING" && isUnheard(resumeAt));
  }

  #wakeStarved(): void {
    const free = Math.max(0, this.plan.concurrencyMax - this.used);
    for (const execution of this.executions.filter(({ starvedAt }) => starvedAt !== null).slice(0, free)) this.#wake(execution);
  }

  #wake(execution: ModelExecution): void {
    Object.assign(execution, { wakeCount: execution.wakeCount + 1, releasedAt: null, starvedAt: null });
    this.#send(execution.id, `${execution.id}:${execution.wakeCount}`, false);
  }

  #send(executionId: string, eventId: string, isTimer: boolean): void {
    this.outbox.push({ executionId, eventId, isTimer, claimedBy: null, claimedUntil: null });
  }
}
