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
import { readHead, refuseToken, UnprovenTokenError, verifyToken, type VerifiedToken } from "../../../provisioning/verify-token.ts";
import type { RequestContext } from "../../access/access.ts";
import type { Handler } from "../../http/handler.ts";
import type { ApiServices } from "../../services.ts";
import { toInstant } from "../instants.ts";
import { refuseTakenNames } from "../name-taken.ts";
import { toTenantAnswer } from "../tenants/tenant-answer.ts";
import { admitMember } from "./admit-member.ts";

/** How long the access lives that a token gives. Milliseconds. */
const ACCESS_MS = 3_600_000;

/** POST /v1/provisioning/token-exchange */
export const exchangeProvisioningToken: Handler<Routes["exchangeProvisioningToken"]> = async ({ body, context }, services) => {
  const { tenantDb, exchangeLimits, announceAccess } = services;
  await exchangeLimits.begin(context.ip);
  const { agencyId, token } = await prove(body.token, context, services);
  await exchangeLimits.proven(context.ip, agencyId);
  const exchange = (): Promise<Exchanged> => tenantDb.withAgency(agencyId, (db) => provision(db, agencyId, token, context, services));
  const { tenant, isNew, apiKey, memberId, endedKeyIds } = await refuseTakenNames("tenant", async () => {
    try {
      return await exchange();
    } catch (error) {
      // Another token may have made the tenant meanwhile: this one was not taken yet, and is about that tenant.
      if (brokenUniqueIndex(error) === undefined) throw error;
      return exchange();
    }
  });
  for (const id of endedKeyIds) await announceAccess({ version: 1, kind: "apiKey", id });
  const answer = { tenant: toTenantAnswer(tenant), isNew, apiKey, memberId };
  return isNew ? { status: 201, body: answer } : { status: 200, body: answer };
};

/** Whose token it is. What nobody has signed is counted. @throws RequestError PROVISIONING_TOKEN_REFUSED, RATE_LIMITED, UNAVAILABLE */
async function prove(text: string, { ip }: RequestContext, { tenantDb, exchangeLimits, clock, jwks }: ApiServices): Promise<{ readonly agencyId: string; readonly token: VerifiedToken }> {
  let agencyId: string | null = null;
  try {
    const head = readHead(text);
    agencyId = head.agencyId;
    exchangeLimits.assertOpen(ip, head.agencyId);
    const keys = await tenantDb.withAgency(head.agencyId, (db) => findActiveSigningKeys(db, head.agencyId));
    return { agencyId: head.agencyId, token: await verifyToken(text, head, keys, { jwks, now: clock.now() }) };
  } catch (error) {
    if (error instanceof UnprovenTokenError) await exchangeLimits.refused(ip, agencyId);
    throw error;
  }
}

interface Exchanged {
  readonly tenant: TenantRecord;
  readonly isNew: boolean;
  readonly apiKey: { readonly id: string; readonly key: string; readonly scopes: TenantScope[]; readonly expiresAt: string };
  readonly memberId: string | null;
  /** Keys of the member that ended with its former role. */
  readonly endedKeyIds: readonly string[];
}

/** Takes the token, finds or makes the tenant and the member, and gives access: all or nothing. @throws RequestError */
async function provision(db: ScopedDb, agencyId: string, token: VerifiedToken, { ip, userAgent, requestId }: RequestContext, { clock, ids, randomBytes }: ApiServices): Promise<Exchanged> {
  const now = clock.now();
  const { claims, keyId } = token;
  await auditAs(db, { agencyId, tenantId: null, actorKind: "signingKey", actorId: keyId, action: "exchangeProvisioningToken", ip, userAgent, requestId });
  if ((await findAgencyStatus(db, agencyId)) !== "ACTIVE") throw refuseToken("The agency is suspended.");
  if (!(await takeToken(db, agencyId, token, now))) throw refuseToken("The token was exchanged before.");
  const known = await findTenantByExternalId(db, agencyId, claims.externalTenantId);
  if (known?.status === "SUSPENDED") throw new RequestError("TENANT_SUSPENDED");
  if (known?.status === "OFFBOARDING") throw new RequestError("TENANT_OFFBOARDING");
  const tenant = known ?? (await createTenantOf(db, agencyId, token, ids.next()));
  const member = claims.member === undefined ? undefined : await admitMember(db, { agencyId, tenantId: tenant.id, member: claims.member, id: ids.next() }, now);
  const minted = mintApiKey(ids, randomBytes);
  const scopes = member?.scopes ?? [...TENANT_SCOPES];
  const expiresAt = new Date(now.getTime() + ACCESS_MS);
  const name = claims.member === undefined ? "Provisioned" : `Provisioned for ${claims.member.externalUserId}`.slice(0, 200);
  await createApiKey(db, { id: minted.id, agencyId, tenantId: tenant.id, name, prefix: minted.prefix, secretHash: minted.secretHash, scopes, expiresAt, memberId: member?.memberId });
  return { tenant, isNew: known === undefined, apiKey: { id: minted.id, key: minted.text, scopes, expiresAt: toInstant(expiresAt) }, memberId: member?.memberId ?? null, endedKeyIds: member?.endedKeyIds ?? [] };
}

async function createTenantOf(db: ScopedDb, agencyId: string, { claims }: VerifiedToken, id: string): Promise<TenantRecord> {
  const plan = await findPlanByCode(db, agencyId, claims.planCode);
  if (plan === undefined) throw refuseToken("The claim planCode names no plan of this agency.");
  if (!(await isKnownTimeZone(db, claims.timeZone))) throw refuseToken("The claim timeZone names no known IANA time zone.");
  return createTenant(db, { id, agencyId, planId: plan.id, name: claims.tenantName, timeZone: claims.timeZone, externalId: claims.externalTenantId });
}
