import { createHash, randomBytes } from "node:crypto";
import type { AgencyRole } from "@fluxo/contracts/http/roles";
import { signIn } from "@fluxo/prisma/access/sessions";
import { uuidV7 } from "@fluxo/prisma/ids";
import type { TestAgency, TestOperator } from "./callers.ts";
import type { Harness } from "./harness.ts";

const SESSION_MS = 3_600_000;

/** Who invites a person, as what: `tenantIds` bind to some tenants of the agency, null to all. */
export type Invitation =
  | { readonly operator: TestOperator }
  | { readonly agency: TestAgency; readonly role: AgencyRole; readonly tenantIds: readonly string[] | null };

/** Invites a person who then signs in, as far as it takes no provider. @returns what a page of theirs sends with every request */
export async function signInAs(api: Harness, invitation: Invitation, email: string): Promise<Readonly<Record<string, string>>> {
  const invited = "operator" in invitation
    ? await invitation.operator.client.post("/v1/operator/members", { email })
    : await invitation.agency.client.post("/v1/agency/members", { email, role: invitation.role, tenantIds: invitation.tenantIds });
  if (invited.status !== 201) throw new Error(`${email} was not invited: ${invited.status} ${JSON.stringify(invited.body)}`);
  const token = randomBytes(32).toString("base64url");
  const now = new Date();
  const person = { issuer: "https://login.example", subject: email, email, name: null, ip: null, userAgent: null, requestId: "test" };
  await signIn(api.pool, { ...person, sessionId: uuidV7.next(), tokenHash: createHash("sha256").update(token).digest(), now, expiresAt: new Date(now.getTime() + SESSION_MS) });
  return { cookie: `fluxo_session=${token}`, origin: api.url, "fluxo-csrf": "1" };
}
