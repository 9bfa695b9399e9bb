import type { Graph } from "@fluxo/core/graph/graph";
import type { Json, JsonObject } from "@fluxo/core/json";
import type { ScopedDb } from "../database/tenant-db.ts";
import { fromJsonb, toJsonColumn } from "./json.ts";

/** Which graph a dry rerun takes. */
export type DryRerunVersion = "same" | "latest" | "draft";

export interface DryRerunRecord {
  readonly id: string;
  readonly executionId: string;
  readonly version: DryRerunVersion;
  readonly status: "QUEUED" | "RUNNING" | "DONE" | "FAILED";
  readonly createdAt: Date;
  readonly completedAt: Date | null;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
  /** As the worker wrote it. */
  readonly result: Json;
}

export interface NewDryRerun {
  readonly id: string;
  readonly executionId: string;
  readonly version: DryRerunVersion;
  /** Null for a draft. */
  readonly versionId: string | null;
  readonly graph: Graph;
  readonly triggerNodeId: string;
  readonly input: JsonObject;
}

const select = { id: true, executionId: true, version: true, status: true, createdAt: true, completedAt: true, errorCode: true, errorMessage: true, result: true } as const;

interface StoredRow extends Omit<DryRerunRecord, "version" | "status" | "result"> {
  readonly version: string;
  readonly status: string;
  readonly result: Parameters<typeof fromJsonb>[0];
}

/** Check constraints keep version and status to the known ones. */
function typed(row: StoredRow): DryRerunRecord {
  return { ...row, version: row.version as DryRerunVersion, status: row.status as DryRerunRecord["status"], result: fromJsonb(row.result) };
}

/** How many dry reruns of the tenant have not ended. @param db of the tenant */
export function countOpenDryReruns(db: ScopedDb, tenantId: string): Promise<number> {
  return db.dryRerun.count({ where: { tenantId, status: { in: ["QUEUED", "RUNNING"] } } });
}

/** Queues a dry rerun. @param db of the tenant */
export async function createDryRerun(db: ScopedDb, tenantId: string, { graph, input, ...dryRerun }: NewDryRerun): Promise<DryRerunRecord> {
  return typed(await db.dryRerun.create({ data: { tenantId, ...dryRerun, graph: toJsonColumn(graph), input: toJsonColumn(input) }, select }));
}

/** @param db of the tenant */
export async function findDryRerun(db: ScopedDb, tenantId: string, id: string): Promise<DryRerunRecord | undefined> {
  const row = await db.dryRerun.findUnique({ where: { tenantId_id: { tenantId, id } }, select });
  return row === null ? undefined : typed(row);
}
