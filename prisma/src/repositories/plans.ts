import { RequestError } from "@fluxo/core/errors/request-error";
import type { Entitlements, OverQuotaPolicy } from "@fluxo/core/quota/entitlements";
import { Prisma } from "../generated/client.ts";
import type { ScopedDb } from "../database/tenant-db.ts";
import { pageOfRows, type Page } from "./page.ts";

export interface PlanRecord extends Entitlements {
  readonly id: string;
  /** Null: the operator's. */
  readonly agencyId: string | null;
  readonly code: string;
  readonly name: string;
  readonly concurrencyClass: string;
  readonly revision: number;
  readonly retiredAt: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** The columns of the entitlements, by name. */
const entitlementColumns = {
  tierRank: true,
  nodeTypesAllowed: true,
  nodeTypesDenied: true,
  executionsPerMonth: true,
  nodesPerWorkflowMax: true,
  activeWorkflowsMax: true,
  concurrencyMax: true,
  weight: true,
  pollIntervalSecondsMin: true,
  payloadBytesMax: true,
  executionRetentionDays: true,
  fileRetentionDays: true,
  versionsKeptMax: true,
  aiTokensPerMonth: true,
  seatsMax: true,
  apiRequestsPerMinute: true,
  ingressRequestsPerMinute: true,
  overQuota: true,
  parkHoursMax: true,
  drainPerMinute: true,
  alertPercents: true,
} as const satisfies Record<keyof Entitlements, true>;

const select = { id: true, agencyId: true, code: true, name: true, ...entitlementColumns, concurrencyClass: true, revision: true, retiredAt: true, createdAt: true, updatedAt: true } as const;

type Row = Omit<PlanRecord, "overQuota"> & { readonly overQuota: string };

function toRecord(row: Row): PlanRecord {
  const overQuota: OverQuotaPolicy = row.overQuota === "PARK" ? "PARK" : "REJECT";
  return { ...row, overQuota };
}

/** The entitlements of a plan, without what else it has. */
export function entitlementsOf(plan: PlanRecord): Entitlements {
  return Object.fromEntries(Object.keys(entitlementColumns).map((name) => [name, plan[name as keyof Entitlements]])) as unknown as Entitlements;
}

/** The plans that the scope may see, in the order of their ids: the operator's, then the agency's. */
export async function listPlans(db: ScopedDb, limit: number, afterId?: string, code?: string): Promise<Page<PlanRecord>> {
  const where = { ...(afterId === undefined ? {} : { id: { gt: afterId } }), ...(code === undefined ? {} : { code }) };
  const rows = await db.plan.findMany({ where, select, orderBy: { id: "asc" }, take: limit + 1 });
  return pageOfRows(rows.map(toRecord), limit);
}

/** The plan of a code that a tenant may get: the agency's own before the operator's. @param db of the agency */
export async function findPlanByCode(db: ScopedDb, agencyId: string, code: string): Promise<PlanRecord | undefined> {
  const rows = await db.plan.findMany({ where: { code, retiredAt: null, OR: [{ agencyId }, { agencyId: null }] }, select });
  const row = rows.find((found) => found.agencyId === agencyId) ?? rows[0];
  return row === undefined ? undefined : toRecord(row);
}

/** @returns undefined when the scope sees no such plan */
export async function findPlan(db: ScopedDb, planId: string): Promise<PlanRecord | undefined> {
  const row = await db.plan.findUnique({ where: { id: planId }, select });
  return row === null ? undefined : toRecord(row);
}

/** Whether the scope may see the plan. */
export async function hasPlan(db: ScopedDb, planId: string): Promise<boolean> {
  return (await db.plan.count({ where: { id: planId } })) > 0;
}

/** The plan of a tenant. @param db of the tenant */
export async function findPlanOfTenant(db: ScopedDb, tenantId: string): Promise<PlanRecord | undefined> {
  const row = await db.plan.findFirst({ where: { tenants: { some: { id: tenantId } } }, select });
  return row === null ? undefined : toRecord(row);
}

export interface NewPlan {
  readonly id: string;
  /** Null: the operator's. */
  readonly agencyId: string | null;
  readonly code: string;
  readonly name: string;
  readonly entitlements: Entitlements;
  readonly concurrencyClass: string;
}

/** @param db of the agency, or of the operator @throws the unique violation of the code */
export async function createPlan(db: ScopedDb, { entitlements, ...plan }: NewPlan): Promise<PlanRecord> {
  return toRecord(await db.plan.create({ data: { ...plan, ...listsOf(entitlements) }, select }));
}

export interface PlanChange {
  readonly name?: string | undefined;
  /** When it was retired; null: it is not. */
  readonly retiredAt?: Date | null | undefined;
  readonly entitlements: Partial<Entitlements>;
  readonly concurrencyClass?: string | undefined;
}

/** Changes one of the agency's own plans, or of the operator's, whose lock the caller holds, and raises its revision. @param db of the agency, or of the operator @returns undefined when it has no such plan */
export async function changePlan(db: ScopedDb, agencyId: string | null, planId: string, { name, retiredAt, entitlements, concurrencyClass }: PlanChange): Promise<PlanRecord | undefined> {
  const rows = await db.plan.updateManyAndReturn({
    where: { id: planId, agencyId },
    data: {
      ...(name === undefined ? {} : { name }),
      ...(retiredAt === undefined ? {} : { retiredAt }),
      ...(concurrencyClass === undefined ? {} : { concurrencyClass }),
      ...listsOf(entitlements),
      revision: { increment: 1 },
      updatedAt: new Date(),
    },
    select,
  });
  return rows[0] === undefined ? undefined : toRecord(rows[0]);
}

/** Prisma takes lists that may be changed. */
function listsOf<T extends Partial<Entitlements>>({ nodeTypesAllowed, nodeTypesDenied, alertPercents, ...rest }: T) {
  return {
    ...rest,
    ...(nodeTypesAllowed === undefined ? {} : { nodeTypesAllowed: [...nodeTypesAllowed] }),
    ...(nodeTypesDenied === undefined ? {} : { nodeTypesDenied: [...nodeTypesDenied] }),
    ...(alertPercents === undefined ? {} : { alertPercents: [...alertPercents] }),
  };
}

/** Deletes one of the agency's own plans. @param db of the agency @returns false when it has no such plan @throws the violation of the foreign key when a tenant has it */
export async function deletePlan(db: ScopedDb, agencyId: string, planId: string): Promise<boolean> {
  return (await db.plan.deleteMany({ where: { id: planId, agencyId } })).count === 1;
}

/** Whether a write failed because something still refers to the row. */
export function isStillReferenced(error: unknown): boolean {
  return error instanceof Prisma.PrismaClientKnownRequestError && error.code === "P2003";
}

/** Locks a plan for a change of it. @param db of the agency, or of the operator */
export async function lockPlan(db: ScopedDb, planId: string): Promise<void> {
  await db.$queryRaw`SELECT fluxo_lock_plan(${planId}::uuid)::text`;
}

/** What follows from the change of a plan for its tenants. In the transaction of the change. @param db of the agency @returns how many tenants have it */
export async function applyPlanChange(db: ScopedDb, planId: string): Promise<number> {
  const rows = await db.$queryRaw<{ count: number }[]>`SELECT fluxo_apply_plan_change(${planId}::uuid) AS count`;
  return rows[0]?.count ?? 0;
}

/** What follows for a tenant from another plan or another time zone. In the transaction of the change; `lockActiveWorkflows` comes first in it. @param db of the agency or the tenant */
export async function applyPlan(db: ScopedDb, tenantId: string): Promise<void> {
  await db.$queryRaw`SELECT fluxo_apply_plan(${tenantId}::uuid)::text`;
}

/** Makes changes of the number of active workflows take turns. Before anything else in a transaction that activates, deactivates or changes the plan. */
export async function lockActiveWorkflows(db: ScopedDb, tenantId: string): Promise<void> {
  await db.$queryRaw`SELECT fluxo_lock_workflows(${tenantId}::uuid)::text`;
}

/**
 * Marks the active workflows that are beyond the plan. After a change of what is active; whoever has locked a workflow's row before has called `lockActiveWorkflows` before that.
 * @param db of the tenant
 * @throws RequestError TOO_MANY_WORKFLOWS when `workflowId` was activated in this transaction and there is no room for it
 */
export async function limitWorkflows(db: ScopedDb, tenantId: string, workflowId: string): Promise<void> {
  await lockActiveWorkflows(db, tenantId);
  // now() is the beginning of the transaction.
  const rows = await db.$queryRaw<{ allowed: number; is_refused: boolean }[]>`
    SELECT l.allowed, EXISTS (SELECT FROM workflows w WHERE w.tenant_id = ${tenantId}::uuid AND w.id = ${workflowId}::uuid AND w.is_active AND w.activated_at >= now()) AND l.active > l.allowed AS is_refused
    FROM fluxo_limit_workflows(${tenantId}::uuid) l`;
  const [limit] = rows;
  if (limit?.is_refused === true) throw new RequestError("TOO_MANY_WORKFLOWS", { detail: `The plan allows ${limit.allowed} active workflows; deactivate another one first.` });
}
