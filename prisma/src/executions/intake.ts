import type { Json, JsonObject } from "@fluxo/core/json";
import type pg from "pg";
import { byTenant } from "../database/by-tenant.ts";
import { toJsonb } from "../database/jsonb.ts";

/** One due instant or seen item, on its way to become an execution. */
export interface IntakeItem {
  readonly tenantId: string;
  readonly triggerId: string;
  /** Unique per trigger, for ever (I1). */
  readonly occurrenceKey: string;
  /** The id that the execution gets if the occurrence is new. */
  readonly executionId: string;
  /** The trigger payload. */
  readonly input: JsonObject;
  /** Id for the stored payload if the input is above the inline threshold. */
  readonly payloadId: string;
  /** Hash of the request: a repeat of the key with another hash is a conflict. Absent: every repeat is a duplicate. */
  readonly fingerprint?: string;
  /** Why the trigger's filter lets nothing start from it: the occurrence is recorded and makes no execution. Absent: it matches. */
  readonly filtered?: string;
  readonly occurredAt: Date;
}

/**
 * `accepted`: a new execution is QUEUED. `duplicate`: the occurrence was there; the id is the first one's.
 * `conflict`: the key was used with another fingerprint. `filtered`, `tooLarge` (for the plan): recorded, now or before, without an execution. `gone`: no enabled trigger with
 * a published version.
 */
export type IntakeResult =
  | { readonly outcome: "accepted" | "duplicate" | "conflict"; readonly executionId: string }
  | { readonly outcome: "filtered" | "tooLarge" | "gone" };

/** Values whose JSON text is longer go to the payloads table, by reference. Bytes. */
export const INLINE_BYTES_MAX = 32_768;

/** A JSON value as the SQL functions take it: inline, or by reference with its body beside it. Field names start with `name`. */
export function inlineOrReference(name: "input" | "output", value: Json, payloadId: string): Record<string, unknown> {
  const bytes = Buffer.byteLength(JSON.stringify(value));
  if (bytes <= INLINE_BYTES_MAX) return { [name]: value };
  return { [`${name}Ref`]: payloadId, [`${name}Body`]: value, [`${name}Bytes`]: bytes };
}

/**
 * Writes occurrence, execution and outbox row of every item in one statement and one commit. Results are in the order of the items.
 * @param db fluxo_app; a client inside of a transaction makes intake part of that transaction (a dispatcher's cursor moves with it, I3)
 */
export async function intake(db: pg.Pool | pg.ClientBase, items: readonly IntakeItem[]): Promise<IntakeResult[]> {
  const rows = items.map((item, idx) => ({
    idx,
    tenantId: item.tenantId,
    triggerId: item.triggerId,
    occurrenceKey: item.occurrenceKey,
    executionId: item.executionId,
    fingerprint: item.fingerprint ?? null,
    filtered: item.filtered ?? null,
    occurredAt: item.occurredAt,
    ...inlineOrReference("input", item.input, item.payloadId),
  }));
  const answer = await db.query<{ idx: number; outcome: IntakeResult["outcome"]; execution_id: string | null }>({
    name: "fluxo_intake",
    text: "SELECT idx, outcome, execution_id FROM fluxo_intake($1)",
    values: [toJsonb(byTenant(rows))],
  });
  const results: IntakeResult[] = items.map(() => ({ outcome: "gone" }));
  for (const row of answer.rows) {
    if (row.outcome === "filtered" || row.outcome === "tooLarge") results[row.idx] = { outcome: row.outcome };
    else if (row.outcome !== "gone" && row.execution_id !== null) results[row.idx] = { outcome: row.outcome, executionId: row.execution_id };
  }
  return results;
}
