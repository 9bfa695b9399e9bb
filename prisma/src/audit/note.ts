import type { JsonObject } from "@fluxo/core/json";
import type { AuditContext } from "../access/requests.ts";
import { toJsonb } from "../database/jsonb.ts";
import type { ScopedDb } from "../database/tenant-db.ts";
import type { UnitClient } from "../database/units.ts";

/** What an entry is about when no row of an audited table tells it. */
export interface AuditNote {
  /** camelCase: what kind of thing. */
  readonly resourceType: string;
  readonly resourceId: string | null;
  /** Facts without secrets. */
  readonly after?: JsonObject;
}

/**
 * Writes an entry of the audit log in the transaction of `db`, which must have begun with `beginRequest`.
 * @param isFallback write it only when the transaction left no other entry
 */
export async function noteAudit(db: UnitClient, { resourceType, resourceId, after }: AuditNote, isFallback = false): Promise<void> {
  await db.query({
    name: "fluxo_audit_note",
    text: "SELECT fluxo_audit_note($1, $2, NULL, $3, $4)",
    values: [resourceType, resourceId, after === undefined ? null : JSON.stringify(after), isFallback],
  });
}

/** From here on, what the transaction of `db` changes in audited tables leaves entries of this context: for changes that no caller with an access makes. */
export async function auditAs(db: ScopedDb, context: AuditContext): Promise<void> {
  await db.$queryRaw`SELECT set_config('app.audit', ${toJsonb(context)}, true)`;
}
