import type { Json } from "@fluxo/core/json";
import type { ScopedDb } from "../database/tenant-db.ts";
import { pageOfRows, type Page } from "../repositories/page.ts";

/** The chain of the operator. */
export const OPERATOR_CHAIN = "00000000-0000-0000-0000-000000000000";

/** An entry that is in its chain. What identifies people and things is null once it was erased. */
export interface AuditRecord {
  readonly seq: number;
  readonly id: string;
  readonly occurredAt: Date;
  readonly tenantId: string | null;
  readonly actorKind: string | null;
  readonly actorId: string | null;
  readonly action: string;
  readonly resourceType: string;
  readonly resourceId: string | null;
  readonly before: Json;
  readonly after: Json;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly requestId: string | null;
  readonly erasedAt: Date | null;
  readonly contentHash: Uint8Array;
  readonly previousHash: Uint8Array;
  readonly hash: Uint8Array;
}

export interface AuditFilter {
  readonly actorId?: string | undefined;
  readonly action?: string | undefined;
  readonly resourceType?: string | undefined;
  readonly resourceId?: string | undefined;
  readonly tenantId?: string | undefined;
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
}

/** Newest first. @param db of the agency, or the operator's @param chain the agency's id, or OPERATOR_CHAIN */
export async function listAudit(db: ScopedDb, chain: string, filter: AuditFilter, limit: number, beforeSeq?: number): Promise<Page<AuditRecord>> {
  const { from, to, ...equal } = filter;
  const rows = await db.auditEntry.findMany({
    where: {
      agencyId: chain,
      seq: beforeSeq === undefined ? { not: null } : { lt: beforeSeq },
      ...Object.fromEntries(Object.entries(equal).filter(([, value]) => value !== undefined)),
      ...(from === undefined && to === undefined ? {} : { occurredAt: { ...(from === undefined ? {} : { gte: from }), ...(to === undefined ? {} : { lt: to }) } }),
    },
    omit: { agencyId: true, salt: true },
    orderBy: { seq: "desc" },
    take: limit + 1,
  });
  return pageOfRows(rows.map((row) => ({ ...row, seq: Number(row.seq), before: row.before as Json, after: row.after as Json, ...hashesOf(row) })), limit);
}

/** An entry with the text that its content hash covers; null once erased. */
export interface AuditRecordWithContent extends AuditRecord {
  readonly content: string | null;
}

/** The entries after a place, in the order of the chain. @param db of the agency, or the operator's */
export async function followAudit(db: ScopedDb, chain: string, afterSeq: number, limit: number): Promise<AuditRecordWithContent[]> {
  const rows = await db.auditEntry.findMany({ where: { agencyId: chain, seq: { gt: afterSeq } }, omit: { agencyId: true, salt: true }, orderBy: { seq: "asc" }, take: limit });
  const last = rows.at(-1)?.seq ?? 0n;
  const contents = await db.$queryRaw<{ seq: bigint; content: string | null }[]>`
    SELECT e.seq, CASE WHEN e.erased_at IS NULL THEN fluxo_audit_content(e) END AS content FROM audit_entries e
    WHERE e.agency_id = ${chain}::uuid AND e.seq > ${afterSeq} AND e.seq <= ${last}`;
  const bySeq = new Map(contents.map(({ seq, content }) => [Number(seq), content]));
  return rows.map((row) => ({ ...row, seq: Number(row.seq), before: row.before as Json, after: row.after as Json, ...hashesOf(row), content: bySeq.get(Number(row.seq)) ?? null }));
}

/** Where a chain ends. @param db of the agency, or the operator's */
export async function auditHead(db: ScopedDb, chain: string): Promise<{ readonly seq: number; readonly hash: Uint8Array }> {
  const head = await db.auditHead.findUnique({ where: { agencyId: chain } });
  return head === null ? { seq: 0, hash: new Uint8Array() } : { seq: Number(head.seq), hash: head.hash };
}

export const AUDIT_FAULTS = ["MISSING", "LINK", "HASH", "CONTENT"] as const;

/** What a walk over a part of a chain found. */
export interface AuditWalk {
  readonly checked: number;
  readonly lastSeq: number;
  readonly broken: { readonly seq: number; readonly fault: (typeof AUDIT_FAULTS)[number] } | null;
}

/** Walks a chain and stops at the first fault. @param db of the agency, or the operator's */
export async function verifyAudit(db: ScopedDb, chain: string, afterSeq: number, limit: number): Promise<AuditWalk> {
  const rows = await db.$queryRaw<{ checked: bigint; last_seq: bigint; broken_seq: bigint | null; fault: string | null }[]>`
    SELECT checked, last_seq, broken_seq, fault FROM fluxo_audit_verify(${chain}::uuid, ${afterSeq}::bigint, ${limit}::int)`;
  const row = rows[0];
  if (row === undefined) throw new Error("fluxo_audit_verify answered nothing.");
  const fault = AUDIT_FAULTS.find((known) => known === row.fault);
  return { checked: Number(row.checked), lastSeq: Number(row.last_seq), broken: fault === undefined ? null : { seq: Number(row.broken_seq), fault } };
}

/** The check of the table says that sealed entries have all three. */
function hashesOf({ contentHash, previousHash, hash }: { contentHash: Uint8Array | null; previousHash: Uint8Array | null; hash: Uint8Array | null }) {
  if (contentHash === null || previousHash === null || hash === null) throw new Error("An entry of the audit log is not sealed.");
  return { contentHash, previousHash, hash };
}
