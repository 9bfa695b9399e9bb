import { randomBytes } from "node:crypto";
import { ROLE_SCOPES } from "@fluxo/contracts/http/roles";
import { signIn } from "@fluxo/prisma/access/sessions";
import { uuidV7 } from "@fluxo/prisma/ids";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { Browser } from "../testing/browser.ts";
import { createClient } from "../testing/client.ts";
import { PLANS, startHarness, type Harness, type TestAgency, type TestTenant } from "../testing/harness.ts";
import { startIdentityProvider, type RunningProvider } from "../testing/identity-provider.ts";

let provider: RunningProvider;
let api: Harness;
let agency: TestAgency;
let tenant: TestTenant;
let browser: Browser;
let count = 0;

beforeAll(async () => {
  provider = await startIdentityProvider();
  api = await startHarness({ provider, sessionIdleMs: 3_600_000 });
  provider.redirectUris.add(`${api.url}/auth/callback`);
  agency = await api.createTestAgency("Northwind");
  tenant = await api.createTestTenant(agency, "Bakery");
});
beforeEach(() => {
  browser = new Browser();
});
afterAll(async () => {
  await api.stop();
  await provider.stop();
});

/** Somebody whom the provider knows. */
function person(isVerified = true): { login: string; email: string } {
  count += 1;
  const [login, email] = [`person-${count}`, `person-${count}@northwind.example`];
  provider.people.set(login, { email, email_verified: isVerified, name: `Person ${count}` });
  return { login, email };
}
const invite = (email: string, role: string, tenantIds: readonly string[] | null = null) => agency.client.post("/v1/agency/members", { email: email.toUpperCase(), role, tenantIds });
const problem = (text: string): { code: string } => JSON.parse(text) as { code: string };
const me = (of: Browser) => of.client(api.url).get("/v1/me");

test("an invited person signs in, and is what the invitation says", async () => {
  const { login, email } = person();
  const invited = await invite(email, "builder");
  expect(invited.body).toMatchObject({ email, role: "builder", status: "INVITED", name: null, tenantIds: null });
  const answer = await browser.signIn(api.url, login, "?returnTo=/v1/tenants");
  expect([answer.status, answer.headers.get("location")]).toEqual([302, "/v1/tenants"]);
  const session = answer.headers.getSetCookie().find((line) => line.startsWith("fluxo_session="));
  expect(session).toMatch(/; Path=\/; HttpOnly; SameSite=Lax; Max-Age=43200$/);
  expect(answer.headers.getSetCookie().some((line) => line.startsWith("fluxo_sign_in=;") && line.includes("Max-Age=0"))).toBe(true);
  const mine = await me(browser);
  expect(mine.body).toMatchObject({
    actor: { kind: "member", id: invited.at("id") },
    agency: { id: agency.id, name: "Northwind" },
    tenant: null,
    member: { email, name: `Person ${count}`, role: "builder", memberships: [{ agency: { id: agency.id, name: "Northwind" }, role: "builder", isCurrent: true }] },
  });
  expect(new Set(mine.at("scopes") as string[])).toEqual(new Set(ROLE_SCOPES.builder));
  expect((await browser.client(api.url).forTenant(tenant.id).get("/v1/workflows")).status).toBe(200);
  expect((await browser.client(api.url).get("/v1/agency/api-keys")).at("code")).toBe("SCOPE_MISSING");
  expect((await agency.client.get(`/v1/agency/members/${invited.text("id")}`)).body).toMatchObject({ status: "ACTIVE", name: `Person ${count}` });
  expect((await invite(email, "viewer")).at("code")).toBe("NAME_TAKEN");
  const token = session?.split("=")[1]?.split(";")[0] ?? "";
  expect(token).toHaveLength(43);
  expect(api.logLines.join("\n")).not.toContain(token);
  const { rows } = await api.system.query<{ hit: number }>("SELECT count(*)::int AS hit FROM sessions s WHERE s::text LIKE '%' || $1 || '%'", [token]);
  expect(rows[0]?.hit).toBe(0);
});

test("nobody else gets in: not invited, or with an address that the provider has not verified", async () => {
  const stranger = await browser.signIn(api.url, person().login);
  expect([stranger.status, problem(stranger.text).code]).toEqual([403, "NOT_A_MEMBER"]);
  const { login, email } = person(false);
  await invite(email, "agencyAdmin");
  const unverified = await new Browser().signIn(api.url, login);
  expect([unverified.status, problem(unverified.text).code]).toEqual([403, "NOT_A_MEMBER"]);
  expect(browser.cookies.get(api.url)?.has("fluxo_session")).toBe(false);
});

test("an invitation is used up by the first person; another account with that address later is nobody", async () => {
  const { login, email } = person();
  await invite(email, "viewer");
  await browser.signIn(api.url, login);
  provider.people.set("impostor", { email, email_verified: true, name: "Impostor" });
  expect(problem((await new Browser().signIn(api.url, "impostor")).text).code).toBe("NOT_A_MEMBER");
  // And the person stays who it is when its address changes.
  provider.people.set(login, { email: "renamed@northwind.example", email_verified: true, name: "Renamed" });
  expect((await new Browser().signIn(api.url, login)).status).toBe(302);
});

test("the answer of the provider is taken only from the browser that asked, once, and unaltered", async () => {
  const { login, email } = person();
  await invite(email, "viewer");
  const callback = await browser.signInAtProvider(api.url, login);
  const other = new Browser();
  expect(problem((await other.ask(callback)).text).code).toBe("SIGN_IN_FAILED");
  // A browser that has begun a sign-in of its own has another state, nonce and verifier.
  await other.ask(`${api.url}/auth/login`);
  expect(problem((await other.ask(callback)).text).code).toBe("SIGN_IN_FAILED");
  const ofOther = new URL(callback);
  ofOther.searchParams.set("state", "forged");
  expect(problem((await browser.ask(ofOther.href)).text).code).toBe("SIGN_IN_FAILED");
  const mixedUp = new URL(callback);
  mixedUp.searchParams.set("iss", "https://evil.example");
  expect(problem((await browser.ask(mixedUp.href)).text).code).toBe("SIGN_IN_FAILED");
  const kept = browser.cookies.get(api.url)?.get("fluxo_sign_in") ?? "";
  browser.cookies.get(api.url)?.set("fluxo_sign_in", `${kept.slice(0, -2)}AA`);
  expect(problem((await browser.ask(callback)).text).code).toBe("SIGN_IN_FAILED");
  browser.cookies.get(api.url)?.set("fluxo_sign_in", kept);
  expect((await browser.ask(callback)).status).toBe(302);
  browser.cookies.get(api.url)?.set("fluxo_sign_in", kept);
  expect(problem((await browser.ask(callback)).text).code).toBe("SIGN_IN_FAILED");
  const denied = new Browser();
  await denied.ask(`${api.url}/auth/login`);
  expect(problem((await denied.ask(`${api.url}/auth/callback?error=access_denied`)).text).code).toBe("SIGN_IN_FAILED");
});

test("signing in, being refused under a member's address, and signing out are in the audit log; no token is", async () => {
  const { login, email } = person();
  const memberId = (await invite(email, "viewer")).text("id");
  const entries = async (query: string): Promise<unknown[]> => (await agency.client.get(`/v1/audit-entries?limit=20&${query}`)).at("data") as unknown[];
  const sessionId = async (): Promise<string> => (await browser.client(api.url).get("/v1/me/sessions")).text("data", 0, "id");
  await browser.signIn(api.url, login);
  const [first, firstCookie] = [await sessionId(), browser.cookies.get(api.url)?.get("fluxo_session") ?? ""];
  await browser.signIn(api.url, login);
  const [second, secondCookie] = [await sessionId(), browser.cookies.get(api.url)?.get("fluxo_session") ?? ""];
  expect((await browser.client(api.url).post("/auth/logout", undefined, { "x-forwarded-for": "203.0.113.7" })).status).toBe(204);
  const actor = { kind: "member", id: memberId };
  const of = (id: string) => ({ actor, resource: { type: "session", id }, tenantId: null, requestId: expect.any(String) as unknown, before: null });
  expect(await entries(`actorId=${memberId}`)).toMatchObject([
    { ...of(second), action: "signOut", ip: "203.0.113.7", after: { isEnded: true } },
    { ...of(first), action: "finishSignIn", after: { isEnded: true } },
    { ...of(second), action: "finishSignIn", after: null },
    { ...of(first), action: "finishSignIn", after: null },
  ]);

  const impostor = `impostor-of-${login}`;
  provider.people.set(impostor, { email, email_verified: true, name: "Impostor" });
  expect(problem((await new Browser().signIn(api.url, impostor)).text).code).toBe("NOT_A_MEMBER");
  expect(await entries(`resourceId=${memberId}&action=finishSignIn`)).toMatchObject([{ actor: { kind: "person", id: impostor }, resource: { type: "member", id: memberId }, before: null, after: { refused: "NOT_A_MEMBER" } }]);
  // An address that the provider has not verified names nobody, and a stranger is no agency's.
  const before = await entries("action=finishSignIn");
  provider.people.set(`unverified-${login}`, { email, email_verified: false, name: "Unverified" });
  expect(problem((await new Browser().signIn(api.url, `unverified-${login}`)).text).code).toBe("NOT_A_MEMBER");
  expect(problem((await new Browser().signIn(api.url, person().login)).text).code).toBe("NOT_A_MEMBER");
  expect(await entries("action=finishSignIn")).toEqual(before);

  // A repeat ends nothing and leaves nothing; nor does an API key sign anybody out.
  expect((await createClient(api.url, undefined, { cookie: `fluxo_session=${secondCookie}`, "sec-fetch-site": "same-origin", "fluxo-csrf": "1" }).post("/auth/logout")).status).toBe(401);
  expect((await agency.client.post("/auth/logout")).at("code")).toBe("STATE_CONFLICT");
  expect(await entries("action=signOut&resourceId=" + second)).toHaveLength(1);
  expect(secondCookie).toHaveLength(43);
  const { rows } = await api.system.query<{ text: string }>("SELECT string_agg(e::text, ' ') AS text FROM audit_entries e");
  for (const token of [firstCookie, secondCookie]) expect(rows[0]?.text).not.toContain(token);
  expect((await agency.client.get("/v1/audit-entries/verification")).at("isIntact")).toBe(true);
});

test("comes back to paths of this page only", async () => {
  for (const returnTo of ["https://evil.example", "//evil.example", "/\\evil.example", "evil"]) {
    const refused = await browser.ask(`${api.url}/auth/login?returnTo=${encodeURIComponent(returnTo)}`);
    expect([refused.status, problem(refused.text).code]).toEqual([400, "VALIDATION_FAILED"]);
  }
});

test("changes with a session come from this origin and carry the header; keys need neither", async () => {
  const { login, email } = person();
  await invite(email, "agencyAdmin");
  await browser.signIn(api.url, login);
  const create = (headers: Record<string, string>) => browser.client(api.url, headers).post("/v1/agency/api-keys", { name: "K" });
  for (const headers of [
    {},
    { "fluxo-csrf": "1" },
    { origin: "https://evil.example", "fluxo-csrf": "1" },
    { origin: "https://evil.example", "sec-fetch-site": "cross-site", "fluxo-csrf": "1" },
    { origin: api.url, "sec-fetch-site": "same-site", "fluxo-csrf": "1" },
    { origin: "null", "fluxo-csrf": "1" },
    { origin: api.url, "sec-fetch-site": "same-origin" },
  ]) {
    expect([headers, (await create(headers)).at("code")]).toEqual([headers, "CSRF_REFUSED"]);
  }
  expect((await create({ origin: api.url, "fluxo-csrf": "1" })).status).toBe(201);
  expect((await create({ "sec-fetch-site": "same-origin", "fluxo-csrf": "1" })).status).toBe(201);
  expect((await browser.client(api.url, {}).get("/v1/me")).status).toBe(200);
  // A key wins over the cookie beside it.
  const both = await createClient(api.url, tenant.key, { cookie: browser.cookieHeader(api.url) }).get("/v1/me");
  expect(both.at("actor", "kind")).toBe("apiKey");
});

test("a session ends by itself, by its person, by an admin, by another sign-in, and with the member", async () => {
  const { login, email } = person();
  const memberId = (await invite(email, "builder")).text("id");
  const again = async (): Promise<Browser> => {
    const fresh = new Browser();
    await fresh.signIn(api.url, login);
    expect((await me(fresh)).status).toBe(200);
    return fresh;
  };
  const [first, second] = [await again(), await again()];
  const sessions = await first.client(api.url).get("/v1/me/sessions");
  expect((sessions.at("data") as { isCurrent: boolean }[]).map(({ isCurrent }) => isCurrent)).toEqual([false, true]);
  expect((await first.client(api.url).delete(`/v1/me/sessions/${sessions.text("data", 0, "id")}`)).status).toBe(204);
  expect([(await me(second)).status, (await me(first)).status]).toEqual([401, 200]);

  const old = first.cookieHeader(api.url);
  await first.signIn(api.url, login);
  expect((await createClient(api.url, undefined, { cookie: old }).get("/v1/me")).status).toBe(401);
  expect((await me(first)).status).toBe(200);

  const kept = first.cookieHeader(api.url);
  const out = await first.client(api.url).post("/auth/logout");
  expect([out.status, out.headers.getSetCookie()[0]]).toEqual([204, "fluxo_session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"]);
  expect((await createClient(api.url, undefined, { cookie: kept }).get("/v1/me")).status).toBe(401);

  const third = await again();
  expect((await agency.client.delete(`/v1/agency/members/${memberId}/sessions`)).status).toBe(204);
  expect((await me(third)).status).toBe(401);

  const idle = await again();
  // What is noted of its use is written before, and then not again for a minute.
  await api.access.flush();
  await api.system.query("UPDATE sessions SET last_seen_at = now() - interval '61 minutes' WHERE member_id = $1", [memberId]);
  await expect.poll(async () => (await me(idle)).status).toBe(401);

  const fourth = await again();
  expect((await agency.client.delete(`/v1/agency/members/${memberId}`)).status).toBe(204);
  expect((await me(fourth)).status).toBe(401);
  expect(problem((await new Browser().signIn(api.url, login)).text).code).toBe("NOT_A_MEMBER");
});

test("a member that is bound to tenants reaches these and nothing of the agency, also after its last one is taken away", async () => {
  const { login, email } = person();
  const other = await api.createTestTenant(agency, "Florist");
  const memberId = (await invite(email, "agencyAdmin", [tenant.id])).text("id");
  await browser.signIn(api.url, login);
  const client = browser.client(api.url);
  expect((await client.get("/v1/me")).body).toMatchObject({ tenant: { id: tenant.id }, tenantIds: [tenant.id] });
  expect((await client.get("/v1/workflows")).status).toBe(200);
  expect((await client.forTenant(other.id).get("/v1/workflows")).status).toBe(404);
  for (const path of ["/v1/tenants", "/v1/agency", "/v1/agency/members", "/v1/agency/api-keys"]) expect([path, (await client.get(path)).at("code")]).toEqual([path, "SCOPE_MISSING"]);
  expect((await agency.client.patch(`/v1/agency/members/${memberId}`, { tenantIds: [tenant.id, other.id] })).status).toBe(200);
  expect((await client.get("/v1/workflows")).at("code")).toBe("TENANT_REQUIRED");
  expect((await client.forTenant(other.id).get("/v1/workflows")).status).toBe(200);
  const foreign = await api.createTestTenant(await api.createTestAgency("Stranger"), "T");
  const refused = await agency.client.patch(`/v1/agency/members/${memberId}`, { tenantIds: [tenant.id, foreign.id] });
  expect([refused.status, refused.at("issues", 0, "path")]).toEqual([400, "/body/tenantIds/1"]);
  // As when its tenants are erased.
  await api.tenantDb.withAgency(agency.id, (db) => db.memberTenant.deleteMany({ where: { memberId } }));
  await expect.poll(async () => (await client.forTenant(other.id).get("/v1/workflows")).status).toBe(404);
  expect((await client.get("/v1/tenants")).status).toBe(403);
});

test("members that are bound to a tenant take its plan's seats, those of the agency none; two at once do not share the last one", async () => {
  const small = await api.createTestTenant(agency, "Small", PLANS.FREE);
  const { rows } = await api.system.query<{ seats: number }>("SELECT seats_max AS seats FROM plans WHERE id = $1", [PLANS.FREE]);
  const seats = rows[0]?.seats ?? 0;
  expect(seats).toBeGreaterThan(0);
  expect((await invite(person().email, "viewer")).status).toBe(201);
  const answers = await Promise.all(Array.from({ length: seats + 2 }, () => invite(person().email, "viewer", [small.id])));
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(seats);
  const refused = answers.filter(({ status }) => status === 409);
  expect(refused.map((answer) => [answer.at("code"), answer.at("issues", 0, "path")])).toEqual([["SEATS_EXCEEDED", "/body/tenantIds/0"], ["SEATS_EXCEEDED", "/body/tenantIds/0"]]);
  const seated = answers.find(({ status }) => status === 201)?.text("id") ?? "";
  expect((await agency.client.patch(`/v1/agency/members/${seated}`, { tenantIds: [small.id, tenant.id] })).status).toBe(200);
  const free = (await invite(person().email, "viewer")).text("id");
  expect((await agency.client.patch(`/v1/agency/members/${free}`, { tenantIds: [small.id] })).at("code")).toBe("SEATS_EXCEEDED");
  await agency.client.delete(`/v1/agency/members/${seated}`);
  expect((await agency.client.patch(`/v1/agency/members/${free}`, { tenantIds: [small.id] })).status).toBe(200);
});

test("nobody gives, takes or changes a role above its own, nor its own", async () => {
  const limited = await agency.client.post("/v1/agency/api-keys", { name: "HR", scopes: ["members:read", "members:write", "tenants:read", "workflows:read", "executions:read"] });
  const hr = createClient(api.url, limited.text("key"));
  expect((await hr.post("/v1/agency/members", { email: "reviewer@x.example", role: "reviewer" })).status).toBe(201);
  expect((await hr.post("/v1/agency/members", { email: "boss@x.example", role: "agencyAdmin" })).at("code")).toBe("SCOPE_MISSING");
  const { login, email } = person();
  const adminId = (await invite(email, "agencyAdmin")).text("id");
  expect((await hr.patch(`/v1/agency/members/${adminId}`, { role: "reviewer" })).at("code")).toBe("SCOPE_MISSING");
  expect((await hr.delete(`/v1/agency/members/${adminId}`)).at("code")).toBe("SCOPE_MISSING");
  await browser.signIn(api.url, login);
  const admin = browser.client(api.url);
  expect((await admin.patch(`/v1/agency/members/${adminId}`, { role: "viewer" })).at("code")).toBe("STATE_CONFLICT");
  expect((await admin.delete(`/v1/agency/members/${adminId}`)).at("code")).toBe("STATE_CONFLICT");
  const viewer = person();
  const viewerId = (await admin.post("/v1/agency/members", { email: viewer.email, role: "viewer" })).text("id");
  const theirs = new Browser();
  await theirs.signIn(api.url, viewer.login);
  expect((await theirs.client(api.url).post("/v1/agency/members", { email: "x@x.example", role: "viewer" })).at("code")).toBe("SCOPE_MISSING");
  // A change of role holds at once for the session that is open.
  await admin.patch(`/v1/agency/members/${viewerId}`, { role: "agencyAdmin" });
  expect((await theirs.client(api.url).get("/v1/agency/members")).status).toBe(200);
});

test("a person of the operator and of agencies acts as one of them at a time", async () => {
  const operator = await api.createTestOperator();
  const { login, email } = person();
  const other = await api.createTestAgency("Second");
  const ofOperator = await operator.client.post("/v1/operator/members", { email });
  await invite(email, "viewer");
  await other.client.post("/v1/agency/members", { email, role: "agencyAdmin" });
  await browser.signIn(api.url, login);
  const client = browser.client(api.url);
  const memberships = (await client.get("/v1/me")).at("member", "memberships") as { memberId: string; role: string; agency: { name: string } | null }[];
  expect(memberships.map(({ role, agency: of }) => [role, of?.name ?? null])).toEqual([["operator", null], ["viewer", "Northwind"], ["agencyAdmin", "Second"]]);
  const become = (memberId: string) => client.post("/v1/me/membership", { memberId });
  expect((await become(memberships[2]?.memberId ?? "")).status).toBe(204);
  expect([(await client.get("/v1/agency")).at("name"), (await client.get("/v1/agencies")).status]).toEqual(["Second", 403]);
  expect((await become(ofOperator.text("id"))).status).toBe(204);
  expect([(await client.get("/v1/agency")).status, (await client.get("/v1/agencies")).status]).toEqual([403, 200]);
  const foreign = await invite(person().email, "viewer");
  expect((await become(foreign.text("id"))).at("code")).toBe("NOT_FOUND");
  expect((await tenant.client.post("/v1/me/membership", { memberId: foreign.text("id") })).at("code")).toBe("STATE_CONFLICT");
  expect((await operator.client.delete(`/v1/operator/members/${foreign.text("id")}`)).at("code")).toBe("NOT_FOUND");
  await operator.client.post(`/v1/agencies/${other.id}/suspend`);
  expect((await become(memberships[2]?.memberId ?? "")).status).toBe(204);
  expect((await client.get("/v1/me")).at("code")).toBe("AGENCY_SUSPENDED");
});

test("a person is one subject of one provider: no other provider's subject and no other person's membership opens a door", async () => {
  const [one, other] = [person(), person()];
  const [own, foreign] = [await invite(one.email, "viewer"), await invite(other.email, "agencyAdmin")];
  await browser.signIn(api.url, one.login);
  await new Browser().signIn(api.url, other.login);
  expect((await browser.client(api.url).post("/v1/me/membership", { memberId: foreign.text("id") })).at("code")).toBe("NOT_FOUND");
  expect((await me(browser)).at("member", "role")).toBe("viewer");
  const { rows } = await api.owner.query<{ issuer: string; subject: string }>("SELECT issuer, subject FROM members WHERE id = $1", [own.text("id")]);
  const now = new Date();
  const session = { email: null, name: null, now, expiresAt: new Date(now.getTime() + 60_000), ip: null, userAgent: null, requestId: "r" };
  const come = (issuer: string) => signIn(api.pool, { ...session, issuer, subject: rows[0]?.subject ?? "", sessionId: uuidV7.next(), tokenHash: randomBytes(32) });
  expect(await come("https://elsewhere.example")).toEqual({ kind: "stranger" });
  expect(await come(rows[0]?.issuer ?? "")).toEqual({ kind: "opened", memberId: own.at("id"), agencyId: agency.id });
});

test("a person that was invited by two addresses is a member once", async () => {
  const { login, email } = person();
  const first = await invite(email, "viewer");
  const second = await invite(`second-${email}`, "agencyAdmin");
  await browser.signIn(api.url, login);
  provider.people.set(login, { email: `second-${email}`, email_verified: true, name: "Two addresses" });
  expect((await browser.signIn(api.url, login)).status).toBe(302);
  expect((await me(browser)).body).toMatchObject({ actor: { id: first.at("id") }, member: { role: "viewer", memberships: [{ role: "viewer" }] } });
  expect((await agency.client.get(`/v1/agency/members/${second.text("id")}`)).at("status")).toBe("INVITED");
});

test("a person signs in as what it was last, but not in a suspended agency while there is another one", async () => {
  const operator = await api.createTestOperator();
  const { login, email } = person();
  const other = await api.createTestAgency("Other");
  await invite(email, "viewer");
  const ofOther = await other.client.post("/v1/agency/members", { email, role: "agencyAdmin" });
  const agencyOf = async (): Promise<unknown> => {
    const next = new Browser();
    await next.signIn(api.url, login);
    return (await me(next)).at("agency", "name");
  };
  await browser.signIn(api.url, login);
  expect((await browser.client(api.url).post("/v1/me/membership", { memberId: ofOther.text("id") })).status).toBe(204);
  expect(await agencyOf()).toBe("Other");
  await operator.client.post(`/v1/agencies/${other.id}/suspend`);
  expect(await agencyOf()).toBe("Northwind");
});

test("without a provider people cannot sign in; one that is away is named, and tried again", async () => {
  const bare = await startHarness();
  expect(problem((await browser.ask(`${bare.url}/auth/login`)).text).code).toBe("NOT_FOUND");
  expect(problem((await browser.ask(`${bare.url}/auth/callback?code=x`)).text).code).toBe("NOT_FOUND");
  await bare.stop();
  const gone = await startIdentityProvider();
  await gone.stop();
  const alone = await startHarness({ provider: gone });
  const away = await browser.ask(`${alone.url}/auth/login`);
  expect([away.status, problem(away.text).code, away.headers.get("retry-after")]).toEqual([503, "UNAVAILABLE", "5"]);
  await alone.stop();
});
