import type pg from "pg";

/**
 * What the judgement over parking needs besides the audit: the quota of each tenant and when it or its month became another one, and every call of a parked
 * execution, in the order in which they were made. Numbered by the audit's own sequence; a start and a call read the quota and take their number under the
 * tenant's slot row, a change takes its number before it is seen, so that the numbers are the order of events.
 */
const AUDIT = `
  DROP TABLE IF EXISTS chaos_quota, chaos_calls, chaos_overuse;
  CREATE TABLE chaos_quota (seq bigint NOT NULL DEFAULT nextval('chaos_audit_seq_seq'), tenant_id uuid NOT NULL, quota int NOT NULL, is_new_month boolean NOT NULL);
  CREATE TABLE chaos_calls (seq bigint NOT NULL DEFAULT nextval('chaos_audit_seq_seq'), tenant_id uuid NOT NULL, execution_id uuid NOT NULL, queued_at timestamptz NOT NULL, called_at timestamptz NOT NULL);
  CREATE TABLE chaos_overuse (tenant_id uuid NOT NULL, counted int NOT NULL, quota int NOT NULL);

  CREATE OR REPLACE FUNCTION chaos_audit_quota() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  BEGIN
    INSERT INTO chaos_quota (tenant_id, quota, is_new_month) SELECT id, NEW.executions_per_month, false FROM tenants WHERE plan_id = NEW.id;
    RETURN NULL;
  END $$;
  CREATE OR REPLACE TRIGGER chaos_audit_quota AFTER UPDATE ON plans FOR EACH ROW WHEN (OLD.executions_per_month <> NEW.executions_per_month) EXECUTE FUNCTION chaos_audit_quota();

  CREATE OR REPLACE FUNCTION chaos_audit_call() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  BEGIN
    INSERT INTO chaos_calls (tenant_id, execution_id, queued_at, called_at)
    SELECT tenant_id, id, queued_at, resume_at FROM executions e WHERE e.tenant_id = NEW.tenant_id AND e.id = NEW.execution_id AND e.reason = 'QUOTA' AND e.resume_at IS NOT NULL
      AND NOT EXISTS (SELECT FROM chaos_calls c WHERE c.execution_id = e.id AND c.called_at = e.resume_at);
    RETURN NULL;
  END $$;
  CREATE OR REPLACE TRIGGER chaos_audit_call AFTER INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION chaos_audit_call();

  CREATE OR REPLACE FUNCTION chaos_audit_use() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  BEGIN
    INSERT INTO chaos_overuse (tenant_id, counted, quota)
    SELECT NEW.tenant_id, NEW.used + NEW.reserved, p.executions_per_month FROM tenants t JOIN plans p ON p.id = t.plan_id
    WHERE t.id = NEW.tenant_id AND NEW.metric = 'executions' AND NEW.used + NEW.reserved > p.executions_per_month;
    RETURN NULL;
  END $$;
  CREATE OR REPLACE TRIGGER chaos_audit_use AFTER INSERT OR UPDATE ON usage_windows FOR EACH ROW EXECUTE FUNCTION chaos_audit_use();`;

/** Installs it in the run's own database, after `installAudit`; nothing is kept of an earlier fault. */
export async function installParkingAudit(db: pg.Pool): Promise<void> {
  await db.query(AUDIT);
}

/** Notes the quotas that tenants begin with. */
export async function noteQuotas(db: pg.Pool, tenantIds: readonly string[]): Promise<void> {
  await db.query("INSERT INTO chaos_quota (tenant_id, quota, is_new_month) SELECT t.id, p.executions_per_month, false FROM tenants t JOIN plans p ON p.id = t.plan_id WHERE t.id = ANY ($1)", [tenantIds]);
}

/** As if a month had passed for a tenant: its windows are those of earlier months, and the look that the beginning of a month asks for is due. In one transaction, under the slot row, as every claim. */
export async function passMonth(db: pg.Pool, tenantId: string): Promise<void> {
  await db.query(
    `DO $$
     DECLARE v_tenant uuid := '${tenantId}';
             v_start timestamptz;
             v_years interval;
     BEGIN
       PERFORM 1 FROM concurrency_slots WHERE tenant_id = v_tenant FOR UPDATE;
       -- One year further back than those before it.
       SELECT max(window_start) FILTER (WHERE window_end > now()), make_interval(years => count(*)::int) INTO v_start, v_years FROM usage_windows WHERE tenant_id = v_tenant AND metric = 'executions';
       UPDATE usage_windows SET window_start = window_start - v_years, window_end = window_end - v_years WHERE tenant_id = v_tenant AND metric = 'executions' AND window_start = v_start;
       UPDATE reservations SET window_start = window_start - v_years WHERE tenant_id = v_tenant AND metric = 'executions' AND window_start = v_start;
       INSERT INTO chaos_quota (tenant_id, quota, is_new_month) SELECT t.id, p.executions_per_month, true FROM tenants t JOIN plans p ON p.id = t.plan_id WHERE t.id = v_tenant;
       UPDATE concurrency_slots SET drain_at = least(drain_at, clock_timestamp()) WHERE tenant_id = v_tenant AND drain_at IS NOT NULL;
     END $$`,
  );
}

/** What was parked and called out. */
export interface ParkingFigures {
  readonly parked: number;
  readonly called: number;
  /** Instants at which parked executions were called out. */
  readonly batches: number;
}

/**
 * Judges parking by SQL alone: the quota at every start and every count, the order of the calls, and that nobody overtook who was parked.
 * @throws Error that says what does not hold
 */
export async function assertParked(db: pg.Pool, tenantIds: readonly string[]): Promise<ParkingFigures> {
  const { rows } = await db.query<ParkingFigures & { over: number; overused: number; disordered: number; overtaken: number; forgotten: number }>(
    `WITH own AS (SELECT a.seq, e.tenant_id, e.id, e.queued_at, a.old_status, a.new_status, a.new_epoch FROM chaos_audit a JOIN executions e ON e.id = a.execution_id WHERE a.node_id IS NULL AND e.tenant_id = ANY ($1)),
     starts AS (
       SELECT o.*, (SELECT q.quota FROM chaos_quota q WHERE q.tenant_id = o.tenant_id AND q.seq < o.seq ORDER BY q.seq DESC LIMIT 1) AS quota,
              (SELECT count(*) FROM chaos_quota q WHERE q.tenant_id = o.tenant_id AND q.seq < o.seq AND q.is_new_month) AS month
       FROM own o WHERE o.new_status = 'RUNNING' AND o.new_epoch = 1
     ), counted AS (SELECT s.*, row_number() OVER (PARTITION BY s.tenant_id, s.month ORDER BY s.seq) AS place FROM starts s),
     parked AS (SELECT tenant_id, id, queued_at, min(seq) AS seq FROM own WHERE new_status = 'WAITING' AND old_status = 'QUEUED' GROUP BY 1, 2, 3),
     calls AS (SELECT tenant_id, execution_id AS id, queued_at, min(seq) AS seq FROM chaos_calls WHERE tenant_id = ANY ($1) GROUP BY 1, 2, 3)
     SELECT (SELECT count(*) FROM parked)::int AS parked, (SELECT count(*) FROM calls)::int AS called,
            (SELECT count(DISTINCT (tenant_id, called_at)) FROM chaos_calls WHERE tenant_id = ANY ($1))::int AS batches,
            (SELECT count(*) FROM counted WHERE quota IS NULL OR place > quota)::int AS over,
            (SELECT count(*) FROM chaos_overuse WHERE tenant_id = ANY ($1))::int AS overused,
            (SELECT count(*) FROM calls late JOIN parked p USING (id) JOIN calls early ON early.tenant_id = late.tenant_id AND early.seq < late.seq
             WHERE (late.queued_at, late.id) < (early.queued_at, early.id) AND p.seq < early.seq)::int AS disordered,
            (SELECT count(*) FROM starts s JOIN parked p ON p.tenant_id = s.tenant_id AND p.seq < s.seq AND p.queued_at < s.queued_at LEFT JOIN calls c ON c.id = p.id
             WHERE s.old_status = 'QUEUED' AND (c.seq IS NULL OR c.seq > s.seq))::int AS overtaken,
            (SELECT count(*) FROM parked p WHERE NOT EXISTS (SELECT FROM calls c WHERE c.id = p.id))::int AS forgotten`,
    [tenantIds],
  );
  const [found] = rows;
  if (found === undefined || found.parked === 0) throw new Error("Nothing was parked.");
  const { parked, called, batches, over, overused, disordered, overtaken, forgotten } = found;
  const wrong = Object.entries({ "starts beyond the quota": over, "counts beyond the quota": overused, "calls out of order": disordered, "starts past somebody parked": overtaken, "parked and never called out": forgotten }).filter(([, count]) => count > 0);
  if (wrong.length > 0) throw new Error(`I7 of ${parked} parked executions: ${wrong.map(([what, count]) => `${what}: ${count}`).join("; ")}`);
  return { parked, called, batches };
}
