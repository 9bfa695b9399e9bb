import type pg from "pg";
import { toJsonb } from "../database/jsonb.ts";
import type { UnitClient } from "../database/units.ts";

/** Who does what, as the entries of the audit log that a transaction leaves will say. */
export interface AuditContext {
  /** Null: the operator. */
  readonly agencyId: string | null;
  readonly tenantId: string | null;
  readonly actorKind: string;
  readonly actorId: string;
  /** The operation's id. */
  readonly action: string;
  readonly ip: string | null;
  readonly userAgent: string | null;
  /** Null: no request of the API made it. */
  readonly requestId: string | null;
}

/** An idempotency key, with all that it is unique for, and what tells its request from others. */
export interface KeyClaim {
  /** The tenant or agency that the request is about. */
  readonly subjectId: string;
  readonly operation: string;
  readonly key: string;
  readonly fingerprint: string;
}

export interface RequestFrame {
  readonly context: AuditContext;
  /** What requests take turns about. */
  readonly resource: string | undefined;
  readonly claim: KeyClaim | undefined;
}

/** `NEW`: nobody answered it yet. `REPEATED`: the sealed answer that it got. `REUSED`: its key belongs to another request. `OFFBOARDING`: its tenant can be read only. */
export type BegunRequest = { readonly outcome: "NEW" | "REUSED" | "OFFBOARDING" } | { readonly outcome: "REPEATED"; readonly sealedAnswer: Buffer };

/** SQLSTATE of a wait that took too long. */
const LOCK_NOT_AVAILABLE = "55P03";

/** Begins a request in its transaction. @returns undefined when another request kept it waiting for more than 10 s @throws what PostgreSQL threw */
export async function beginRequest(db: UnitClient, { context, resource, claim }: RequestFrame): Promise<BegunRequest | undefined> {
  try {
    const { rows } = await db.query<{ outcome: BegunRequest["outcome"]; sealed_answer: Buffer | null }>({
      name: "fluxo_request",
      text: "SELECT outcome, sealed_answer FROM fluxo_request($1, $2, $3, $4)",
      values: [toJsonb(context), context.actorId, resource ?? null, claim === undefined ? null : JSON.stringify(claim)],
    });
    const row = rows[0];
    if (row === undefined) throw new Error("fluxo_request answered nothing.");
    if (row.outcome !== "REPEATED") return { outcome: row.outcome };
    if (row.sealed_answer === null) throw new Error("An idempotency key has no answer.");
    return { outcome: row.outcome, sealedAnswer: row.sealed_answer };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === LOCK_NOT_AVAILABLE) return undefined;
    throw error;
  }
}

/** Keeps the answer of a claimed key, in the transaction of the claim. */
export async function keepAnswer(db: UnitClient, actorId: string, { subjectId, operation, key }: KeyClaim, sealedAnswer: Buffer): Promise<void> {
  await db.query("UPDATE idempotent_answers SET sealed_answer = $5 WHERE actor_id = $1 AND subject_id = $2 AND operation = $3 AND key = $4", [actorId, subjectId, operation, key, sealedAnswer]);
}

/** Deletes answers whose time is over, at most `limit`. @param db fluxo_system @returns how many */
export async function forgetAnswers(db: pg.Pool, limit: number): Promise<number> {
  const { rows } = await db.query<{ count: number }>("SELECT fluxo_forget_answers($1) AS count", [limit]);
  return rows[0]?.count ?? 0;
}
