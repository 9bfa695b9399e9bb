import { closeOutage } from "@fluxo/prisma/breakers/outages";
import { listOutages } from "@fluxo/prisma/repositories/outages";
import type { ApiServices } from "../../services.ts";

/** A credential has one breaker. More than one record is open only where breakers were lost. */
const RECORDS_MAX = 20;

/**
 * Closes the breaker of a credential that was changed: what failed with the old content says nothing about the new one, and what waits for it goes on.
 * Best effort, because the change stands already: a breaker that could not be closed makes its next probe with the new content.
 */
export async function closeCredentialBreaker({ tenantDb, pool, closeBreaker, logger }: Pick<ApiServices, "tenantDb" | "pool" | "closeBreaker" | "logger">, tenantId: string, credentialId: string): Promise<void> {
  try {
    // First the breaker, open or not: what goes on with the record's end must find it closed, and refusals so far count no more.
    await closeBreaker({ tenantId, kind: "credential", credentialId });
    const { items } = await tenantDb.withTenant(tenantId, (db) => listOutages(db, tenantId, { isOpen: true, credentialId }, RECORDS_MAX));
    for (const { id } of items) await closeOutage(pool, tenantId, id, "MANUAL");
  } catch (error) {
    logger.warn({ err: error, tenantId, credentialId }, "the breaker of a changed credential was not closed");
  }
}
