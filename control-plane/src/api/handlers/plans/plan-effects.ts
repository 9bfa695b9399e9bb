import type { PLAN_EFFECT_CODES } from "@fluxo/contracts/http/plans";
import type { Routes } from "@fluxo/contracts/http/routes";
import type { RouteResult } from "@fluxo/contracts/http/route";
import type { Entitlements } from "@fluxo/core/quota/entitlements";
import { nodeTiers } from "@fluxo/nodes/catalog";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { findPlanEffects, type PlanAsked, type PlanEffectRecord } from "@fluxo/prisma/repositories/plan-effects";

type EffectCode = (typeof PLAN_EFFECT_CODES)[number];
type Effect = Extract<RouteResult<Routes["previewTenantPlan"]>, { status: 200 }>["body"]["effects"][number];

export interface PlanEffects {
  readonly effects: Effect[];
  /** Workflows that would be blocked and are not now. */
  readonly blockedWorkflows: number;
}

/** A plan as it would be. */
export interface AskedPlan extends PlanAsked {
  readonly name: string;
}

/**
 * What a plan would not allow of what a tenant has, in words, each with whether the present plan allows it.
 * @param db of the tenant, or of its agency
 */
export async function planEffects(db: ScopedDb, tenantId: string, asked: AskedPlan, presentPlanId: string): Promise<PlanEffects> {
  const tiers = nodeTiers();
  const present = new Set((await findPlanEffects(db, tenantId, { planId: presentPlanId, changes: {} }, tiers)).map(identityOf));
  const effects = (await findPlanEffects(db, tenantId, asked, tiers)).map((record) => toEffect(record, asked.name, !present.has(identityOf(record))));
  const blocked = effects.filter(({ effect, isNew, workflowId }) => effect === "blocked" && isNew && workflowId !== null);
  return { effects, blockedWorkflows: new Set(blocked.map(({ workflowId }) => workflowId)).size };
}

/** Two effects are the same when they are of one rule about one workflow, whatever the counts; other node types are other effects. */
function identityOf({ code, workflowId, detail }: PlanEffectRecord): string {
  return JSON.stringify([code, workflowId, detail]);
}

function toEffect(record: PlanEffectRecord, planName: string, isNew: boolean): Effect {
  const { code, workflowId, workflowName, actual, allowed } = record;
  return { code: code as EffectCode, isNew, ...outcomeOf(record, planName), workflowId, workflowName, actual, allowed };
}

/** What a rule does to what it is about. @param detail as fluxo_plan_effects tells it */
export function effectOf(code: string, detail: string | null): { readonly code: EffectCode; readonly effect: Effect["effect"] } {
  const { effect } = outcomeOf({ code, workflowId: null, workflowName: null, detail, actual: null, allowed: null }, "");
  return { code: code as EffectCode, effect };
}

function outcomeOf({ code, workflowName, detail, actual, allowed }: PlanEffectRecord, planName: string): Pick<Effect, "effect" | "message"> {
  const rule = code as EffectCode;
  const workflow = `The workflow "${workflowName}"`;
  switch (rule) {
    case "TOO_MANY_WORKFLOWS":
      return { effect: "blocked", message: `${workflow} would be blocked: it is active workflow number ${actual}, and the plan ${planName} allows ${allowed}.` };
    case "TOO_MANY_NODES":
      return { effect: "blocked", message: `${workflow} would be blocked: it has ${actual} nodes, and the plan ${planName} allows ${allowed}.` };
    case "NODE_NOT_IN_PLAN":
      return { effect: "blocked", message: `${workflow} would be blocked: the plan ${planName} does not include ${detail}.` };
    case "QUOTA_EXCEEDED":
      return detail === "PARK"
        ? { effect: "parked", message: `New executions would be parked: ${actual} of the month are counted, and the plan ${planName} allows ${allowed}.` }
        : { effect: "blocked", message: `New executions would be blocked: ${actual} of the month are counted, and the plan ${planName} allows ${allowed}.` };
    case "AI_TOKENS_EXCEEDED":
      return { effect: "failed", message: `AI nodes would fail: ${actual} tokens of the month are counted, and the plan ${planName} allows ${allowed}.` };
    case "CONCURRENCY_REACHED":
      return { effect: "delayed", message: `${actual} executions run now, and the plan ${planName} allows ${allowed} at once: none would start until enough of them have ended. Those that run go on.` };
    case "POLL_INTERVAL_RAISED":
      return { effect: "delayed", message: `The trigger "${detail}" of ${workflow.replace("The", "the")} looks every ${actual} s; with the plan ${planName} it would look every ${allowed} s.` };
    case "SEATS_EXCEEDED":
      return { effect: "frozen", message: `${actual} people are members, and the plan ${planName} allows ${allowed}: nobody more could be invited.` };
    default:
      return rule satisfies never;
  }
}

/** The entitlements that differ. */
export function entitlementChanges(from: Entitlements, to: Entitlements): { entitlement: string; from: unknown; to: unknown }[] {
  return (Object.keys(from) as (keyof Entitlements)[]).flatMap((entitlement) =>
    JSON.stringify(from[entitlement]) === JSON.stringify(to[entitlement]) ? [] : [{ entitlement, from: from[entitlement], to: to[entitlement] }],
  );
}
