import type pg from "pg";

/** What one roll-up did. */
export interface UsageRoll {
  /** Events that were added to the sums. */
  readonly events: number;
  /** More are ready. */
  readonly hasMore: boolean;
  /** When the oldest event occurred that is not in the sums yet. */
  readonly oldestAt: Date | null;
}

/**
 * Adds about `limit` usage events to the sums by hour and by day, each once (functions/usage.sql). Several callers take turns.
 * @param db fluxo_system
 */
export async function rollUsage(db: pg.Pool, limit: number): Promise<UsageRoll> {
  const { rows } = await db.query<UsageRoll>({
    name: "fluxo_usage_roll",
    text: `SELECT events, has_more AS "hasMore", oldest_at AS "oldestAt" FROM fluxo_usage_roll($1)`,
    values: [limit],
  });
  const [roll] = rows;
  if (roll === undefined) throw new Error("The roll-up of usage told nothing.");
  return roll;
}
