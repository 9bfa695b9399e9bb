import type pg from "pg";

/** An outbox row that this relay has claimed. */
export interface OutboxEntry {
  readonly id: string;
  readonly tenantId: string;
  readonly executionId: string;
  readonly concurrencyClass: string;
  readonly eventId: string;
  /** Future time of the event; null for now. */
  readonly deliverAt: Date | null;
  readonly createdAt: Date;
  /** Executions of its tenant that were released and not started when it was claimed. */
  readonly backlog: number;
  /** More tenants gather than Inngest can start, one event of each, in the time that they may gather. */
  readonly isCrowded: boolean;
}

export interface RelayClaim {
  readonly owner: string;
  readonly limit: number;
  readonly leaseMs: number;
  /** Executions of one tenant that may be released and not started at one time. */
  readonly outstandingMax: number;
  /** Which tenants' entries wait for company; absent: nobody's. */
  readonly gather?: RelayGather;
}

/**
 * A tenant with so many executions released and not started gathers its next entries, until there are so many, the first of them is so old, or no other has come for as long as it takes every tenant
 * that gathers to start once.
 */
export interface RelayGather {
  readonly backlog: number;
  readonly entries: number;
  readonly ageMs: number;
  /** What a start takes Inngest. */
  readonly startMs: number;
}

interface OutboxRow {
  id: string;
  tenant_id: string;
  execution_id: string;
  concurrency_class: string;
  event_id: string;
  deliver_at: Date | null;
  created_at: Date;
  backlog: number;
  is_crowded: boolean;
}

const NO_GATHER: RelayGather = { backlog: 0x7fff_ffff, entries: 1, ageMs: 0, startMs: 0 };

/**
 * Claims the next entries, shared between tenants by plan weight.
 * @param db fluxo_system
 */
export async function claimOutbox(db: pg.Pool, claim: RelayClaim): Promise<OutboxEntry[]> {
  const { backlog, entries, ageMs, startMs } = claim.gather ?? NO_GATHER;
  const { rows } = await db.query<OutboxRow>({
    name: "fluxo_relay_claim",
    text: "SELECT id, tenant_id, execution_id, concurrency_class, event_id, deliver_at, created_at, backlog, is_crowded FROM fluxo_relay_claim($1, $2, $3, $4, $5, $6, $7, $8)",
    values: [claim.owner, claim.limit, claim.leaseMs, claim.outstandingMax, backlog, entries, ageMs, startMs],
  });
  return rows.map((row) => ({
    id: row.id,
    tenantId: row.tenant_id,
    executionId: row.execution_id,
    concurrencyClass: row.concurrency_class,
    eventId: row.event_id,
    deliverAt: row.deliver_at,
    createdAt: row.created_at,
    backlog: row.backlog,
    isCrowded: row.is_crowded,
  }));
}

/**
 * Takes entries out of the outbox after Inngest has accepted their events.
 * @param db fluxo_system
 * @param entries each with the id of the event that was sent for it
 * @returns how many were still this relay's
 */
export async function markSent(db: pg.Pool, owner: string, entries: readonly Pick<OutboxEntry, "tenantId" | "id" | "eventId">[]): Promise<number> {
  const { rows } = await db.query<{ count: number }>({
    name: "fluxo_relay_sent",
    text: "SELECT fluxo_relay_sent($1, $2, $3, $4) AS count",
    values: [owner, entries.map((entry) => entry.tenantId), entries.map((entry) => entry.id), entries.map((entry) => entry.eventId)],
  });
  return rows[0]?.count ?? 0;
}

/**
 * Gives entries back that could not be sent, so that they need not wait for the end of their claim.
 * @param db fluxo_system
 */
export async function releaseClaim(db: pg.Pool, owner: string, entries: readonly OutboxEntry[]): Promise<void> {
  await db.query({
    name: "fluxo_relay_release",
    text: `UPDATE outbox o SET claimed_by = NULL, claimed_until = NULL
           FROM unnest($2::uuid[], $3::bigint[]) AS s(tenant_id, id) WHERE o.tenant_id = s.tenant_id AND o.id = s.id AND o.claimed_by = $1`,
    values: [owner, entries.map((entry) => entry.tenantId), entries.map((entry) => entry.id)],
  });
}

/**
 * Gives back whatever a relay may have claimed, after a claim whose answer was lost. Only between its rounds.
 * @param db fluxo_system
 */
export async function releaseAllClaims(db: pg.Pool, owner: string): Promise<void> {
  await db.query({ name: "fluxo_relay_release_all", text: "UPDATE outbox SET claimed_by = NULL, claimed_until = NULL WHERE claimed_by = $1", values: [owner] });
}
