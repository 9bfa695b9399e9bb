import type { ScopedDb } from "../database/tenant-db.ts";
import { pageOfRows, type Page } from "./page.ts";

export interface PlanRecord {
  readonly id: string;
  readonly code: string;
  readonly name: string;
  readonly tierRank: number;
  readonly executionsPerMonth: number;
  readonly nodesPerWorkflowMax: number;
  readonly concurrencyMax: number;
}

const select = { id: true, code: true, name: true, tierRank: true, executionsPerMonth: true, nodesPerWorkflowMax: true, concurrencyMax: true } as const;

/** The plans that the scope may see, in the order of their ids: the operator's, then the agency's. */
export async function listPlans(db: ScopedDb, limit: number, afterId?: string): Promise<Page<PlanRecord>> {
  const where = afterId === undefined ? {} : { id: { gt: afterId } };
  return pageOfRows(await db.plan.findMany({ where, select, orderBy: { id: "asc" }, take: limit + 1 }), limit);
}

/** The plan of a code: the agency's own before the operator's. @param db of the agency */
export async function findPlanByCode(db: ScopedDb, agencyId: string, code: string): Promise<PlanRecord | undefined> {
  const rows = await db.plan.findMany({ where: { code, OR: [{ agencyId }, { agencyId: null }] }, select: { ...select, agencyId: true } });
  const found = rows.find((row) => row.agencyId === agencyId) ?? rows[0];
  if (found === undefined) return undefined;
  const { agencyId: _owner, ...plan } = found;
  return plan;
}

/** Whether the scope may see the plan. Foreign keys look past row-level security, so this is asked before a tenant gets a plan. */
export async function hasPlan(db: ScopedDb, planId: string): Promise<boolean> {
  return (await db.plan.count({ where: { id: planId } })) > 0;
}

/** The plan of a tenant. @param db of the tenant */
export async function findPlanOfTenant(db: ScopedDb, tenantId: string): Promise<PlanRecord | undefined> {
  return (await db.plan.findFirst({ where: { tenants: { some: { id: tenantId } } }, select })) ?? undefined;
}
