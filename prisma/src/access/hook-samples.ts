import type { JsonObject } from "@fluxo/core/json";
import type pg from "pg";
import { toJsonb } from "../database/jsonb.ts";

/** A request that a test of a webhook waits for. */
export interface HookSample {
  readonly tenantId: string;
  readonly triggerId: string;
  readonly sampleId: string;
  /** As an execution would get it. */
  readonly payload: JsonObject;
  readonly receivedAt: Date;
}

/** Samples that a trigger keeps; older ones go. */
export const SAMPLES_MAX = 10;

/** Gives a sample to the open test of its trigger, which takes one. @param db fluxo_app. @returns false when none is open */
export async function captureSample(db: pg.Pool, { tenantId, triggerId, sampleId, payload, receivedAt }: HookSample): Promise<boolean> {
  const { rows } = await db.query<{ is_captured: boolean }>({
    name: "fluxo_capture_sample",
    text: "SELECT fluxo_capture_sample($1, $2, $3, $4, $5, $6) AS is_captured",
    values: [tenantId, triggerId, sampleId, toJsonb(payload), receivedAt, SAMPLES_MAX],
  });
  return rows[0]?.is_captured === true;
}
