import type pg from "pg";

const TENANTS = 1_000;
export const SCHEDULES = 100_000;

/** Writes tenants with one published workflow each, as the owner. */
export async function seedTenants(owner: pg.Pool): Promise<void> {
  await owner.query(`
    INSERT INTO agencies (id, name) VALUES ('00000000-0000-7000-9000-000000000000', 'Bench');
    INSERT INTO tenants (id, agency_id, plan_id, name)
    SELECT gen_random_uuid(), '00000000-0000-7000-9000-000000000000', '00000000-0000-7000-8000-000000000003', 'Tenant ' || n FROM generate_series(1, ${TENANTS}) n;
    INSERT INTO workflows (tenant_id, id, name, is_active, draft) SELECT id, gen_random_uuid(), 'Workflow', true, '{}' FROM tenants;
    INSERT INTO workflow_versions (tenant_id, id, workflow_id, number, graph, content_hash, node_count, node_types)
    SELECT tenant_id, gen_random_uuid(), id, 1, '{"nodes": [], "edges": []}', '', 1, '{trigger.schedule}' FROM workflows;
    UPDATE workflows w SET published_version_id = v.id FROM workflow_versions v WHERE v.tenant_id = w.tenant_id AND v.workflow_id = w.id`);
}

/** Writes `count` triggers of a kind over all tenants in turn, watching, due in the far future. Foreign keys are not looked up: the rows fit by construction. */
export async function seedTriggers(owner: pg.Pool, kind: string, count: number): Promise<void> {
  const client = await owner.connect();
  try {
    await client.query("SET session_replication_role = replica");
    await client.query(
      `WITH places AS (SELECT tenant_id, id, row_number() OVER (ORDER BY id) - 1 AS place FROM workflows)
       INSERT INTO triggers (tenant_id, id, workflow_id, node_id, kind, config)
       SELECT p.tenant_id, gen_random_uuid(), p.id, $1 || n, $1, '{}' FROM generate_series(1, $2::int) n JOIN places p ON p.place = n % ${TENANTS}`,
      [kind, count],
    );
    await client.query(
      `INSERT INTO trigger_states (tenant_id, trigger_id, kind, source_key, armed_at, next_due_at, claimable_at)
       SELECT tenant_id, id, kind, '', clock_timestamp(), clock_timestamp() + interval '1 year', clock_timestamp() + interval '1 year' FROM triggers WHERE kind = $1`,
      [kind],
    );
  } finally {
    await client.query("RESET session_replication_role");
    client.release();
  }
  await owner.query("VACUUM ANALYZE trigger_states");
  await owner.query("ANALYZE triggers");
}

/**
 * Gives every schedule an interval with an anchor of its own, or the same anchor, and puts it where it would be before its next instant.
 * @param isSpread evenly over the interval that begins then; else all are due then
 */
export async function windSchedules(owner: pg.Pool, everySeconds: number, dueAt: Date, isSpread: boolean): Promise<void> {
  await owner.query("TRUNCATE occurrences, executions, outbox, payloads CASCADE");
  await owner.query(
    `WITH placed AS (
       SELECT id, $2::timestamptz + CASE WHEN $3 THEN make_interval(secs => $1 * (row_number() OVER (ORDER BY id)) / ${SCHEDULES}.0) ELSE interval '0' END AS due_at
       FROM triggers WHERE kind = 'schedule'
     ), given AS (SELECT id, date_trunc('milliseconds', due_at) AS due_at FROM placed),
     told AS (
       UPDATE triggers t SET config = jsonb_build_object('overlap', 'allow', 'when', jsonb_build_object('kind', 'interval', 'everySeconds', $1::int,
                'anchor', to_char((g.due_at - make_interval(secs => $1 * 1000)) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))
       FROM given g WHERE t.id = g.id
     )
     UPDATE trigger_states s
     SET cursor = jsonb_build_object('lastAt', to_char((g.due_at - make_interval(secs => $1)) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')),
         armed_at = g.due_at - make_interval(secs => $1 * 2), next_due_at = g.due_at, claimable_at = g.due_at, lease_owner = NULL, lease_until = NULL, last_execution_id = NULL
     FROM given g WHERE s.trigger_id = g.id`,
    [everySeconds, dueAt, isSpread],
  );
  await owner.query("VACUUM ANALYZE trigger_states");
  await owner.query("VACUUM ANALYZE triggers");
}
