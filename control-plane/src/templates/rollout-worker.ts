import { canaryPolicySchema, judgeCanary, type CanaryTally } from "@fluxo/core/workflow-templates/canary";
import { changeRollout, claimRollouts, countEnded, endItem, findRollout, listRolloutItems, type LeasedRollout, type RolloutChange, type RolloutItemRecord, type RolloutRecord } from "@fluxo/prisma/repositories/template-rollouts";
import { findTemplate, findTemplateVersionById } from "@fluxo/prisma/repositories/workflow-templates";
import type { Logger } from "@fluxo/runtime/logger";
import { toContent, type TemplateContent } from "./content.ts";
import { workItem, type ItemPorts } from "./rollout-item.ts";

/** Connections of one role. */
type Db = Parameters<typeof claimRollouts>[0];

export interface RolloutWorkerOptions extends ItemPorts {
  /** Connections of fluxo_system: finds and leases what is due. */
  readonly system: Db;
  /** Names this process in its leases; unique among processes. */
  readonly owner: string;
  readonly logger: Logger;
  /** Tenants of one rollout in one turn. */
  readonly batchMax?: number;
  /** Rollouts of one round. */
  readonly rolloutsMax?: number;
  readonly leaseMs?: number;
  readonly intervalMs?: number;
  /** Between two looks at the executions of canary tenants. */
  readonly observeMs?: number;
}

const BATCH_MAX = 20;
const ROLLOUTS_MAX = 10;
const LEASE_MS = 60_000;
const INTERVAL_MS = 250;
const IDLE_INTERVAL_MS = 1_000;
const OBSERVE_MS = 5_000;
/** How often one tenant is tried when the store or Fluxo itself fails, before it is marked and the others go on. */
const ATTEMPTS_MAX = 3;
/** Largest rollout; see createRollout. */
const CANARIES_MAX = 10_000;

/**
 * Works on rollouts, one turn of each agency after the other: canary tenants, then the wait for the verdict, then all others. Several workers share the
 * work by leases. One that dies in the middle leaves nothing half done: each tenant is one transaction with its mark, and the lease runs out.
 */
export class RolloutWorker {
  readonly #options: RolloutWorkerOptions;
  readonly #stopping = new AbortController();
  readonly #attempts = new Map<string, number>();
  #loop: Promise<void> | undefined;

  constructor(options: RolloutWorkerOptions) {
    this.#options = options;
  }

  /** One round: a turn of each rollout that is due, of one rollout per agency. @returns tenants that were worked. @throws when PostgreSQL fails */
  async tick(): Promise<number> {
    const { system, owner, leaseMs = LEASE_MS, rolloutsMax = ROLLOUTS_MAX, logger } = this.#options;
    let worked = 0;
    for (const lease of await claimRollouts(system, owner, leaseMs, rolloutsMax)) {
      worked += await this.#turn(lease).catch((error: unknown) => {
        logger.error({ err: error, agencyId: lease.agencyId, rolloutId: lease.id }, "turn of a rollout failed; it is repeated");
        return 0;
      });
    }
    return worked;
  }

  start(): void {
    this.#loop ??= this.#work();
  }

  /** Resolves when the tenant that is worked is finished. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  async #turn(lease: LeasedRollout): Promise<number> {
    const { tenantDb } = this.#options;
    const rollout = await tenantDb.withAgency(lease.agencyId, (db) => findRollout(db, lease.agencyId, lease.id));
    if (rollout === undefined) return 0;
    if (rollout.phase === "OBSERVE") {
      await this.#observe(lease, rollout);
      return 0;
    }
    return this.#bring(lease, rollout);
  }

  /** Tenants of the phase, as many as a turn takes; when there are none left, the next phase. */
  async #bring(lease: LeasedRollout, rollout: RolloutRecord): Promise<number> {
    const { tenantDb, clock, batchMax = BATCH_MAX } = this.#options;
    const { agencyId, id } = lease;
    const isCanary = rollout.phase === "CANARY";
    const { items, hasMore } = await tenantDb.withAgency(agencyId, (db) => listRolloutItems(db, agencyId, id, { status: ["PENDING"], ...(isCanary ? { isCanary } : {}) }, batchMax));
    let worked = 0;
    for (const item of items) {
      if (this.#stopping.signal.aborted || !(await this.#isStillMine(lease))) break;
      await this.#workOne(lease, rollout, item);
      worked += 1;
    }
    const isThrough = !hasMore && worked === items.length && (await this.#hasNonePending(lease, isCanary));
    const now = clock.now();
    const next: RolloutChange = isThrough ? (isCanary ? { phase: "OBSERVE", canaryDoneAt: now } : { status: "DONE", completedAt: now }) : {};
    await this.#change(lease, rollout, { ...next, dueInMs: 0 });
    return worked;
  }

  async #workOne({ agencyId }: LeasedRollout, rollout: RolloutRecord, item: RolloutItemRecord): Promise<void> {
    const { tenantDb, clock, logger } = this.#options;
    const place = `${rollout.id} ${item.tenantId}`;
    try {
      const { content, templateName } = await this.#contentOf(agencyId, rollout, item);
      const status = await workItem({ agencyId, rollout, item, content, templateName }, this.#options);
      this.#attempts.delete(place);
      logger.info({ tenantId: item.tenantId, rolloutId: rollout.id, status }, "tenant of a rollout was worked");
    } catch (error) {
      const attempts = (this.#attempts.get(place) ?? 0) + 1;
      this.#attempts.set(place, attempts);
      logger.error({ err: error, tenantId: item.tenantId, rolloutId: rollout.id, attempts }, "tenant of a rollout failed");
      if (attempts < ATTEMPTS_MAX) return;
      this.#attempts.delete(place);
      await tenantDb.withTenant(item.tenantId, (db) => endItem(db, item.tenantId, rollout.id, { status: "FAILED", code: "INTERNAL", message: "Fluxo failed on its own account; the log has the cause." }, clock.now()));
    }
  }

  async #contentOf(agencyId: string, rollout: RolloutRecord, { targetVersionId }: RolloutItemRecord): Promise<{ readonly content: TemplateContent | undefined; readonly templateName: string }> {
    return this.#options.tenantDb.withAgency(agencyId, async (db) => {
      const template = await findTemplate(db, agencyId, rollout.templateId);
      const version = targetVersionId === null ? undefined : await findTemplateVersionById(db, agencyId, targetVersionId);
      if (template === undefined || (targetVersionId !== null && version === undefined)) throw new Error(`The rollout ${rollout.id} names a template or a version that does not exist.`);
      return { content: version === undefined ? undefined : toContent(version), templateName: template.name };
    });
  }

  async #hasNonePending({ agencyId, id }: LeasedRollout, isCanary: boolean): Promise<boolean> {
    const page = await this.#options.tenantDb.withAgency(agencyId, (db) => listRolloutItems(db, agencyId, id, { status: ["PENDING"], ...(isCanary ? { isCanary } : {}) }, 1));
    return page.items.length === 0;
  }

  /** Not paused or aborted, and not another worker's by now. */
  async #isStillMine({ agencyId, id, epoch }: LeasedRollout): Promise<boolean> {
    return this.#options.tenantDb.withAgency(agencyId, (db) => changeRollout(db, agencyId, id, { status: ["RUNNING"], epoch }, {}));
  }

  async #observe(lease: LeasedRollout, rollout: RolloutRecord): Promise<void> {
    const { clock, observeMs = OBSERVE_MS, logger } = this.#options;
    const policy = canaryPolicySchema.parse(rollout.canaryPolicy);
    const now = clock.now();
    const verdict = judgeCanary(policy, await this.#tally(lease), now.getTime() - (rollout.canaryDoneAt ?? now).getTime());
    logger.info({ agencyId: lease.agencyId, rolloutId: rollout.id, verdict: verdict.kind }, "canary tenants of a rollout were judged");
    switch (verdict.kind) {
      case "continue":
        return this.#change(lease, rollout, { phase: "REST", dueInMs: 0 });
      case "ask":
        return this.#change(lease, rollout, { status: "AWAITING_APPROVAL" });
      case "stop":
        return this.#change(lease, rollout, { status: "STOPPED", stop: { code: verdict.code, message: verdict.message } });
      case "wait":
        return this.#change(lease, rollout, { dueInMs: observeMs });
      default:
        return verdict satisfies never;
    }
  }

  async #tally({ agencyId, id }: LeasedRollout): Promise<CanaryTally> {
    const { tenantDb } = this.#options;
    const { items } = await tenantDb.withAgency(agencyId, (db) => listRolloutItems(db, agencyId, id, { status: ["DONE"], isCanary: true }, CANARIES_MAX));
    const tally = { tenants: items.length, succeeded: 0, failed: 0 };
    for (const { tenantId, workflowId, workflowVersionId: versionId, doneAt: from } of items) {
      if (workflowId === null || versionId === null || from === null) continue;
      const ended = await tenantDb.withTenant(tenantId, (db) => countEnded(db, tenantId, { workflowId, versionId, from }));
      tally.succeeded += ended.succeeded;
      tally.failed += ended.failed;
    }
    return tally;
  }

  /** Ends the turn. One that was paused or aborted meanwhile, or is another worker's, stays as it is but for this lease. */
  async #change({ agencyId, id, epoch }: LeasedRollout, { phase }: RolloutRecord, change: RolloutChange): Promise<void> {
    await this.#options.tenantDb.withAgency(agencyId, async (db) => {
      const isChanged = await changeRollout(db, agencyId, id, { status: ["RUNNING"], phase, epoch }, { ...change, releases: true });
      if (!isChanged) await changeRollout(db, agencyId, id, { status: ["RUNNING", "PAUSED", "ABORTED"], epoch }, { releases: true });
    });
  }

  async #work(): Promise<void> {
    const { clock, logger, intervalMs = INTERVAL_MS } = this.#options;
    while (!this.#stopping.signal.aborted) {
      const worked = await this.tick().catch((error: unknown) => {
        logger.error({ err: error }, "round of rollouts failed");
        return 0;
      });
      await clock.sleep(worked > 0 ? intervalMs : Math.max(intervalMs, IDLE_INTERVAL_MS), this.#stopping.signal).catch(() => undefined);
    }
  }
}
