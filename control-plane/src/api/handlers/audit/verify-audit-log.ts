import type { Routes } from "@fluxo/contracts/http/routes";
import { auditHead, verifyAudit } from "@fluxo/prisma/audit/audit-log";
import type { Handler } from "../../http/handler.ts";
import { chainOf, toHex } from "./audit-answer.ts";

/** GET /v1/audit-entries/verification */
export const verifyAuditLog: Handler<Routes["verifyAuditLog"]> = async ({ access, query }, { tenantDb }) => {
  const chain = chainOf(access, tenantDb);
  const { walk, head } = await chain.read(async (db) => ({ head: await auditHead(db, chain.id), walk: await verifyAudit(db, chain.id, query.after, query.limit) }));
  const { checked, broken, lastSeq } = walk;
  const body = { isIntact: broken === null, checked, broken, nextAfter: broken === null && lastSeq < head.seq ? lastSeq : null, head: { seq: head.seq, hash: toHex(head.hash) } };
  return { status: 200, body };
};
