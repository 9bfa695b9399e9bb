import type pg from "pg";

export interface HoldRequest {
  readonly tenantId: string;
  readonly id: string;
  readonly amount: number;
  /** After it, a hold that nobody settled counts in full. */
  readonly leaseMs: number;
}

export interface HoldResult {
  readonly isGranted: boolean;
  /** Used and held in this window, with this hold if it was granted. */
  readonly counted: number;
  readonly quota: number;
  readonly windowEnd: Date;
}

/** Takes tokens of the tenant's plan, all or none. @param db fluxo_app */
export async function holdAiTokens(db: pg.Pool, { tenantId, id, amount, leaseMs }: HoldRequest): Promise<HoldResult> {
  const { rows } = await db.query<{ is_granted: boolean; counted: number; quota: number; window_end: Date }>({
    name: "fluxo_hold_ai_tokens",
    text: "SELECT is_granted, counted, quota, window_end FROM fluxo_hold_ai_tokens($1, $2, $3, $4)",
    values: [tenantId, id, amount, leaseMs],
  });
  const [row] = rows;
  if (row === undefined) throw new Error("The hold was not answered.");
  return { isGranted: row.is_granted, counted: row.counted, quota: row.quota, windowEnd: row.window_end };
}

/** Turns a hold into what was used. @param db fluxo_app @returns false when it is gone: it counts in full already */
export async function settleHold(db: pg.Pool, tenantId: string, id: string, used: number): Promise<boolean> {
  const { rows } = await db.query<{ settled: boolean }>({ name: "fluxo_settle_hold", text: "SELECT fluxo_settle_hold($1, $2, $3) AS settled", values: [tenantId, id, used] });
  return rows[0]?.settled === true;
}
