import type { ProvisionedRole } from "@fluxo/contracts/http/provisioning";
import { scopesOfRole } from "@fluxo/contracts/http/roles";
import type { Routes } from "@fluxo/contracts/http/routes";
import { TENANT_SCOPES, type TenantScope } from "@fluxo/contracts/http/scopes";
import { RequestError } from "@fluxo/core/errors/request-error";
import { auditAs } from "@fluxo/prisma/audit/note";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { findAgencyStatus } from "@fluxo/prisma/repositories/agencies";
import { createApiKey } from "@fluxo/prisma/repositories/api-keys";
import { brokenUniqueIndex } from "@fluxo/prisma/repositories/constraint";
import { findPlanByCode } from "@fluxo/prisma/repositories/plans";
import { findActiveSigningKeys, takeToken } from "@fluxo/prisma/repositories/signing-keys";
import { createTenant, findTenantByExternalId, isKnownTimeZone, type TenantRecord } from "@fluxo/prisma/repositories/tenants";
import { mintApiKey } from "../../../keys/api-key.ts";
import { readHead, refuseToken, verifyToken, type VerifiedToken } from "../../../provisioning/verify-token.ts";
import type { Handler } from "../../http/handler.ts";
import type { ApiServices } from "../../services.ts";
import { toInstant } from "../instants.ts";
import { refuseTakenNames } from "../name-taken.ts";
import { toTenantAnswer } from "../tenants/tenant-answer.ts";

/** How long the access lives that a token gives. Milliseconds. */
const ACCESS_MS = 3_600_000;

/** What the key of a person may do in the tenant: what a member with the role may do who is bound to it. */
function scopesOf(role: ProvisionedRole): TenantScope[] {
  const granted = scopesOfRole(role, true);
  return TENANT_SCOPES.filter((scope) => granted.has(scope));
}

/** POST /v1/provisioning/token-exchange */
export const exchangeProvisioningToken: Handler<Routes["exchangeProvisioningToken"]> = async ({ body }, services) => {
  const { tenantDb, clock, jwks } = services;
  const head = readHead(body.token);
  const keys = await tenantDb.withAgency(head.agencyId, (db) => findActiveSigningKeys(db, head.agencyId));
  const token = await verifyToken(body.token, head, keys, { jwks, now: clock.now() });
  const exchange = (): Promise<Exchanged> => tenantDb.withAgency(head.agencyId, (db) => provision(db, head.agencyId, token, services));
  const { tenant, isNew, apiKey } = await refuseTakenNames("tenant", async () => {
    try {
      return await exchange();
    } catch (error) {
      // Another token may have made the tenant meanwhile: this one was not taken yet, and is about that tenant.
      if (brokenUniqueIndex(error) === undefined) throw error;
      return exchange();
    }
  });
  const answer = { tenant: toTenantAnswer(tenant), isNew, apiKey };
  return isNew ? { status: 201, body: answer } : { status: 200, body: answer };
};

interface Exchanged {
  readonly tenant: TenantRecord;
  readonly isNew: boolean;
  readonly apiKey: { readonly id: string; readonly key: string; readonly scopes: TenantScope[]; readonly expiresAt: string };
}

/** Takes the token, finds or makes the tenant, and gives access: all or nothing. @throws RequestError */
async function provision(db: ScopedDb, agencyId: string, token: VerifiedToken, { clock, ids, randomBytes }: ApiServices): Promise<Exchanged> {
  const now = clock.now();
  const { claims, keyId } = token;
  await auditAs(db, { agencyId, tenantId: null, actorKind: "signingKey", actorId: keyId, action: "exchangeProvisioningToken", ip: null, userAgent: null, requestId: null });
  if ((await findAgencyStatus(db, agencyId)) !== "ACTIVE") throw refuseToken("The agency is suspended.");
  if (!(await takeToken(db, agencyId, token, now))) throw refuseToken("The token was exchanged before.");
  const known = await findTenantByExternalId(db, agencyId, claims.externalTenantId);
  if (known?.status === "SUSPENDED") throw new RequestError("TENANT_SUSPENDED");
  if (known?.status === "OFFBOARDING") throw new RequestError("TENANT_OFFBOARDING");
  const tenant = known ?? (await createTenantOf(db, agencyId, token, ids.next()));
  const minted = mintApiKey(ids, randomBytes);
  const scopes = claims.member === undefined ? [...TENANT_SCOPES] : scopesOf(claims.member.role);
  const expiresAt = new Date(now.getTime() + ACCESS_MS);
  const name = claims.member === undefined ? "Provisioned" : `Provisioned for ${claims.member.externalUserId}`.slice(0, 200);
  await createApiKey(db, { id: minted.id, agencyId, tenantId: tenant.id, name, prefix: minted.prefix, secretHash: minted.secretHash, scopes, expiresAt });
  return { tenant, isNew: known === undefined, apiKey: { id: minted.id, key: minted.text, scopes, expiresAt: toInstant(expiresAt) } };
}

async function createTenantOf(db: ScopedDb, agencyId: string, { claims }: VerifiedToken, id: string): Promise<TenantRecord> {
  const plan = await findPlanByCode(db, agencyId, claims.planCode);
  if (plan === undefined) throw refuseToken("The claim planCode names no plan of this agency.");
  if (!(await isKnownTimeZone(db, claims.timeZone))) throw refuseToken("The claim timeZone names no known IANA time zone.");
  return createTenant(db, { id, agencyId, planId: plan.id, name: claims.tenantName, timeZone: claims.timeZone, externalId: claims.externalTenantId });
}
