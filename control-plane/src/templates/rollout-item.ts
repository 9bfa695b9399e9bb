import { RequestError } from "@fluxo/core/errors/request-error";
import { CONFLICT_POLICIES, type ConflictPolicy } from "@fluxo/core/workflow-templates/merge";
import { parameterValuesSchema } from "@fluxo/core/workflow-templates/parameters";
import type { Clock } from "@fluxo/core/ports/clock";
import type { ScopedDb, TenantDb } from "@fluxo/prisma/database/tenant-db";
import { notePeriods } from "@fluxo/prisma/dispatch/arm";
import { brokenUniqueIndex } from "@fluxo/prisma/repositories/constraint";
import { findInstallation } from "@fluxo/prisma/repositories/template-installations";
import { holdTurn, type OperationTurn } from "@fluxo/prisma/operations/turns";
import { endItem, type RolloutItemEnd, type RolloutItemRecord, type RolloutRecord } from "@fluxo/prisma/repositories/template-rollouts";
import { assertNotOffBoarding } from "@fluxo/prisma/repositories/tenants";
import { updateWorkflow } from "@fluxo/prisma/repositories/workflows";
import { z } from "zod";
import type { PublishPorts } from "../publishing/ports.ts";
import type { TemplateContent } from "./content.ts";
import { installTemplate } from "./install-template.ts";
import { moveInstallation, TemplateConflict } from "./move-installation.ts";
import { noteRefusal } from "./refusal.ts";

/** What one item is worked with. */
export interface ItemTask {
  /** Of the rollout: of its agency. */
  readonly turn: OperationTurn;
  readonly rollout: RolloutRecord;
  readonly item: RolloutItemRecord;
  /** Undefined when the workflow is to be switched off. */
  readonly content: TemplateContent | undefined;
  /** What a new workflow is called. */
  readonly templateName: string;
}

export interface ItemPorts extends PublishPorts {
  readonly tenantDb: TenantDb;
  readonly clock: Clock;
}

const policySchema = z.enum(CONFLICT_POLICIES);

/**
 * Works one tenant of a rollout: what happens to its workflow and the mark that it did are one transaction, so a crash leaves both undone and nothing
 * is done twice. A tenant that cannot have the version keeps what it has, with the reason; that is no failure of the rollout.
 * @returns how it ended
 * @throws what is nobody's refusal: what `isTurnOver` tells, trouble of the store, a defect
 */
export async function workItem(task: ItemTask, ports: ItemPorts): Promise<RolloutItemEnd["status"]> {
  const { tenantId } = task.item;
  try {
    return await ports.tenantDb.withTenant(tenantId, async (db) => {
      await holdTurn(db, task.turn);
      await assertNotOffBoarding(db, tenantId);
      const end = task.rollout.kind === "rollback" ? await takeBack(db, task, ports) : await bring(db, task, ports);
      await endItem(db, tenantId, task.rollout.id, end, ports.clock.now());
      return end.status;
    });
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === undefined) throw error;
    const end = { status: statusOf(refusal), code: refusal.code, message: refusal.message };
    await ports.tenantDb.withTenant(tenantId, async (db) => {
      await holdTurn(db, task.turn);
      if (task.content !== undefined) await noteRefusal(db, tenantId, task.content, refusal);
      await endItem(db, tenantId, task.rollout.id, end, ports.clock.now());
    });
    return end.status;
  }
}

/** What an item becomes that was refused: whoever archived the workflow does not want the version. */
function statusOf(refusal: RequestError): "CONFLICT" | "SKIPPED" | "BLOCKED" {
  if (refusal instanceof TemplateConflict) return "CONFLICT";
  return refusal.code === "WORKFLOW_ARCHIVED" ? "SKIPPED" : "BLOCKED";
}

/** A refusal that lies with the tenant. */
function refusalOf(error: unknown): RequestError | undefined {
  if (error instanceof RequestError) return error;
  if (brokenUniqueIndex(error) === undefined) return undefined;
  return new RequestError("NAME_TAKEN", { detail: "The tenant has another workflow with the name of the template.", cause: error });
}

/** The version for a tenant that has the template, or does not have it yet. */
async function bring(db: ScopedDb, { turn, rollout, item, content, templateName }: ItemTask, ports: ItemPorts): Promise<RolloutItemEnd> {
  if (content === undefined) throw new Error(`The item of ${item.tenantId} in the rollout ${rollout.id} names no version.`);
  const values = parameterValuesSchema.parse(item.parameters);
  const actorId = rollout.createdBy;
  const known = await findInstallation(db, item.tenantId, content.templateId);
  if (known === undefined) {
    const { workflowId, published } = await installTemplate(db, item.tenantId, { agencyId: turn.scopeId, content, name: templateName, parameters: values, actorId }, ports);
    return { status: "DONE", fromVersionId: null, workflowId, workflowVersionId: published.version.id };
  }
  if (known.versionId === content.id && Object.keys(values).length === 0) return { status: "SKIPPED", code: "STATE_CONFLICT", message: "The tenant has this version already.", workflowId: known.workflowId };
  return move(db, item.tenantId, { content, parameters: { mode: "over", values }, onConflict: policySchema.parse(rollout.onConflict), actorId }, ports);
}

/** What the tenant had before the rollout that is taken back. */
async function takeBack(db: ScopedDb, { rollout, item, content }: ItemTask, ports: ItemPorts): Promise<RolloutItemEnd> {
  const { tenantId } = item;
  const known = await findInstallation(db, tenantId, rollout.templateId);
  if (known === undefined || known.versionId !== item.expectedVersionId) return { status: "SKIPPED", code: "STATE_CONFLICT", message: "The tenant has another version by now." };
  if (content !== undefined) {
    const values = parameterValuesSchema.parse(item.parameters);
    return move(db, tenantId, { content, parameters: { mode: "instead", values }, onConflict: policySchema.parse(rollout.onConflict), actorId: rollout.createdBy }, ports);
  }
  await updateWorkflow(db, tenantId, known.workflowId, { isActive: false });
  await notePeriods(db, tenantId, known.workflowId);
  return { status: "DONE", fromVersionId: known.versionId, fromParameters: known.parameters, workflowId: known.workflowId };
}

async function move(db: ScopedDb, tenantId: string, request: { readonly content: TemplateContent; readonly parameters: Parameters<typeof moveInstallation>[2]["parameters"]; readonly onConflict: ConflictPolicy; readonly actorId: string }, ports: ItemPorts): Promise<RolloutItemEnd> {
  const moved = await moveInstallation(db, tenantId, request, ports);
  if (moved === undefined) throw new Error(`The tenant ${tenantId} lost its installation in the middle of a transaction.`);
  const { before, published } = moved;
  return { status: "DONE", fromVersionId: before.versionId, fromParameters: before.parameters, workflowId: before.workflowId, workflowVersionId: published.version.id };
}
