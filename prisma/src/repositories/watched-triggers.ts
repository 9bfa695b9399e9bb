import type { Json } from "@fluxo/core/json";
import { OFF_REASONS, type OffReason, type TriggerPeriod } from "@fluxo/core/schedule/why";
import type { ScopedDb } from "../database/tenant-db.ts";
import { Prisma } from "../generated/client.ts";
import { inOrder, keysAcrossTenants, type TenantGroup } from "./across-tenants.ts";
import { fromJsonb } from "./json.ts";
import { pageOfRows, type Page } from "./page.ts";
import { toTriggerRecord, triggerSelect, type TriggerRecord } from "./triggers.ts";

/** How a trigger is, the gravest first: off, paused, its polls fail, nothing comes although something should, well. */
const TRIGGER_HEALTHS = ["off", "paused", "failing", "silent", "ok"] as const;
export type TriggerHealth = (typeof TRIGGER_HEALTHS)[number];

/** What dispatchers know of a trigger that watches a source. */
export interface TriggerStateRecord {
  readonly cursor: Json;
  readonly armedAt: Date | null;
  readonly nextDueAt: Date | null;
  readonly leaseUntil: Date | null;
  readonly isPaused: boolean;
  readonly failures: number;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
  readonly failedAt: Date | null;
  readonly connectedAt: Date | null;
  readonly checkedAt: Date | null;
  readonly itemSeenAt: Date | null;
  readonly executionAt: Date | null;
  /** Milliseconds. */
  readonly intervalMs: number | null;
  readonly silentSince: Date | null;
}

/** A trigger with what dispatchers know of it; null for one that watches no source. */
export interface WatchedTriggerRecord extends TriggerRecord {
  readonly state: TriggerStateRecord | null;
}

/** All fields that are there must hold. */
export interface TriggerFilter {
  readonly kind?: string | undefined;
  readonly workflowId?: string | undefined;
  readonly health?: TriggerHealth | undefined;
}

const select = {
  ...triggerSelect,
  state: {
    select: {
      cursor: true,
      armedAt: true,
      nextDueAt: true,
      leaseUntil: true,
      isPaused: true,
      failures: true,
      errorCode: true,
      errorMessage: true,
      failedAt: true,
      connectedAt: true,
      checkedAt: true,
      itemSeenAt: true,
      executionAt: true,
      intervalMs: true,
      silentSince: true,
    },
  },
} as const satisfies Prisma.TriggerSelect;

type Row = Prisma.TriggerGetPayload<{ select: typeof select }>;

function toRecord({ state, ...row }: Row): WatchedTriggerRecord {
  return { ...toTriggerRecord(row), state: state === null ? null : { ...state, cursor: state.cursor === null ? null : fromJsonb(state.cursor) } };
}

/** How a trigger is. */
export function healthOf({ isEnabled, state }: Pick<WatchedTriggerRecord, "isEnabled" | "state">): TriggerHealth {
  if (!isEnabled) return "off";
  if (state === null) return "ok";
  if (state.isPaused) return "paused";
  if (state.failures > 0) return "failing";
  return state.silentSince === null ? "ok" : "silent";
}

/** The same as a condition. */
function whereHealth(health: TriggerHealth): Prisma.TriggerWhereInput {
  switch (health) {
    case "off":
      return { isEnabled: false };
    case "paused":
      return { isEnabled: true, state: { isPaused: true } };
    case "failing":
      return { isEnabled: true, state: { isPaused: false, failures: { gt: 0 } } };
    case "silent":
      return { isEnabled: true, state: { isPaused: false, failures: 0, silentSince: { not: null } } };
    case "ok":
      return { isEnabled: true, OR: [{ state: null }, { state: { isPaused: false, failures: 0, silentSince: null } }] };
    default:
      return health satisfies never;
  }
}

/** All triggers of a tenant, newest first, one page; those of an archived workflow when it is named. @param db of the tenant */
export async function listWatchedTriggers(db: ScopedDb, tenantId: string, filter: TriggerFilter, limit: number, beforeId?: string): Promise<Page<WatchedTriggerRecord>> {
  const { kind, workflowId, health } = filter;
  const where: Prisma.TriggerWhereInput = {
    tenantId,
    ...(kind === undefined ? {} : { kind }),
    ...(workflowId === undefined ? { workflow: { archivedAt: null } } : { workflowId, workflow: { deletedAt: null } }),
    ...(health === undefined ? {} : whereHealth(health)),
    ...(beforeId === undefined ? {} : { id: { lt: beforeId } }),
  };
  const rows = await db.trigger.findMany({ where, select, orderBy: { id: "desc" }, take: limit + 1 });
  return pageOfRows(rows.map(toRecord), limit);
}

/** What makes a trigger of this health, of the table `x`: as `whereHealth`. */
function sqlHealth(health: TriggerHealth): Prisma.Sql {
  const state = (condition: Prisma.Sql): Prisma.Sql => Prisma.sql`EXISTS (SELECT FROM trigger_states s WHERE s.tenant_id = x.tenant_id AND s.trigger_id = x.id AND ${condition})`;
  switch (health) {
    case "off":
      return Prisma.sql`NOT x.is_enabled`;
    case "paused":
      return Prisma.sql`x.is_enabled AND ${state(Prisma.sql`s.is_paused`)}`;
    case "failing":
      return Prisma.sql`x.is_enabled AND ${state(Prisma.sql`NOT s.is_paused AND s.failures > 0`)}`;
    case "silent":
      return Prisma.sql`x.is_enabled AND ${state(Prisma.sql`NOT s.is_paused AND s.failures = 0 AND s.silent_since IS NOT NULL`)}`;
    case "ok":
      return Prisma.sql`x.is_enabled AND NOT ${state(Prisma.sql`(s.is_paused OR s.failures > 0 OR s.silent_since IS NOT NULL)`)}`;
    default:
      return health satisfies never;
  }
}

/** All triggers of many tenants, newest first, one page; those of an archived workflow when it is named. @param db across the agency's tenants */
export async function listWatchedTriggersAcross(db: ScopedDb, group: TenantGroup, { kind, workflowId, health }: TriggerFilter, limit: number, beforeId?: string): Promise<Page<WatchedTriggerRecord>> {
  const conditions = [
    Prisma.sql`EXISTS (SELECT FROM workflows w WHERE w.tenant_id = x.tenant_id AND w.id = x.workflow_id AND ${workflowId === undefined ? Prisma.sql`w.archived_at IS NULL` : Prisma.sql`w.deleted_at IS NULL`})`,
    ...(kind === undefined ? [] : [Prisma.sql`x.kind = ${kind}`]),
    ...(workflowId === undefined ? [] : [Prisma.sql`x.workflow_id = ${workflowId}::uuid`]),
    ...(health === undefined ? [] : [sqlHealth(health)]),
    ...(beforeId === undefined ? [] : [Prisma.sql`x.id < ${beforeId}::uuid`]),
  ];
  const list = { table: Prisma.sql`triggers`, where: Prisma.join(conditions, " AND "), order: Prisma.sql`x.id DESC`, columns: Prisma.empty };
  const keys = await keysAcrossTenants(db, group, list, limit + 1);
  const rows = keys.length === 0 ? [] : await db.trigger.findMany({ where: { OR: keys }, select });
  return pageOfRows(inOrder(rows.map(toRecord), keys), limit);
}

/** @param db of the tenant */
export async function findWatchedTrigger(db: ScopedDb, tenantId: string, id: string): Promise<WatchedTriggerRecord | undefined> {
  const row = await db.trigger.findUnique({ where: { tenantId_id: { tenantId, id } }, select });
  return row === null ? undefined : toRecord(row);
}

/** When a trigger was on and off in a time. `from` is included, `to` is not. @param db of the tenant */
export async function findPeriods(db: ScopedDb, tenantId: string, triggerId: string, from: Date, to: Date): Promise<TriggerPeriod[]> {
  const where = { tenantId, triggerId, fromAt: { lt: to }, OR: [{ toAt: null }, { toAt: { gt: from } }] };
  const rows = await db.triggerPeriod.findMany({ where, orderBy: { fromAt: "asc" } });
  return rows.map(({ fromAt, toAt, offReason }) => ({ from: fromAt, to: toAt ?? undefined, offReason: offReasonOf(offReason) }));
}

/** The column's type in Prisma is text; a check constraint keeps it to the known reasons. */
function offReasonOf(text: string | null): OffReason | undefined {
  return OFF_REASONS.find((reason) => reason === text);
}
