import type { Routes } from "@fluxo/contracts/http/routes";
import type { Handler } from "../../http/handler.ts";
import { chainOf, toAuditAnswer } from "./audit-answer.ts";
import { followAudit } from "@fluxo/prisma/audit/audit-log";

/** No proxy may gather the events or change them. */
const HEADERS = { "Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no" };
const PAGE = 200;

/** GET /v1/audit-entries/events */
export const streamAuditEntries: Handler<Routes["streamAuditEntries"]> = ({ access, query, headers }, { tenantDb, feeds }) => {
  const chain = chainOf(access, tenantDb);
  const after = headers["Last-Event-ID"] ?? query.after ?? 0;
  const content = feeds.open(chain.id, Number(after), async (lastSeq) => {
    const entries = await chain.read((db) => followAudit(db, chain.id, lastSeq, PAGE));
    return entries.map((entry) => ({ id: entry.seq, event: "entry", data: toAuditAnswer(entry) }));
  });
  return { status: 200, headers: HEADERS, content };
};
