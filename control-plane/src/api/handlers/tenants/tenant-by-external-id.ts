import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { brokenUniqueIndex } from "@fluxo/prisma/repositories/constraint";
import { createTenant, findTenantByExternalId, updateTenant, type TenantRecord } from "@fluxo/prisma/repositories/tenants";
import type { Handler } from "../../http/handler.ts";
import { refuseTakenNames } from "../name-taken.ts";
import { notFound } from "../not-found.ts";
import { toTenantAnswer } from "./tenant-answer.ts";
import { assertTenantTerms } from "./tenant-terms.ts";

/** GET /v1/tenants/by-external-id/{externalId} */
export const getTenantByExternalId: Handler<Routes["getTenantByExternalId"]> = async ({ access, params }, { tenantDb }) => {
  const tenant = await tenantDb.withAgency(access.agencyId, (db) => findTenantByExternalId(db, access.agencyId, params.externalId));
  if (tenant === undefined) throw notFound("tenant");
  return { status: 200, body: toTenantAnswer(tenant) };
};

/** PUT /v1/tenants/by-external-id/{externalId} */
export const putTenantByExternalId: Handler<Routes["putTenantByExternalId"]> = async ({ access, params, body }, { tenantDb, ids, announceAccess }) => {
  const { agencyId } = access;
  const { externalId } = params;
  const put = (db: ScopedDb): Promise<Put> => putTenant(db, { id: ids.next(), agencyId, externalId, ...body });
  const { tenant, isNew } = await refuseTakenNames("tenant", async () => {
    try {
      return await tenantDb.withAgency(agencyId, put);
    } catch (error) {
      // Another request may have made the tenant meanwhile: then this one is about that tenant. A name that is really taken is refused again.
      if (brokenUniqueIndex(error) === undefined) throw error;
      return tenantDb.withAgency(agencyId, put);
    }
  });
  await announceAccess({ version: 1, kind: "plans" });
  return isNew ? { status: 201, headers: { Location: `/v1/tenants/${tenant.id}` }, body: toTenantAnswer(tenant) } : { status: 200, body: toTenantAnswer(tenant) };
};

interface Put {
  readonly tenant: TenantRecord;
  readonly isNew: boolean;
}

interface Terms {
  /** Of a new tenant. */
  readonly id: string;
  readonly agencyId: string;
  readonly externalId: string;
  readonly name: string;
  readonly planId: string;
  readonly timeZone?: string | undefined;
}

async function putTenant(db: ScopedDb, { id, agencyId, externalId, name, planId, timeZone }: Terms): Promise<Put> {
  const known = await findTenantByExternalId(db, agencyId, externalId);
  await assertTenantTerms(db, { planId, timeZone }, known?.planId);
  if (known === undefined) return { tenant: await createTenant(db, { id, agencyId, planId, name, timeZone: timeZone ?? "UTC", externalId }), isNew: true };
  const changed = await updateTenant(db, agencyId, known.id, { name, planId, timeZone });
  if (changed === undefined) throw new RequestError("TENANT_OFFBOARDING");
  return { tenant: changed, isNew: false };
}
