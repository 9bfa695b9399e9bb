import type { apiKeySchema, createdApiKeySchema } from "@fluxo/contracts/http/api-keys";
import { OVERLAP_SECONDS } from "@fluxo/contracts/http/api-keys";
import type { Scope } from "@fluxo/contracts/http/scopes";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { ScopedDb, TenantDb } from "@fluxo/prisma/database/tenant-db";
import { createApiKey, findApiKey, listApiKeys, revokeApiKey, rotateApiKey, type KeyOwner } from "@fluxo/prisma/repositories/api-keys";
import { findTenant } from "@fluxo/prisma/repositories/tenants";
import type { z } from "zod";
import type { Access } from "../../access/access.ts";
import { invalid } from "../../http/validate.ts";
import { mintApiKey, mintSecret } from "../../../keys/api-key.ts";
import type { ApiServices } from "../../services.ts";
import { notFound } from "../not-found.ts";
import { idOfPageToken, toIdPage } from "../pages.ts";
import { toApiKeyAnswer } from "./api-key-answer.ts";

type ApiKeyAnswer = z.input<typeof apiKeySchema>;
type CreatedApiKeyAnswer = z.input<typeof createdApiKeySchema>;

interface NewKeyBody {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly expiresAt?: string | undefined;
}

/** One page of an owner's keys. @throws RequestError NOT_FOUND for a tenant that the agency does not have */
export async function pageOfKeys(owner: KeyOwner, query: { readonly limit: number; readonly pageToken?: string | undefined }, { tenantDb }: ApiServices): Promise<{ data: ApiKeyAnswer[]; nextPageToken: string | null }> {
  const before = idOfPageToken(query.pageToken);
  const page = await inScopeOf(owner, tenantDb, (db) => listApiKeys(db, owner, query.limit, before));
  return toIdPage(page, toApiKeyAnswer);
}

/** One of an owner's keys. @throws RequestError NOT_FOUND */
export async function readKey(owner: KeyOwner, keyId: string, { tenantDb }: ApiServices): Promise<ApiKeyAnswer> {
  const key = await inScopeOf(owner, tenantDb, (db) => findApiKey(db, owner, keyId));
  if (key === undefined) throw notFound("API key");
  return toApiKeyAnswer(key);
}

/** Creates a key of an owner, with scopes that the caller has itself. @throws RequestError SCOPE_MISSING, VALIDATION_FAILED, NOT_FOUND */
export async function createKey(owner: KeyOwner, access: Access, body: NewKeyBody, { tenantDb, clock, ids, randomBytes }: ApiServices): Promise<CreatedApiKeyAnswer> {
  const missing = body.scopes.filter((scope) => !access.scopes.has(scope));
  if (missing.length > 0) throw new RequestError("SCOPE_MISSING", { detail: `A key cannot get what its creator does not have: ${missing.join(", ")}.` });
  const expiresAt = body.expiresAt === undefined ? null : new Date(body.expiresAt);
  if (expiresAt !== null && expiresAt <= clock.now()) throw invalid([{ path: "/body/expiresAt", code: "in_the_past", message: "must be in the future" }]);
  const { id, prefix, secretHash, text } = mintApiKey(ids, randomBytes);
  const key = await inScopeOf(owner, tenantDb, (db) => createApiKey(db, { ...owner, id, name: body.name, prefix, secretHash, scopes: body.scopes, expiresAt }));
  return { ...toApiKeyAnswer(key), key: text };
}

/** Gives a key of an owner a new secret. @throws RequestError NOT_FOUND, STATE_CONFLICT */
export async function rotateKey(owner: KeyOwner, keyId: string, body: { readonly overlapSeconds: number } | undefined, { tenantDb, clock, randomBytes, announceAccess }: ApiServices): Promise<CreatedApiKeyAnswer> {
  const { secret, secretHash } = mintSecret(randomBytes);
  const overlapSeconds = body?.overlapSeconds ?? OVERLAP_SECONDS;
  const now = clock.now();
  const previousUntil = overlapSeconds === 0 ? null : new Date(now.getTime() + overlapSeconds * 1_000);
  const outcome = await inScopeOf(owner, tenantDb, (db) => rotateApiKey(db, owner, keyId, { secretHash, now, previousUntil }));
  switch (outcome.kind) {
    case "missing":
      throw notFound("API key");
    case "ended":
      throw new RequestError("STATE_CONFLICT", { detail: "The key is revoked or has expired; create another one." });
    case "busy":
      throw new RequestError("STATE_CONFLICT", { detail: "Two secrets of the key are live already. Wait until the older one ends, or rotate with overlapSeconds 0, which ends both." });
    case "rotated":
      await announceAccess({ version: 1, kind: "apiKey", id: keyId });
      return { ...toApiKeyAnswer(outcome.key), key: `${outcome.key.prefix}_${secret}` };
    default:
      return outcome satisfies never;
  }
}

/** Revokes a key of an owner. @throws RequestError NOT_FOUND */
export async function revokeKey(owner: KeyOwner, keyId: string, { tenantDb, clock, announceAccess }: ApiServices): Promise<void> {
  const isFound = await inScopeOf(owner, tenantDb, (db) => revokeApiKey(db, owner, keyId, clock.now()));
  if (!isFound) throw notFound("API key");
  await announceAccess({ version: 1, kind: "apiKey", id: keyId });
}

/** Works where the owner's keys are seen. @throws RequestError NOT_FOUND for a tenant that the agency does not have */
function inScopeOf<R>({ agencyId, tenantId }: KeyOwner, tenantDb: TenantDb, work: (db: ScopedDb) => Promise<R>): Promise<R> {
  if (agencyId === null) return tenantDb.withOperator(work);
  return tenantDb.withAgency(agencyId, async (db) => {
    if (tenantId !== null && (await findTenant(db, tenantId)) === undefined) throw notFound("tenant");
    return work(db);
  });
}
