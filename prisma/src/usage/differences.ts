import type pg from "pg";
import type { ScopedDb } from "../database/tenant-db.ts";

/** A sum of usage that does not fit what it tells of. */
export interface UsageDifference {
  /** Which sum: see functions/usage.sql. */
  readonly measure: string;
  /** The workflow, or the node type with its integration and model; empty for sums of the tenant. */
  readonly subject: string;
  /** By executions, journal, files or the finer sums. */
  readonly expected: bigint;
  readonly metered: bigint;
}

const HOUR_MS = 3_600_000;

/** The full hours that a span touches. */
export function fullHours(from: Date, to: Date): readonly [Date, Date] {
  return [new Date(Math.floor(from.getTime() / HOUR_MS) * HOUR_MS), new Date(Math.ceil(to.getTime() / HOUR_MS) * HOUR_MS)];
}

/** How many sums of all tenants do not balance in the full hours that the span touches. @param db fluxo_system */
export async function countUsageDifferences(db: pg.Pool, from: Date, to: Date): Promise<number> {
  const { rows } = await db.query<{ count: number }>("SELECT count(*)::int AS count FROM fluxo_usage_differences($1, $2)", [...fullHours(from, to)]);
  return rows[0]?.count ?? 0;
}

/** The sums of one tenant that do not balance between two full hours, 100 at most. @param db of the tenant */
export async function findUsageDifferences(db: ScopedDb, from: Date, to: Date): Promise<readonly UsageDifference[]> {
  return db.$queryRaw<UsageDifference[]>`SELECT measure, subject, expected, metered FROM fluxo_usage_differences(${from}, ${to}) LIMIT 100`;
}
