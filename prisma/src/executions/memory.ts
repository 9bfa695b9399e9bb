import { createHash } from "node:crypto";
import type { Json } from "@fluxo/core/json";
import type { NodeScope } from "@fluxo/core/ports/node-ports";
import type pg from "pg";

const DAY_MS = 86_400_000;

/** How long a value is kept when nothing takes its place. */
const KEPT_MS = 366 * DAY_MS;

/** How long an exchange's answer can be had again by its own execution and its reruns once a later exchange took place. */
const REPEATABLE_MS = 3 * DAY_MS;

/**
 * Remembers keys for one node of one workflow, in one statement (fluxo_remember).
 * @param db fluxo_app
 * @param windowMs how long from now, by the database's clock
 * @returns in the order of the keys: whether it is new. A repeat by the same execution, its reruns and the same item answers the same; of a key that is
 * given twice the second is not new
 */
export async function rememberKeys(db: pg.Pool, { tenantId, workflowId, nodeId, executionId, item }: NodeScope, keys: readonly string[], windowMs: number): Promise<boolean[]> {
  const hashes = keys.map(hashOf);
  const { rows } = await db.query<{ key_hash: Buffer }>({
    name: "fluxo_remember",
    text: "SELECT key_hash FROM fluxo_remember($1, $2, $3, $4, $5, $6, $7)",
    values: [tenantId, workflowId, nodeId, executionId, item, hashes, windowMs],
  });
  const fresh = new Set(rows.map((row) => row.key_hash.toString("hex")));
  return hashes.map((hash) => fresh.delete(hash.toString("hex")));
}

/**
 * Keeps a value under a name, for one node of one workflow, in one statement (fluxo_exchange).
 * @param db fluxo_app
 * @returns what was kept before; undefined when nothing was. A repeat by the same execution, its reruns and the same item answers the same
 */
export async function exchangeValue(db: pg.Pool, { tenantId, workflowId, nodeId, executionId, item }: NodeScope, name: string, value: Json): Promise<Json | undefined> {
  const { rows } = await db.query<{ previous: string }>({
    name: "fluxo_exchange",
    text: "SELECT previous FROM fluxo_exchange($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    values: [tenantId, workflowId, nodeId, executionId, item, hashOf(name), JSON.stringify(value), KEPT_MS, REPEATABLE_MS],
  });
  const [kept] = rows;
  if (kept === undefined) return undefined;
  const previous: Json = JSON.parse(kept.previous);
  return previous;
}

/**
 * Deletes what expired (fluxo_forget).
 * @param db fluxo_system
 * @param limit rows of each table at most
 * @returns how many rows were deleted
 */
export async function forgetExpired(db: pg.Pool, limit: number): Promise<number> {
  const { rows } = await db.query<{ forgotten: number }>({ name: "fluxo_forget", text: "SELECT fluxo_forget($1) AS forgotten", values: [limit] });
  return rows[0]?.forgotten ?? 0;
}

function hashOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
