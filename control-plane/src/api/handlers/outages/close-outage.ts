import type { BreakerKey } from "@fluxo/contracts/channels/outages";
import type { Routes } from "@fluxo/contracts/http/routes";
import { closeOutage as endOutage } from "@fluxo/prisma/breakers/outages";
import { findOutage, type OutageRecord } from "@fluxo/prisma/repositories/outages";
import type { Handler } from "../../http/handler.ts";
import type { ApiServices } from "../../services.ts";
import { notFound } from "../not-found.ts";
import { toOutageAnswer } from "./outage-answer.ts";

/** POST /v1/outages/{outageId}/close */
export const closeOutage: Handler<Routes["closeOutage"]> = async ({ access, params }, services) => {
  const { tenantId } = access;
  const outage = await find(services, tenantId, params.outageId);
  if (outage.closedAt !== null) return { status: 200, body: toOutageAnswer(outage) };
  // First the breaker: what goes on with the record's end must find it closed.
  await services.closeBreaker(keyOf(tenantId, outage));
  await endOutage(services.pool, tenantId, outage.id, "MANUAL");
  return { status: 200, body: toOutageAnswer(await find(services, tenantId, outage.id)) };
};

async function find({ tenantDb }: ApiServices, tenantId: string, id: string): Promise<OutageRecord> {
  const outage = await tenantDb.withTenant(tenantId, (db) => findOutage(db, tenantId, id));
  if (outage === undefined) throw notFound("outage");
  return outage;
}

function keyOf(tenantId: string, { credentialId, host }: OutageRecord): BreakerKey {
  return credentialId === null ? { tenantId, kind: "host", host: host ?? "" } : { tenantId, kind: "credential", credentialId };
}
