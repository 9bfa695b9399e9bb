import { randomBytes } from "node:crypto";
import { AGENCY_SCOPES, OPERATOR_SCOPES, type Scope } from "@fluxo/contracts/http/scopes";
import { uuidV7 } from "@fluxo/prisma/ids";
import { createAgency, createOperatorKey } from "@fluxo/prisma/repositories/agencies";
import type pg from "pg";
import { mintApiKey } from "../../keys/api-key.ts";
import { createClient, type Client } from "./client.ts";

/** The plans that the migrations bring. */
export const PLANS = {
  FREE: "00000000-0000-7000-8000-000000000001",
  STARTER: "00000000-0000-7000-8000-000000000002",
  PRO: "00000000-0000-7000-8000-000000000003",
} as const;

/** An agency with its admin key, as `bootstrap` makes it. */
export interface TestAgency {
  readonly id: string;
  readonly keyId: string;
  readonly key: string;
  readonly client: Client;
}

/** A key of the operator, as `bootstrap` makes it. */
export interface TestOperator {
  readonly keyId: string;
  readonly key: string;
  readonly client: Client;
}

/** A tenant with a key that carries everything that a tenant's key can. */
export interface TestTenant {
  readonly id: string;
  readonly keyId: string;
  readonly key: string;
  readonly client: Client;
}

/** Makes callers of the admin API at `url`. @param system fluxo_system */
export function createCallers(url: string, system: pg.Pool) {
  const createTestAgency = async (name: string, scopes: readonly Scope[] = AGENCY_SCOPES): Promise<TestAgency> => {
    const key = mintApiKey(uuidV7, randomBytes);
    const id = uuidV7.next();
    await createAgency(system, { agencyId: id, name, key: { id: key.id, name: "Admin", prefix: key.prefix, secretHash: key.secretHash, scopes } });
    return { id, keyId: key.id, key: key.text, client: createClient(url, key.text) };
  };
  const createTestOperator = async (scopes: readonly Scope[] = OPERATOR_SCOPES): Promise<TestOperator> => {
    const key = mintApiKey(uuidV7, randomBytes);
    await createOperatorKey(system, { id: key.id, name: "Operator", prefix: key.prefix, secretHash: key.secretHash, scopes });
    return { keyId: key.id, key: key.text, client: createClient(url, key.text) };
  };
  const createTestTenant = async (agency: TestAgency, name: string, planId: string = PLANS.PRO): Promise<TestTenant> => {
    const tenant = await agency.client.post("/v1/tenants", { name, planId });
    const id = tenant.text("id");
    const key = await agency.client.post(`/v1/tenants/${id}/api-keys`, { name: "All" });
    return { id, keyId: key.text("id"), key: key.text("key"), client: createClient(url, key.text("key")) };
  };
  return { createTestAgency, createTestOperator, createTestTenant };
}
