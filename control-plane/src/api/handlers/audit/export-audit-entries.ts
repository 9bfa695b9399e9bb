import type { Routes } from "@fluxo/contracts/http/routes";
import { followAudit } from "@fluxo/prisma/audit/audit-log";
import type { Handler } from "../../http/handler.ts";
import { chainOf, toAuditAnswer, type AuditChain } from "./audit-answer.ts";

const PAGE = 500;

/** GET /v1/audit-entries/export */
export const exportAuditEntries: Handler<Routes["exportAuditEntries"]> = ({ access, query }, { tenantDb }) => {
  const headers = { "Content-Type": "application/x-ndjson; charset=utf-8", "Content-Disposition": 'attachment; filename="audit-log.ndjson"' };
  return { status: 200, headers, content: linesOf(chainOf(access, tenantDb), query.after, query.until ?? Number.MAX_SAFE_INTEGER) };
};

/** Page by page, so that a long log takes no more memory than a short one. */
async function* linesOf(chain: AuditChain, after: number, until: number): AsyncGenerator<Uint8Array> {
  let lastSeq = after;
  for (;;) {
    const from = lastSeq;
    const entries = await chain.read((db) => followAudit(db, chain.id, from, PAGE));
    const wanted = entries.filter(({ seq }) => seq <= until);
    if (wanted.length > 0) yield Buffer.from(wanted.map((entry) => `${JSON.stringify({ ...toAuditAnswer(entry), content: entry.content })}\n`).join(""));
    if (entries.length < PAGE || wanted.length < entries.length) return;
    lastSeq = entries.at(-1)?.seq ?? lastSeq;
  }
}
