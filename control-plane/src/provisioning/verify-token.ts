import { createHash } from "node:crypto";
import { provisioningClaimsSchema, SIGNING_ALGORITHMS, type ProvisioningClaims, type SigningAlgorithm } from "@fluxo/contracts/http/provisioning";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { SigningKeyRecord } from "@fluxo/prisma/repositories/signing-keys";
import { decodeJwt, decodeProtectedHeader, errors, importSPKI, jwtVerify, type CryptoKey, type JWTPayload, type JWTVerifyGetKey } from "jose";
import { z } from "zod";
import type { JwksCache } from "./jwks-cache.ts";

export const TOKEN_AUDIENCE = "fluxo:provisioning";
/** How long a token may live, from `iat` to `exp`. Seconds. */
const LIFE_SECONDS_MAX = 300;
/** Between the clocks of the agency and ours. Seconds. */
const CLOCK_TOLERANCE_SECONDS = 30;
const RETRY_AFTER_SECONDS = 30;

const headerSchema = z.object({ alg: z.enum(SIGNING_ALGORITHMS), kid: z.string().min(1).max(200) });
const registeredSchema = z.object({ iat: z.int(), exp: z.int(), jti: z.string().min(1).max(200) });

/** What a token says of itself before anything of it is proven. */
export interface TokenHead {
  readonly agencyId: string;
  readonly algorithm: SigningAlgorithm;
  readonly kid: string;
}

/** A token whose signature and claims hold. */
export interface VerifiedToken {
  readonly keyId: string;
  readonly claims: ProvisioningClaims;
  /** SHA-256 of its `jti`. */
  readonly idHash: Buffer<ArrayBuffer>;
  /** Nobody takes it after this instant. */
  readonly expiresAt: Date;
}

/** The refusal of a token that nobody has proven to be theirs: a guess, or a mistake. */
export class UnprovenTokenError extends RequestError {
  /** Absent: the same answer for unknown agencies, unknown keys and wrong signatures. */
  constructor(detail = "No active signing key of the issuer has signed this token.", cause?: unknown) {
    super("PROVISIONING_TOKEN_REFUSED", { detail, cause });
  }
}

/** The refusal of a token that its agency has signed. */
export function refuseToken(detail: string, cause?: unknown): RequestError {
  return new RequestError("PROVISIONING_TOKEN_REFUSED", { detail, cause });
}

/** Which keys to look for. @throws RequestError PROVISIONING_TOKEN_REFUSED */
export function readHead(token: string): TokenHead {
  try {
    const { alg, kid } = headerSchema.parse(decodeProtectedHeader(token));
    return { agencyId: z.uuid().parse(decodeJwt(token).iss).toLowerCase(), algorithm: alg, kid };
  } catch (error) {
    throw new UnprovenTokenError("The token needs an algorithm of RS256 or EdDSA and a key id in its header, and the agency's id as issuer.", error);
  }
}

/**
 * Verifies a token with the keys of the agency that it names as its issuer, and no others: with the registered key whose id is the token's key id, or
 * with the key of that id in one of the agency's sets. The algorithm is the key's, whatever the token says.
 * @throws RequestError PROVISIONING_TOKEN_REFUSED, or UNAVAILABLE when a key set cannot be fetched
 */
export async function verifyToken(token: string, head: TokenHead, keys: readonly SigningKeyRecord[], { jwks, now }: { readonly jwks: JwksCache; readonly now: Date }): Promise<VerifiedToken> {
  for (const key of keys) {
    const material = await materialOf(key, head, jwks);
    if (material === undefined) continue;
    const payload = await check(token, material, key.algorithm, head.agencyId, now);
    if (payload !== undefined) return toVerified(key.id, payload);
  }
  throw new UnprovenTokenError();
}

async function materialOf(key: SigningKeyRecord, { kid, algorithm }: TokenHead, jwks: JwksCache): Promise<CryptoKey | JWTVerifyGetKey | undefined> {
  if (key.algorithm !== algorithm) return undefined;
  if (key.publicKey !== null) return key.id === kid ? importSPKI(key.publicKey, key.algorithm) : undefined;
  if (key.jwksUrl === null) return undefined;
  return jwks.find(key.jwksUrl, kid).catch((error: unknown) => {
    throw new RequestError("UNAVAILABLE", { detail: "The key set of the issuer cannot be read right now.", retryAfterSeconds: RETRY_AFTER_SECONDS, cause: error });
  });
}

/** The claims; undefined when the key has not signed it. @throws RequestError PROVISIONING_TOKEN_REFUSED for a signed token that is not acceptable */
async function check(token: string, material: CryptoKey | JWTVerifyGetKey, algorithm: SigningAlgorithm, issuer: string, now: Date): Promise<JWTPayload | undefined> {
  const options = { algorithms: [algorithm], issuer, audience: TOKEN_AUDIENCE, currentDate: now, clockTolerance: CLOCK_TOLERANCE_SECONDS, maxTokenAge: LIFE_SECONDS_MAX, requiredClaims: ["iat", "exp", "jti"] };
  try {
    const { payload } = typeof material === "function" ? await jwtVerify(token, material, options) : await jwtVerify(token, material, options);
    return payload;
  } catch (error) {
    if (error instanceof errors.JWTExpired) throw refuseToken("The token has expired.", error);
    if (error instanceof errors.JWTClaimValidationFailed) throw refuseToken(`The claim ${error.claim} is missing or not as it must be.`, error);
    return undefined;
  }
}

function toVerified(keyId: string, payload: JWTPayload): VerifiedToken {
  const registered = registeredSchema.safeParse(payload);
  const claims = provisioningClaimsSchema.safeParse(payload);
  if (!registered.success) throw refuseToken("The claims iat, exp and jti are not as they must be.", registered.error);
  const { iat, exp, jti } = registered.data;
  if (exp - iat > LIFE_SECONDS_MAX || exp <= iat) throw refuseToken(`The token may live ${LIFE_SECONDS_MAX} seconds at most, from iat to exp.`);
  if (!claims.success) {
    const [issue] = claims.error.issues;
    throw refuseToken(`The claim ${issue?.path.join(".") ?? ""} is not as it must be: ${issue?.message ?? ""}.`, claims.error);
  }
  return {
    keyId,
    claims: claims.data,
    idHash: Buffer.from(createHash("sha256").update(jti, "utf8").digest()),
    expiresAt: new Date((exp + CLOCK_TOLERANCE_SECONDS + 1) * 1_000),
  };
}
