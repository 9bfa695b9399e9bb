import { canaryPolicySchema, judgeCanary, type CanaryTally } from "@fluxo/core/workflow-templates/canary";
import type { RolloutPhase } from "@fluxo/core/workflow-templates/rollout";
import { holdTurn, isTurnOver, type OperationTurn } from "@fluxo/prisma/operations/turns";
import { changeRollout, countAttempt, countEnded, endItem, findRollout, listRolloutItems, type RolloutChange, type RolloutItemRecord, type RolloutRecord } from "@fluxo/prisma/repositories/template-rollouts";
import { findTemplate, findTemplateVersionById } from "@fluxo/prisma/repositories/workflow-templates";
import type { Logger } from "@fluxo/runtime/logger";
import type { OperationWork, TurnEnd } from "../operations/operation-worker.ts";
import { toContent, type TemplateContent } from "./content.ts";
import { workItem, type ItemPorts } from "./rollout-item.ts";

export interface RolloutPorts extends ItemPorts {
  readonly logger: Logger;
  /** Tenants of one rollout in one turn. */
  readonly batchMax?: number;
  /** Between two looks at the executions of canary tenants. */
  readonly observeMs?: number;
}

const BATCH_MAX = 20;
const OBSERVE_MS = 5_000;
/** How often one tenant is tried when the store or Fluxo itself fails, before it is marked and the others go on. */
const ATTEMPTS_MAX = 3;
/** After a turn in which a tenant failed so. */
const FAILED_REST_MS = 2_000;
/** Largest rollout; see createRollout. */
const CANARIES_MAX = 10_000;

/** Rollouts: canary tenants, then the wait for the verdict, then all others. Each tenant is one transaction with its mark. */
export class Rollouts implements OperationWork {
  readonly kind = "rollout";
  readonly intervalMs = 250;
  readonly #ports: RolloutPorts;

  constructor(ports: RolloutPorts) {
    this.#ports = ports;
  }

  async turn(turn: OperationTurn, signal: AbortSignal): Promise<TurnEnd> {
    const rollout = await this.#ports.tenantDb.withAgency(turn.scopeId, async (db) => {
      await holdTurn(db, turn);
      return findRollout(db, turn.scopeId, turn.id);
    });
    if (rollout === undefined) throw new Error("A rollout that is leased does not exist.");
    return rollout.phase === "OBSERVE" ? this.#observe(turn, rollout) : this.#bring(turn, rollout, signal);
  }

  /** Tenants of the phase, as many as a turn takes; when there are none left, the next phase. */
  async #bring(turn: OperationTurn, rollout: RolloutRecord, signal: AbortSignal): Promise<TurnEnd> {
    const { clock, batchMax = BATCH_MAX } = this.#ports;
    const isCanary = rollout.phase === "CANARY";
    let worked = 0;
    let failed = 0;
    for (const item of (await this.#pending(turn, isCanary, batchMax)).items) {
      if (signal.aborted) return { worked };
      if (!(await this.#workOne(turn, rollout, item))) failed += 1;
      worked += 1;
    }
    const isThrough = (await this.#pending(turn, isCanary, 1)).items.length === 0;
    const now = clock.now();
    if (isThrough) await this.#change(turn, rollout.phase, isCanary ? { phase: "OBSERVE", canaryDoneAt: now } : { status: "DONE", completedAt: now });
    return { worked, restMs: failed > 0 ? FAILED_REST_MS : 0 };
  }

  #pending({ scopeId, id }: OperationTurn, isCanary: boolean, limit: number): ReturnType<typeof listRolloutItems> {
    return this.#ports.tenantDb.withAgency(scopeId, (db) => listRolloutItems(db, scopeId, id, { status: ["PENDING"], ...(isCanary ? { isCanary } : {}) }, limit));
  }

  /** The try is counted before it is made, so that one counts that took its process with it. @returns whether the tenant is finished */
  async #workOne(turn: OperationTurn, rollout: RolloutRecord, item: RolloutItemRecord): Promise<boolean> {
    const { tenantDb, logger } = this.#ports;
    const { tenantId } = item;
    const attempts = await tenantDb.withTenant(tenantId, async (db) => {
      await holdTurn(db, turn);
      return countAttempt(db, tenantId, rollout.id);
    });
    if (attempts === undefined) return true;
    if (attempts > ATTEMPTS_MAX) return this.#giveUp(turn, tenantId);
    try {
      const { content, templateName } = await this.#contentOf(turn.scopeId, rollout, item);
      const status = await workItem({ turn, rollout, item, content, templateName }, this.#ports);
      logger.info({ tenantId, rolloutId: rollout.id, status }, "tenant of a rollout was worked");
      return true;
    } catch (error) {
      if (isTurnOver(error)) throw error;
      logger.error({ err: error, tenantId, rolloutId: rollout.id, attempts }, "tenant of a rollout failed");
      return attempts < ATTEMPTS_MAX ? false : this.#giveUp(turn, tenantId);
    }
  }

  async #giveUp(turn: OperationTurn, tenantId: string): Promise<true> {
    const { tenantDb, clock } = this.#ports;
    await tenantDb.withTenant(tenantId, async (db) => {
      await holdTurn(db, turn);
      await endItem(db, tenantId, turn.id, { status: "FAILED", code: "INTERNAL", message: "Fluxo failed on its own account; the log has the cause." }, clock.now());
    });
    return true;
  }

  async #contentOf(agencyId: string, rollout: RolloutRecord, { targetVersionId }: RolloutItemRecord): Promise<{ readonly content: TemplateContent | undefined; readonly templateName: string }> {
    return this.#ports.tenantDb.withAgency(agencyId, async (db) => {
      const template = await findTemplate(db, agencyId, rollout.templateId);
      const version = targetVersionId === null ? undefined : await findTemplateVersionById(db, agencyId, targetVersionId);
      if (template === undefined || (targetVersionId !== null && version === undefined)) throw new Error(`The rollout ${rollout.id} names a template or a version that does not exist.`);
      return { content: version === undefined ? undefined : toContent(version), templateName: template.name };
    });
  }

  async #observe(turn: OperationTurn, rollout: RolloutRecord): Promise<TurnEnd> {
    const { clock, observeMs = OBSERVE_MS, logger } = this.#ports;
    const policy = canaryPolicySchema.parse(rollout.canaryPolicy);
    const now = clock.now();
    const verdict = judgeCanary(policy, await this.#tally(turn), now.getTime() - (rollout.canaryDoneAt ?? now).getTime());
    logger.info({ agencyId: turn.scopeId, rolloutId: rollout.id, verdict: verdict.kind }, "canary tenants of a rollout were judged");
    switch (verdict.kind) {
      case "continue":
        await this.#change(turn, rollout.phase, { phase: "REST" });
        return { worked: 0 };
      case "ask":
        await this.#change(turn, rollout.phase, { status: "AWAITING_APPROVAL" });
        return { worked: 0 };
      case "stop":
        await this.#change(turn, rollout.phase, { status: "STOPPED", stop: { code: verdict.code, message: verdict.message } });
        return { worked: 0 };
      case "wait":
        return { worked: 0, restMs: observeMs };
      default:
        return verdict satisfies never;
    }
  }

  async #tally({ scopeId, id }: OperationTurn): Promise<CanaryTally> {
    const { tenantDb } = this.#ports;
    const { items } = await tenantDb.withAgency(scopeId, (db) => listRolloutItems(db, scopeId, id, { status: ["DONE"], isCanary: true }, CANARIES_MAX));
    const tally = { tenants: items.length, succeeded: 0, failed: 0 };
    for (const { tenantId, workflowId, workflowVersionId: versionId, doneAt: from } of items) {
      if (workflowId === null || versionId === null || from === null) continue;
      const ended = await tenantDb.withTenant(tenantId, (db) => countEnded(db, tenantId, { workflowId, versionId, from }));
      tally.succeeded += ended.succeeded;
      tally.failed += ended.failed;
    }
    return tally;
  }

  /** Nothing when somebody approved it meanwhile. */
  async #change(turn: OperationTurn, phase: RolloutPhase, change: RolloutChange): Promise<void> {
    const { tenantDb, clock } = this.#ports;
    await tenantDb.withAgency(turn.scopeId, async (db) => {
      await holdTurn(db, turn);
      await changeRollout(db, turn.scopeId, turn.id, { status: ["RUNNING"], phase }, change, clock.now());
    });
  }
}
