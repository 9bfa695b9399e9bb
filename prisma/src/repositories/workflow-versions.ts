import type { Json } from "@fluxo/core/json";
import type { ScopedDb } from "../database/tenant-db.ts";
import { fromJsonb, toJsonColumn } from "./json.ts";
import { pageOfRows, type Page } from "./page.ts";

export interface VersionRecord {
  readonly id: string;
  readonly workflowId: string;
  readonly number: number;
  readonly contentHash: string;
  readonly nodeCount: number;
  readonly nodeTypes: readonly string[];
  readonly publishedAt: Date;
  readonly publishedBy: string | null;
}

export interface NewVersion {
  readonly id: string;
  readonly workflowId: string;
  readonly graph: unknown;
  readonly contentHash: string;
  readonly nodeCount: number;
  readonly nodeTypes: readonly string[];
  readonly publishedBy: string;
}

const select = { id: true, workflowId: true, number: true, contentHash: true, nodeCount: true, nodeTypes: true, publishedAt: true, publishedBy: true } as const;

/** Newest first. @param db of the tenant @param beforeNumber only versions before this one */
export async function listVersions(db: ScopedDb, tenantId: string, workflowId: string, limit: number, beforeNumber?: number): Promise<Page<VersionRecord>> {
  const where = { tenantId, workflowId, ...(beforeNumber === undefined ? {} : { number: { lt: beforeNumber } }) };
  return pageOfRows(await db.workflowVersion.findMany({ where, select, orderBy: { number: "desc" }, take: limit + 1 }), limit);
}

/** With its graph. @param db of the tenant */
export async function findVersion(db: ScopedDb, tenantId: string, workflowId: string, number: number): Promise<(VersionRecord & { readonly graph: Json }) | undefined> {
  const row = await db.workflowVersion.findUnique({
    where: { tenantId_workflowId_number: { tenantId, workflowId, number } },
    select: { ...select, graph: true },
  });
  return row === null ? undefined : { ...row, graph: fromJsonb(row.graph) };
}

/** @param db of the tenant */
export async function findVersionByHash(db: ScopedDb, tenantId: string, workflowId: string, contentHash: string): Promise<VersionRecord | undefined> {
  return (await db.workflowVersion.findUnique({ where: { tenantId_workflowId_contentHash: { tenantId, workflowId, contentHash } }, select })) ?? undefined;
}

/** Gives the version the next number. The caller holds the workflow's lock (`lockDraft`). @param db of the tenant */
export async function createVersion(db: ScopedDb, tenantId: string, { graph, nodeTypes, ...version }: NewVersion): Promise<VersionRecord> {
  const { _max } = await db.workflowVersion.aggregate({ where: { tenantId, workflowId: version.workflowId }, _max: { number: true } });
  const data = { ...version, tenantId, number: (_max.number ?? 0) + 1, graph: toJsonColumn(graph), nodeTypes: [...nodeTypes] };
  return db.workflowVersion.create({ data, select });
}
