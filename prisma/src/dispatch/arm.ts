import type { ScopedDb } from "../database/tenant-db.ts";

/**
 * Records that a trigger watches a source, and makes it due now. A known trigger keeps its cursor, unless `sourceKey` says that it watches something
 * else: then a new baseline is taken, from now on: what the new source had before is nobody's miss.
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
        armed_at = CASE WHEN s.next_due_at IS NULL OR s.source_key <> excluded.source_key OR s.kind <> excluded.kind THEN excluded.armed_at ELSE s.armed_at END,
        next_due_at = excluded.next_due_at, claimable_at = excluded.claimable_at`;
}

/** Makes the sources of a workflow (of the tenant, when undefined) due now, after it was switched on. @param db of the tenant */
export async function armTriggers(db: ScopedDb, tenantId: string, workflowId?: string): Promise<void> {
  await db.$queryRaw`SELECT fluxo_dispatch_arm(${tenantId}::uuid, ${workflowId ?? null}::uuid)`;
}

/** Stops watching the sources of a workflow: whoever looks at one now loses its lease. Cursors stay. After it was switched off. @param db of the tenant */
export async function disarmTriggers(db: ScopedDb, tenantId: string, workflowId: string): Promise<void> {
  await db.$executeRaw`
    UPDATE trigger_states s SET lease_epoch = s.lease_epoch + 1, lease_owner = NULL, lease_until = NULL, next_due_at = NULL, claimable_at = NULL
    FROM triggers t WHERE t.tenant_id = ${tenantId}::uuid AND t.workflow_id = ${workflowId}::uuid AND s.tenant_id = t.tenant_id AND s.trigger_id = t.id`;
}

/**
 * Remembers since when the sources of a workflow (of the tenant, when undefined) are on or off. In the transaction that switches them, after all else.
 * @param db of the tenant
 */
export async function notePeriods(db: ScopedDb, tenantId: string, workflowId?: string): Promise<void> {
  await db.$queryRaw`SELECT fluxo_note_periods(${tenantId}::uuid, ${workflowId ?? null}::uuid)::text`;
}

/**
 * Pauses a source: nothing of it is claimed any more. Its cursor stays. @returns whether there is such a source
 * @param db of the tenant
 */
export async function pauseTrigger(db: ScopedDb, tenantId: string, triggerId: string): Promise<boolean> {
  return (await db.$executeRaw`UPDATE trigger_states SET is_paused = true WHERE tenant_id = ${tenantId}::uuid AND trigger_id = ${triggerId}::uuid`) > 0;
}

/**
 * Ends a pause. A schedule goes on from now; a polled source from its cursor. @returns whether there is such a source
 * @param db of the tenant
 */
export async function resumeTrigger(db: ScopedDb, tenantId: string, triggerId: string): Promise<boolean> {
  const changed = await db.$executeRaw`
    UPDATE trigger_states
    SET is_paused = false, armed_at = CASE WHEN is_paused THEN clock_timestamp() ELSE armed_at END,
        next_due_at = CASE WHEN is_paused THEN clock_timestamp() ELSE next_due_at END, claimable_at = CASE WHEN is_paused AND lease_owner IS NULL THEN clock_timestamp() WHEN is_paused THEN lease_until ELSE claimable_at END
    WHERE tenant_id = ${tenantId}::uuid AND trigger_id = ${triggerId}::uuid`;
  return changed > 0;
}

/**
 * Makes a polled source due as soon as its plan allows another look. @returns when; undefined when it is not watched now
 * @param db of the tenant
 */
export async function lookSoon(db: ScopedDb, tenantId: string, triggerId: string): Promise<Date | undefined> {
  const rows = await db.$queryRaw<{ next_due_at: Date }[]>`
    UPDATE trigger_states s
    SET next_due_at = least(s.next_due_at, greatest(clock_timestamp(), s.checked_at + make_interval(secs => p.poll_interval_seconds_min))),
        claimable_at = CASE WHEN s.lease_owner IS NULL THEN least(s.next_due_at, greatest(clock_timestamp(), s.checked_at + make_interval(secs => p.poll_interval_seconds_min))) ELSE s.claimable_at END
    FROM tenants te JOIN plans p ON p.id = te.plan_id
    WHERE te.id = s.tenant_id AND s.tenant_id = ${tenantId}::uuid AND s.trigger_id = ${triggerId}::uuid AND s.next_due_at IS NOT NULL AND NOT s.is_paused
    RETURNING s.next_due_at`;
  return rows[0]?.next_due_at;
}
