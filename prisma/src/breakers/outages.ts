import type { ErrorCode } from "@fluxo/core/errors/codes";
import type { ErrorClass } from "@fluxo/core/errors/node-error";
import type pg from "pg";

/** How an outage ended: a probe succeeded, a person closed it, or its breaker was lost with Redis. */
export type OutageEnd = "PROBE" | "MANUAL" | "LOST";

/** An outage that begins. Of credential and host one is null. */
export interface NewOutage {
  readonly tenantId: string;
  readonly id: string;
  readonly credentialId: string | null;
  readonly host: string | null;
  readonly integration: string;
  readonly nextProbeAt: Date;
  readonly errorClass: ErrorClass;
  readonly code: ErrorCode;
}

/** Between two executions that go on after an outage: what healed is not run down again. Milliseconds. */
const RELEASE_GAP_MS = 20;

/** @param db fluxo_app */
export async function openOutage(db: pg.Pool, outage: NewOutage): Promise<void> {
  const { tenantId, id, credentialId, host, integration, nextProbeAt, errorClass, code } = outage;
  await db.query({ name: "fluxo_open_outage", text: "SELECT fluxo_open_outage($1, $2, $3, $4, $5, $6, $7, $8)", values: [tenantId, id, credentialId, host, integration, nextProbeAt, errorClass, code] });
}

/** A probe failed. @param db fluxo_app */
export async function prolongOutage(db: pg.Pool, { tenantId, id, nextProbeAt, errorClass, code }: Pick<NewOutage, "tenantId" | "id" | "nextProbeAt" | "errorClass" | "code">): Promise<void> {
  await db.query({ name: "fluxo_prolong_outage", text: "SELECT fluxo_prolong_outage($1, $2, $3, $4, $5)", values: [tenantId, id, nextProbeAt, errorClass, code] });
}

/** An execution waits for the end of an outage. @param db fluxo_app */
export async function awaitOutage(db: pg.Pool, tenantId: string, outageId: string, executionId: string): Promise<void> {
  await db.query({ name: "fluxo_await_outage", text: "SELECT fluxo_await_outage($1, $2, $3)", values: [tenantId, outageId, executionId] });
}

/**
 * Ends an outage; the executions that wait for it are due again, in the order in which they were queued.
 * @param db fluxo_app
 * @returns how many go on; undefined when it was closed already or is not there
 */
export async function closeOutage(db: pg.Pool, tenantId: string, outageId: string, by: OutageEnd): Promise<number | undefined> {
  const { rows } = await db.query<{ count: number | null }>({ name: "fluxo_close_outage", text: "SELECT fluxo_close_outage($1, $2, $3, $4) AS count", values: [tenantId, outageId, by, RELEASE_GAP_MS] });
  return rows[0]?.count ?? undefined;
}
