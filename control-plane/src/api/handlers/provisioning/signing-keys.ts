import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import { createSigningKey as insert, findActiveSigningKeys, findSigningKey, listSigningKeys as list, revokeSigningKey as revoke, type SigningKeyRecord } from "@fluxo/prisma/repositories/signing-keys";
import { importSPKI } from "jose";
import type { JwksCache } from "../../../provisioning/jwks-cache.ts";
import type { Handler } from "../../http/handler.ts";
import { invalid } from "../../http/validate.ts";
import { toInstant } from "../instants.ts";
import { notFound } from "../not-found.ts";
import { idOfPageToken, toIdPage } from "../pages.ts";

const ACTIVE_MAX = 10;
const RSA_BITS_MIN = 2_048;
/** The type of a key in a JWK Set, by algorithm. */
const KEY_TYPES = { RS256: "RSA", EdDSA: "OKP" } as const;

/** GET /v1/agency/signing-keys */
export const listSigningKeys: Handler<Routes["listSigningKeys"]> = async ({ access, query }, { tenantDb }) => {
  const before = idOfPageToken(query.pageToken);
  const page = await tenantDb.withAgency(access.agencyId, (db) => list(db, access.agencyId, query.limit, before));
  return { status: 200, body: toIdPage(page, toAnswer) };
};

/** GET /v1/agency/signing-keys/{signingKeyId} */
export const getSigningKey: Handler<Routes["getSigningKey"]> = async ({ access, params }, { tenantDb }) => {
  const key = await tenantDb.withAgency(access.agencyId, (db) => findSigningKey(db, access.agencyId, params.signingKeyId));
  if (key === undefined) throw notFound("signing key");
  return { status: 200, body: toAnswer(key) };
};

/** POST /v1/agency/signing-keys */
export const createSigningKey: Handler<Routes["createSigningKey"]> = async ({ access, body }, { tenantDb, ids, jwks }) => {
  const { agencyId } = access;
  const { name, algorithm, publicKey = null, jwksUrl = null } = body;
  if (publicKey !== null) await assertPublicKey(publicKey, algorithm);
  if (jwksUrl !== null) await assertKeySet(jwksUrl, algorithm, jwks);
  const key = await tenantDb.withAgency(agencyId, async (db) => {
    if ((await findActiveSigningKeys(db, agencyId)).length >= ACTIVE_MAX) throw new RequestError("STATE_CONFLICT", { detail: `An agency has ${ACTIVE_MAX} active signing keys at most: revoke one.` });
    return insert(db, agencyId, { id: ids.next(), name, algorithm, publicKey, jwksUrl });
  });
  return { status: 201, body: toAnswer(key) };
};

/** DELETE /v1/agency/signing-keys/{signingKeyId} */
export const revokeSigningKey: Handler<Routes["revokeSigningKey"]> = async ({ access, params }, { tenantDb, clock }) => {
  const isKnown = await tenantDb.withAgency(access.agencyId, (db) => revoke(db, access.agencyId, params.signingKeyId, clock.now()));
  if (!isKnown) throw notFound("signing key");
  return { status: 204 };
};

/** @throws RequestError VALIDATION_FAILED */
async function assertPublicKey(pem: string, algorithm: SigningKeyRecord["algorithm"]): Promise<void> {
  const key = await importSPKI(pem, algorithm).catch(() => undefined);
  const bits = key !== undefined && "modulusLength" in key.algorithm && typeof key.algorithm.modulusLength === "number" ? key.algorithm.modulusLength : undefined;
  if (key === undefined || (bits !== undefined && bits < RSA_BITS_MIN)) throw invalid([{ path: "/body/publicKey", code: "invalid_key", message: `is not a public key for ${algorithm}${algorithm === "RS256" ? ` of ${RSA_BITS_MIN} bits or more` : ""}` }]);
}

/** @throws RequestError VALIDATION_FAILED */
async function assertKeySet(url: string, algorithm: SigningKeyRecord["algorithm"], jwks: JwksCache): Promise<void> {
  const set = await jwks.fetch(url).catch((error: unknown) => {
    throw invalid([{ path: "/body/jwksUrl", code: "unreadable", message: `cannot be read: ${error instanceof Error ? error.message.slice(0, 200) : "no answer"}` }]);
  });
  if (!set.keys.some((key) => key.kty === KEY_TYPES[algorithm] && key.kid !== undefined)) throw invalid([{ path: "/body/jwksUrl", code: "no_key", message: `holds no key with a key id for ${algorithm}` }]);
}

function toAnswer(key: SigningKeyRecord) {
  const { id, name, algorithm, publicKey, jwksUrl } = key;
  return { id, name, algorithm, publicKey, jwksUrl, createdAt: toInstant(key.createdAt), revokedAt: toInstant(key.revokedAt), lastUsedAt: toInstant(key.lastUsedAt) };
}
