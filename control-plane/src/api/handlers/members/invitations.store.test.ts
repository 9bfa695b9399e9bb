import { afterAll, beforeAll, expect, test } from "vitest";
import { Browser } from "../../testing/browser.ts";
import { PLANS, startHarness, type Harness, type TestAgency } from "../../testing/harness.ts";
import { startIdentityProvider, type RunningProvider } from "../../testing/identity-provider.ts";

const DAY_MS = 86_400_000;

let provider: RunningProvider;
let api: Harness;
let agency: TestAgency;
let count = 0;

beforeAll(async () => {
  provider = await startIdentityProvider();
  api = await startHarness({ provider });
  provider.redirectUris.add(`${api.url}/auth/callback`);
  agency = await api.createTestAgency("Northwind");
});
afterAll(async () => {
  await api.stop();
  await provider.stop();
});

function person(): { login: string; email: string } {
  count += 1;
  const [login, email] = [`guest-${count}`, `guest-${count}@northwind.example`];
  provider.people.set(login, { email, email_verified: true, name: `Guest ${count}` });
  return { login, email };
}

const invite = (body: Record<string, unknown>) => agency.client.post("/v1/agency/members", { role: "viewer", ...body });
const expire = (memberId: string) => api.owner.query("UPDATE members SET invitation_expires_at = date_trunc('milliseconds', clock_timestamp()) WHERE id = $1", [memberId]);
const signIn = async (login: string): Promise<{ status: number; code: unknown }> => {
  const answer = await new Browser().signIn(api.url, login);
  return { status: answer.status, code: answer.status === 302 ? undefined : (JSON.parse(answer.text) as { code: string }).code };
};
const daysUntil = (instant: string): number => (Date.parse(instant) - Date.now()) / DAY_MS;

test("an invitation says what to hand to the person, ends after 14 days unless told otherwise, and is no more once it was taken up", async () => {
  const { login, email } = person();
  const invited = await invite({ email });
  expect(invited.body).toMatchObject({ status: "INVITED", origin: "INVITATION", externalUserId: null, invitation: { signInUrl: `${api.url}/auth/login` } });
  expect(daysUntil(invited.text("invitation", "expiresAt"))).toBeCloseTo(14, 2);
  expect(daysUntil((await invite({ email: person().email, expiresInDays: 3 })).text("invitation", "expiresAt"))).toBeCloseTo(3, 2);
  for (const expiresInDays of [0, 91, 1.5]) expect((await invite({ email: person().email, expiresInDays })).status).toBe(400);
  expect((await signIn(login)).status).toBe(302);
  const path = `/v1/agency/members/${invited.text("id")}`;
  expect((await agency.client.get(path)).body).toMatchObject({ status: "ACTIVE", invitation: null });
  expect((await agency.client.post(`${path}/invitation`)).at("code")).toBe("STATE_CONFLICT");
  // What was taken up does not expire.
  await expire(invited.text("id"));
  expect((await signIn(login)).status).toBe(302);
});

test("one that expired is refused and told, in the log too; renewed, it is taken up", async () => {
  const { login, email } = person();
  const memberId = (await invite({ email })).text("id");
  const path = `/v1/agency/members/${memberId}`;
  await expire(memberId);
  expect((await agency.client.get(path)).at("status")).toBe("EXPIRED");
  expect(((await agency.client.get("/v1/agency/members")).at("data") as { id: string; status: string }[]).find(({ id }) => id === memberId)?.status).toBe("EXPIRED");
  expect(await signIn(login)).toEqual({ status: 403, code: "INVITATION_EXPIRED" });
  expect((await agency.client.get(`/v1/audit-entries?resourceId=${memberId}&action=finishSignIn`)).at("data")).toMatchObject([{ actor: { kind: "person" }, resource: { type: "member", id: memberId }, after: { refused: "INVITATION_EXPIRED" } }]);
  expect((await invite({ email })).at("code")).toBe("NAME_TAKEN");
  const renewed = await agency.client.post(`${path}/invitation`, { expiresInDays: 2 });
  expect([renewed.at("status"), Math.round(daysUntil(renewed.text("invitation", "expiresAt")))]).toEqual(["INVITED", 2]);
  expect((await signIn(login)).status).toBe(302);
  expect((await agency.client.get(path)).at("status")).toBe("ACTIVE");
  // An account that is somebody else's is no matter of time.
  provider.people.set("late-impostor", { email, email_verified: true, name: "Impostor" });
  await expire(memberId);
  expect(await signIn("late-impostor")).toEqual({ status: 403, code: "NOT_A_MEMBER" });
});

test("an expired invitation of one agency does not keep a member of another one out", async () => {
  const { login, email } = person();
  await expire((await invite({ email })).text("id"));
  const other = await api.createTestAgency("Contoso");
  await other.client.post("/v1/agency/members", { email, role: "viewer" });
  expect((await signIn(login)).status).toBe(302);
});

test("an invitation holds its seat until it expires; renewing takes one again, if there is one", async () => {
  const tenant = await api.createTestTenant(agency, "Small", PLANS.FREE);
  const { rows } = await api.system.query<{ seats: number }>("SELECT seats_max AS seats FROM plans WHERE id = $1", [PLANS.FREE]);
  const seats = rows[0]?.seats ?? 0;
  const seated = await Promise.all(Array.from({ length: seats }, () => invite({ email: person().email, tenantIds: [tenant.id] })));
  const firstId = seated[0]?.text("id") ?? "";
  expect((await invite({ email: person().email, tenantIds: [tenant.id] })).at("code")).toBe("SEATS_EXCEEDED");
  expect((await agency.client.post(`/v1/agency/members/${firstId}/invitation`)).status).toBe(200);
  await expire(firstId);
  const next = await invite({ email: person().email, tenantIds: [tenant.id] });
  expect(next.status).toBe(201);
  expect((await agency.client.post(`/v1/agency/members/${firstId}/invitation`)).at("code")).toBe("SEATS_EXCEEDED");
  const effects = await agency.client.post(`/v1/tenants/${tenant.id}/plan-preview`, { planId: PLANS.FREE });
  expect(JSON.stringify(effects.body)).not.toContain("SEATS_EXCEEDED");
  expect((await agency.client.delete(`/v1/agency/members/${next.text("id")}`)).status).toBe(204);
  expect((await agency.client.post(`/v1/agency/members/${firstId}/invitation`)).status).toBe(200);
});

test("invitations of the operator expire too; nobody renews those of others, nor for a role above its own", async () => {
  const operator = await api.createTestOperator();
  const { login, email } = person();
  const invited = await operator.client.post("/v1/operator/members", { email });
  const path = `/v1/operator/members/${invited.text("id")}/invitation`;
  await expire(invited.text("id"));
  expect(await signIn(login)).toEqual({ status: 403, code: "INVITATION_EXPIRED" });
  expect((await agency.client.post(path)).at("code")).toBe("SCOPE_MISSING");
  expect((await agency.client.post(`/v1/agency/members/${invited.text("id")}/invitation`)).status).toBe(404);
  expect((await operator.client.post(path)).at("status")).toBe("INVITED");
  expect((await signIn(login)).status).toBe(302);
});
