import type { Json } from "@fluxo/core/json";
import type { ScopedDb } from "../database/tenant-db.ts";
import { fromJsonb, toJsonColumn } from "./json.ts";
import { pageOfRows, type Page } from "./page.ts";

/** A workflow template of an agency. */
export interface TemplateRecord {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  /** null before the first version. */
  readonly latestNumber: number | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** A version of a template, without its graph. */
export interface TemplateVersionRecord {
  readonly id: string;
  readonly templateId: string;
  readonly number: number;
  readonly note: string;
  readonly contentHash: string;
  readonly createdAt: Date;
  readonly createdBy: string;
}

/** With all that it is made of. */
export interface TemplateVersionContent extends TemplateVersionRecord {
  readonly graph: Json;
  readonly parameters: Json;
  readonly locks: Json;
}

export interface NewTemplateVersion {
  readonly id: string;
  readonly templateId: string;
  readonly graph: unknown;
  readonly parameters: unknown;
  readonly locks: unknown;
  readonly note: string;
  readonly contentHash: string;
  readonly createdBy: string;
}

const select = { id: true, name: true, description: true, createdAt: true, updatedAt: true, versions: { select: { number: true }, orderBy: { number: "desc" }, take: 1 } } as const;
const versionSelect = { id: true, templateId: true, number: true, note: true, contentHash: true, createdAt: true, createdBy: true } as const;
const contentSelect = { ...versionSelect, graph: true, parameters: true, locks: true } as const;

interface Row extends Omit<TemplateRecord, "latestNumber"> {
  readonly versions: readonly { readonly number: number }[];
}
const toRecord = ({ versions, ...row }: Row): TemplateRecord => ({ ...row, latestNumber: versions[0]?.number ?? null });

/** Newest first. @param db of the agency */
export async function listTemplates(db: ScopedDb, agencyId: string, limit: number, beforeId?: string): Promise<Page<TemplateRecord>> {
  const where = { agencyId, ...(beforeId === undefined ? {} : { id: { lt: beforeId } }) };
  const rows = await db.workflowTemplate.findMany({ where, select, orderBy: { id: "desc" }, take: limit + 1 });
  return pageOfRows(rows.map(toRecord), limit);
}

/** @param db of the agency */
export async function findTemplate(db: ScopedDb, agencyId: string, id: string): Promise<TemplateRecord | undefined> {
  const row = await db.workflowTemplate.findUnique({ where: { agencyId_id: { agencyId, id } }, select });
  return row === null ? undefined : toRecord(row);
}

/** @param db of the agency @throws the unique violation of the name */
export async function createTemplate(db: ScopedDb, agencyId: string, template: { readonly id: string; readonly name: string; readonly description: string }): Promise<TemplateRecord> {
  return toRecord(await db.workflowTemplate.create({ data: { agencyId, ...template }, select }));
}

/** @param db of the agency @returns undefined when the agency has no such template @throws the unique violation of the name */
export async function updateTemplate(db: ScopedDb, agencyId: string, id: string, change: { readonly name?: string | undefined; readonly description?: string | undefined }): Promise<TemplateRecord | undefined> {
  const data = { ...(change.name === undefined ? {} : { name: change.name }), ...(change.description === undefined ? {} : { description: change.description }) };
  await db.workflowTemplate.updateMany({ where: { agencyId, id }, data });
  return findTemplate(db, agencyId, id);
}

/** Newest first. @param db of the agency @param beforeNumber only versions before this one */
export async function listTemplateVersions(db: ScopedDb, agencyId: string, templateId: string, limit: number, beforeNumber?: number): Promise<Page<TemplateVersionRecord>> {
  const where = { agencyId, templateId, ...(beforeNumber === undefined ? {} : { number: { lt: beforeNumber } }) };
  return pageOfRows(await db.templateVersion.findMany({ where, select: versionSelect, orderBy: { number: "desc" }, take: limit + 1 }), limit);
}

/** @param db of the agency @param number undefined for the newest */
export async function findTemplateVersion(db: ScopedDb, agencyId: string, templateId: string, number?: number): Promise<TemplateVersionContent | undefined> {
  const where = { agencyId, templateId, ...(number === undefined ? {} : { number }) };
  const row = await db.templateVersion.findFirst({ where, select: contentSelect, orderBy: { number: "desc" } });
  return row === null ? undefined : { ...row, graph: fromJsonb(row.graph), parameters: fromJsonb(row.parameters), locks: fromJsonb(row.locks) };
}

/** @param db of the agency */
export async function findTemplateVersionById(db: ScopedDb, agencyId: string, id: string): Promise<TemplateVersionContent | undefined> {
  const row = await db.templateVersion.findUnique({ where: { agencyId_id: { agencyId, id } }, select: contentSelect });
  return row === null ? undefined : { ...row, graph: fromJsonb(row.graph), parameters: fromJsonb(row.parameters), locks: fromJsonb(row.locks) };
}

/**
 * The version with this content: the one that is there, whatever its number, or the next one. One at a time per template.
 * @param db of the agency
 * @returns undefined when the agency has no such template
 */
export async function findOrCreateTemplateVersion(db: ScopedDb, agencyId: string, { graph, parameters, locks, ...version }: NewTemplateVersion): Promise<{ readonly version: TemplateVersionRecord; readonly isNew: boolean } | undefined> {
  const { templateId, contentHash } = version;
  const found = await db.$queryRaw<unknown[]>`SELECT 1 FROM workflow_templates WHERE agency_id = ${agencyId}::uuid AND id = ${templateId}::uuid FOR NO KEY UPDATE`;
  if (found.length === 0) return undefined;
  const known = await db.templateVersion.findUnique({ where: { agencyId_templateId_contentHash: { agencyId, templateId, contentHash } }, select: versionSelect });
  if (known !== null) return { version: known, isNew: false };
  const { _max } = await db.templateVersion.aggregate({ where: { agencyId, templateId }, _max: { number: true } });
  const data = { ...version, agencyId, number: (_max.number ?? 0) + 1, graph: toJsonColumn(graph), parameters: toJsonColumn(parameters), locks: toJsonColumn(locks) };
  return { version: await db.templateVersion.create({ data, select: versionSelect }), isNew: true };
}
