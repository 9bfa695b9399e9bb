import { uuidV7 } from "@fluxo/prisma/ids";
import { exportSPKI, generateKeyPair, SignJWT } from "jose";
import type { TestAgency } from "./callers.ts";
import { createClient, type ClientAnswer } from "./client.ts";

/** The member claim of a token. */
export interface TokenMember {
  readonly externalUserId: string;
  readonly email?: string;
  readonly role: string;
}

/** What an agency's own systems sign provisioning tokens with. */
export interface TestSigner {
  readonly keyId: string;
  sign(claims?: Readonly<Record<string, unknown>>): Promise<string>;
  /** Exchanges a token for a tenant and a person. @param from the caller's address */
  exchange(externalTenantId: string, member?: TokenMember, from?: string): Promise<ClientAnswer>;
}

/** Registers a signing key of an agency. @param url of the API */
export async function createTestSigner(url: string, agency: TestAgency, planCode = "STARTER"): Promise<TestSigner> {
  const { publicKey, privateKey } = await generateKeyPair("EdDSA");
  const created = await agency.client.post("/v1/agency/signing-keys", { name: "CRM", algorithm: "EdDSA", publicKey: await exportSPKI(publicKey) });
  const keyId = created.text("id");
  const sign = (claims: Readonly<Record<string, unknown>> = {}): Promise<string> => {
    const now = Math.floor(Date.now() / 1_000);
    const all = { iss: agency.id, aud: "fluxo:provisioning", iat: now, exp: now + 120, jti: uuidV7.next(), externalTenantId: "crm-1", tenantName: "Blue Bakery", planCode, ...claims };
    return new SignJWT(all).setProtectedHeader({ alg: "EdDSA", kid: keyId }).sign(privateKey);
  };
  const exchange = async (externalTenantId: string, member?: TokenMember, from?: string): Promise<ClientAnswer> => {
    const token = await sign({ externalTenantId, tenantName: `Tenant ${externalTenantId}`, ...(member === undefined ? {} : { member }) });
    return createClient(url).post("/v1/provisioning/token-exchange", { token }, from === undefined ? {} : { "x-forwarded-for": from });
  };
  return { keyId, sign, exchange };
}
