import type pg from "pg";

/** A source that could have become silent, in the order of its last item. */
export interface AudibleTrigger {
  readonly tenantId: string;
  readonly triggerId: string;
  readonly kind: string;
  readonly itemSeenAt: Date;
  /** Whether this look found it silent. */
  readonly isSilent: boolean;
}

/** Triggers of a kind that are silent, and whose last poll failed. */
export interface KindHealth {
  readonly kind: string;
  readonly silent: number;
  readonly failing: number;
}

/** A credential that providers refuse, with how many triggers fail of it. */
export interface FailingCredential {
  readonly tenantId: string;
  readonly credentialId: string;
  readonly triggers: number;
}

/** What a dead credential makes a poll fail with. */
const CREDENTIAL_CODES = ["CREDENTIAL_REJECTED", "CREDENTIAL_NOT_FOUND", "CREDENTIAL_UNREADABLE", "CREDENTIAL_HOST_REFUSED"];

interface AudibleRow {
  tenant_id: string;
  trigger_id: string;
  kind: string;
  item_seen_at: Date;
  is_silent: boolean;
}

/**
 * Looks at the next so many sources whose last item is more than an hour old, and marks those silent from which nothing came for five times the usual
 * interval. Schedules are never silent. Each is marked once, whoever looks; the next item ends it. Returns what was looked at; less than `limit` is the end.
 * @param db fluxo_system
 * @param after the last one of the look before
 */
export async function markSilentTriggers(db: pg.Pool, after: Pick<AudibleTrigger, "itemSeenAt" | "triggerId"> | undefined, limit: number): Promise<AudibleTrigger[]> {
  const answer = await db.query<AudibleRow>({
    name: "fluxo_mark_silent",
    text: `
      WITH page AS (
        SELECT tenant_id, trigger_id, kind, item_seen_at, interval_ms FROM trigger_states
        WHERE kind <> 'schedule' AND silent_since IS NULL AND interval_ms IS NOT NULL AND claimable_at IS NOT NULL
          AND item_seen_at < clock_timestamp() - interval '1 hour' AND (item_seen_at, trigger_id) > (coalesce($1, '-infinity'::timestamptz), coalesce($2, '00000000-0000-0000-0000-000000000000'::uuid))
        ORDER BY item_seen_at, trigger_id LIMIT $3
      ), marked AS (
        UPDATE trigger_states s SET silent_since = clock_timestamp() FROM page p
        WHERE s.tenant_id = p.tenant_id AND s.trigger_id = p.trigger_id AND s.silent_since IS NULL AND NOT s.is_paused AND s.item_seen_at = p.item_seen_at
          AND p.item_seen_at + make_interval(secs => 5 * p.interval_ms / 1000) < clock_timestamp()
        RETURNING s.trigger_id
      )
      SELECT p.tenant_id, p.trigger_id, p.kind, p.item_seen_at, m.trigger_id IS NOT NULL AS is_silent
      FROM page p LEFT JOIN marked m ON m.trigger_id = p.trigger_id ORDER BY p.item_seen_at, p.trigger_id`,
    values: [after?.itemSeenAt ?? null, after?.triggerId ?? null, limit],
  });
  return answer.rows.map((row) => ({ tenantId: row.tenant_id, triggerId: row.trigger_id, kind: row.kind, itemSeenAt: row.item_seen_at, isSilent: row.is_silent }));
}

/** Counts by kind over the installation; kinds without any are absent. Reads two small indexes. @param db fluxo_system */
export async function countTriggerHealth(db: pg.Pool): Promise<KindHealth[]> {
  const { rows } = await db.query<KindHealth>({
    name: "fluxo_trigger_health",
    text: `
      SELECT kind, sum(silent)::int AS silent, sum(failing)::int AS failing FROM (
        SELECT kind, 1 AS silent, 0 AS failing FROM trigger_states WHERE silent_since IS NOT NULL
        UNION ALL SELECT kind, 0, 1 FROM trigger_states WHERE failures > 0
      ) s GROUP BY kind`,
  });
  return rows;
}

/** Credentials that failing triggers use and that their providers refuse: one row each, however many triggers use it; `limit` of them. @param db fluxo_system */
export async function findFailingCredentials(db: pg.Pool, limit: number): Promise<FailingCredential[]> {
  const { rows } = await db.query<FailingCredential>({
    name: "fluxo_failing_credentials",
    text: `
      SELECT c.tenant_id AS "tenantId", c.credential_id AS "credentialId", count(DISTINCT s.trigger_id)::int AS triggers
      FROM trigger_states s
      JOIN triggers t ON t.tenant_id = s.tenant_id AND t.id = s.trigger_id
      JOIN workflows w ON w.tenant_id = t.tenant_id AND w.id = t.workflow_id
      JOIN workflow_version_credentials c ON c.tenant_id = w.tenant_id AND c.version_id = w.published_version_id AND c.node_id = t.node_id
      WHERE s.failures > 0 AND s.error_code = ANY ($1)
      GROUP BY c.tenant_id, c.credential_id ORDER BY c.tenant_id, c.credential_id LIMIT $2`,
    values: [CREDENTIAL_CODES, limit],
  });
  return rows;
}
