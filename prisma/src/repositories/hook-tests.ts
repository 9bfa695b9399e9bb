import type { Json } from "@fluxo/core/json";
import { SAMPLES_MAX } from "../access/hook-samples.ts";
import type { ScopedDb } from "../database/tenant-db.ts";
import { fromJsonb } from "./json.ts";

/** The test of a webhook: it waits for one request until `expiresAt`. */
export interface HookTestRecord {
  readonly expiresAt: Date;
  /** What it captured. */
  readonly sampleId: string | null;
}

export interface HookSampleRecord {
  readonly id: string;
  readonly payload: Json;
  readonly receivedAt: Date;
}

const select = { expiresAt: true, sampleId: true } as const;

/** Opens the test of a trigger, or opens it anew. @param db of the tenant */
export function openHookTest(db: ScopedDb, tenantId: string, triggerId: string, openedAt: Date, expiresAt: Date): Promise<HookTestRecord> {
  const content = { openedAt, expiresAt, sampleId: null };
  return db.hookTest.upsert({ where: { tenantId_triggerId: { tenantId, triggerId } }, create: { tenantId, triggerId, ...content }, update: content, select });
}

/** @param db of the tenant */
export async function findHookTest(db: ScopedDb, tenantId: string, triggerId: string): Promise<HookTestRecord | undefined> {
  return (await db.hookTest.findUnique({ where: { tenantId_triggerId: { tenantId, triggerId } }, select })) ?? undefined;
}

/** Newest first. @param db of the tenant */
export async function listHookSamples(db: ScopedDb, tenantId: string, triggerId: string): Promise<HookSampleRecord[]> {
  const rows = await db.hookSample.findMany({ where: { tenantId, triggerId }, select: { id: true, payload: true, receivedAt: true }, orderBy: { id: "desc" }, take: SAMPLES_MAX });
  return rows.map(({ payload, ...row }) => ({ ...row, payload: fromJsonb(payload) }));
}
