import type { Entitlements } from "@fluxo/core/quota/entitlements";
import type { ScopedDb } from "../database/tenant-db.ts";
import { toJsonb } from "../database/jsonb.ts";
import { pageOfRows, type Page } from "./page.ts";

/** One thing that a plan does not allow of what a tenant has: see fluxo_plan_effects. */
export interface PlanEffectRecord {
  readonly code: string;
  readonly workflowId: string | null;
  readonly workflowName: string | null;
  readonly detail: string | null;
  readonly actual: number | null;
  readonly allowed: number | null;
}

export interface PlanAsked {
  readonly planId: string;
  /** Entitlements that would be others than the stored ones. */
  readonly changes: Partial<Entitlements>;
}

/**
 * What a plan would not allow of what a tenant has and does now, by the rules of admission.
 * @param db of the tenant, or of its agency
 * @param nodeTiers node type → rank of its tier
 */
export async function findPlanEffects(db: ScopedDb, tenantId: string, { planId, changes }: PlanAsked, nodeTiers: Readonly<Record<string, number>>): Promise<PlanEffectRecord[]> {
  return db.$queryRaw<PlanEffectRecord[]>`
    SELECT code, workflow_id AS "workflowId", workflow_name AS "workflowName", detail, actual, allowed
    FROM fluxo_plan_effects(${tenantId}::uuid, ${planId}::uuid, ${toJsonb(columnsOf(changes))}::jsonb, ${toJsonb(nodeTiers)}::jsonb)`;
}

/** A rule of a plan of the operator that would newly be about a tenant. */
export interface OperatorPlanEffectRecord {
  readonly tenantId: string;
  readonly agencyId: string;
  /** Null: nothing would change for the tenant. */
  readonly code: string | null;
  readonly detail: string | null;
  readonly workflowIds: readonly string[];
}

/** What a change of a plan of the operator would newly not allow of what its tenants have, for so many of them in the order of their ids. @param db of the operator @param nodeTiers node type → rank of its tier */
export async function findOperatorPlanEffects(db: ScopedDb, { planId, changes }: PlanAsked, nodeTiers: Readonly<Record<string, number>>, limit: number, afterTenantId?: string): Promise<OperatorPlanEffectRecord[]> {
  return db.$queryRaw<OperatorPlanEffectRecord[]>`
    SELECT tenant_id AS "tenantId", agency_id AS "agencyId", code, detail, workflow_ids AS "workflowIds"
    FROM fluxo_operator_plan_effects(${planId}::uuid, ${toJsonb(columnsOf(changes))}::jsonb, ${toJsonb(nodeTiers)}::jsonb, ${afterTenantId ?? null}::uuid, ${limit}::int)`;
}

/** How many tenants have a plan of the operator. @param db of the operator */
export async function countTenantsOfOperatorPlan(db: ScopedDb, planId: string): Promise<number> {
  const rows = await db.$queryRaw<{ count: number }[]>`SELECT count(*)::int AS count FROM fluxo_plan_tenants(${planId}::uuid, NULL, NULL)`;
  return rows[0]?.count ?? 0;
}

/** What follows from the change of a plan of the operator for the tenants that have it, in the transaction of the change. @param db of the operator @returns for how many something followed */
export async function applyOperatorPlanChange(db: ScopedDb, planId: string): Promise<number> {
  const rows = await db.$queryRaw<{ count: number }[]>`SELECT fluxo_apply_operator_plan(${planId}::uuid) AS count`;
  return rows[0]?.count ?? 0;
}

/** Column names of `plans` are the entitlements' names in snake case. */
function columnsOf(changes: Partial<Entitlements>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(changes).map(([name, value]) => [name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]));
}

/** The tenants that have a plan, in the order of their ids. @param db of the agency */
export async function listTenantsOfPlan(db: ScopedDb, agencyId: string, planId: string, limit: number, afterId?: string): Promise<Page<{ readonly id: string; readonly name: string }>> {
  const where = { agencyId, planId, ...(afterId === undefined ? {} : { id: { gt: afterId } }) };
  return pageOfRows(await db.tenant.findMany({ where, select: { id: true, name: true }, orderBy: { id: "asc" }, take: limit + 1 }), limit);
}

/** Active workflows of a tenant, and those beyond its plan. @param db of the tenant */
export async function countActiveWorkflows(db: ScopedDb, tenantId: string): Promise<{ readonly active: number; readonly beyond: number }> {
  const [active, beyond] = [await db.workflow.count({ where: { tenantId, isActive: true } }), await db.workflow.count({ where: { tenantId, isActive: true, isBeyondPlan: true } })];
  return { active, beyond };
}
