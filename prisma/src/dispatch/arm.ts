import type { ScopedDb } from "../database/tenant-db.ts";

/**
 * Records that a trigger watches a source, and makes it due now. A known trigger keeps its cursor, unless `sourceKey` says that it watches something
 * else: then a new baseline is taken.
 * @param db of the tenant
 */
export async function watchSource(db: ScopedDb, tenantId: string, triggerId: string, source: { readonly kind: string; readonly sourceKey: string }): Promise<void> {
  await db.$executeRaw`
    INSERT INTO trigger_states AS s (tenant_id, trigger_id, kind, source_key, armed_at, next_due_at, claimable_at)
    VALUES (${tenantId}::uuid, ${triggerId}::uuid, ${source.kind}, ${source.sourceKey}, clock_timestamp(), clock_timestamp(), clock_timestamp())
    ON CONFLICT (tenant_id, trigger_id) DO UPDATE
    SET kind = excluded.kind, source_key = excluded.source_key,
        cursor = CASE WHEN s.source_key = excluded.source_key AND s.kind = excluded.kind THEN s.cursor END,
        lease_epoch = s.lease_epoch + 1, lease_owner = NULL, lease_until = NULL,
        armed_at = CASE WHEN s.next_due_at IS NULL THEN excluded.armed_at ELSE s.armed_at END,
        next_due_at = excluded.next_due_at, claimable_at = excluded.claimable_at`;
}

/** Makes the sources of a workflow (of the tenant, when undefined) due now, after it was switched on. @param db of the tenant */
export async function armTriggers(db: ScopedDb, tenantId: string, workflowId?: string): Promise<void> {
  await db.$queryRaw`SELECT fluxo_dispatch_arm(${tenantId}::uuid, ${workflowId ?? null}::uuid)`;
}
