import type { auditEntrySchema } from "@fluxo/contracts/http/audit";
import { RequestError } from "@fluxo/core/errors/request-error";
import { OPERATOR_CHAIN, type AuditRecord } from "@fluxo/prisma/audit/audit-log";
import type { ScopedDb, TenantDb } from "@fluxo/prisma/database/tenant-db";
import type { z } from "zod";
import type { Access } from "../../access/access.ts";
import { toInstant } from "../instants.ts";

/** A chain of the audit log that a caller may read. */
export interface AuditChain {
  readonly id: string;
  read<R>(work: (db: ScopedDb) => Promise<R>): Promise<R>;
}

/** The chain of the caller's agency, or the operator's. @throws RequestError SCOPE_MISSING for callers that are bound to tenants */
export function chainOf({ agencyId, tenantIds }: Access, tenantDb: TenantDb): AuditChain {
  if (tenantIds !== null) throw new RequestError("SCOPE_MISSING", { detail: "The audit log is the agency's; the caller is bound to tenants." });
  if (agencyId === null) return { id: OPERATOR_CHAIN, read: (work) => tenantDb.withOperator(work) };
  return { id: agencyId, read: (work) => tenantDb.withAgency(agencyId, work) };
}

/** An entry as it is answered. */
export function toAuditAnswer(entry: AuditRecord): z.input<typeof auditEntrySchema> {
  const { seq, id, occurredAt, tenantId, actorKind, actorId, action, resourceType, resourceId, before, after, ip, userAgent, requestId, erasedAt } = entry;
  return {
    seq,
    id,
    occurredAt: toInstant(occurredAt),
    tenantId,
    actor: actorKind === null || actorId === null ? null : { kind: actorKind, id: actorId },
    action,
    resource: { type: resourceType, id: resourceId },
    before,
    after,
    ip,
    userAgent,
    requestId,
    erasedAt: toInstant(erasedAt),
    contentHash: toHex(entry.contentHash),
    previousHash: toHex(entry.previousHash),
    hash: toHex(entry.hash),
  };
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
