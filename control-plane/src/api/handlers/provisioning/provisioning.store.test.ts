import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { uuidV7 } from "@fluxo/prisma/ids";
import { TEST_CERTIFICATE, TEST_CERTIFICATE_KEY } from "@fluxo/test/support/tls-fixture";
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, type JWTPayload } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createClient, type ClientAnswer } from "../../testing/client.ts";
import { PLANS, startHarness, type Harness, type TestAgency } from "../../testing/harness.ts";

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;

let api: Harness;
let agency: TestAgency;
let other: TestAgency;
let pair: Pair;
let kid: string;
let sets: Server;
let setPort: number;
let served: { status: number; body: string } = { status: 200, body: "{}" };
let fetches = 0;

beforeAll(async () => {
  sets = createServer({ cert: TEST_CERTIFICATE, key: TEST_CERTIFICATE_KEY }, (_request, response) => {
    fetches += 1;
    response.writeHead(served.status, { "content-type": "application/jwk-set+json" }).end(served.body);
  });
  await new Promise<void>((resolve) => void sets.listen(0, "127.0.0.1", resolve));
  setPort = (sets.address() as AddressInfo).port;
  api = await startHarness({ allowedPrivateHosts: [`127.0.0.1:${setPort}`], ca: TEST_CERTIFICATE });
  agency = await api.createTestAgency("Northwind");
  other = await api.createTestAgency("Contoso");
  pair = await generateKeyPair("EdDSA");
  kid = await register(agency, pair, "EdDSA");
});
afterAll(async () => {
  await api.stop();
  sets.close();
});

async function register(of: TestAgency, { publicKey }: Pair, algorithm: string): Promise<string> {
  const created = await of.client.post("/v1/agency/signing-keys", { name: "CRM", algorithm, publicKey: await exportSPKI(publicKey) });
  expect(created.status).toBe(201);
  return created.text("id");
}

interface Signing {
  readonly key?: Pair["privateKey"] | Uint8Array;
  readonly header?: Record<string, unknown>;
  /** Claims over the usual ones; undefined removes one. */
  readonly claims?: Record<string, unknown>;
}

function sign({ key = pair.privateKey, header = {}, claims = {} }: Signing = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1_000);
  const all: Record<string, unknown> = { iss: agency.id, aud: "fluxo:provisioning", iat: now, exp: now + 120, jti: uuidV7.next(), externalTenantId: "crm-1", tenantName: "Blue Bakery", planCode: "STARTER", ...claims };
  const payload = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as JWTPayload;
  return new SignJWT(payload).setProtectedHeader({ alg: "EdDSA", kid, ...header }).sign(key);
}

const exchange = (token: string): Promise<ClientAnswer> => createClient(api.url).post("/v1/provisioning/token-exchange", { token });

async function expectRefused(signing: Signing, detail: RegExp): Promise<void> {
  const answer = await exchange(await sign(signing));
  expect([answer.status, answer.at("code"), answer.at("detail")]).toEqual([401, "PROVISIONING_TOKEN_REFUSED", expect.stringMatching(detail)]);
}

const UNPROVEN = /^No active signing key of the issuer has signed this token\.$/;

test("a token makes its tenant and gives access to it; the next one finds the tenant and leaves it as it is", async () => {
  const first = await exchange(await sign({ claims: { timeZone: "Europe/Berlin" } }));
  expect(first.body).toMatchObject({ isNew: true, tenant: { name: "Blue Bakery", externalId: "crm-1", planId: PLANS.STARTER, timeZone: "Europe/Berlin", status: "ACTIVE" } });
  expect(first.status).toBe(201);
  const client = createClient(api.url, first.text("apiKey", "key"));
  expect((await client.get("/v1/me")).at("tenant", "id")).toBe(first.text("tenant", "id"));
  expect((await client.post("/v1/workflows", { name: "First" })).status).toBe(201);
  expect(Date.parse(first.text("apiKey", "expiresAt")) - Date.now()).toBeLessThanOrEqual(3_600_000);
  const again = await exchange(await sign({ claims: { tenantName: "Other name", planCode: "PRO" } }));
  expect([again.status, again.at("isNew"), again.at("tenant", "id"), again.at("tenant", "name"), again.at("tenant", "planId")]).toEqual([200, false, first.text("tenant", "id"), "Blue Bakery", PLANS.STARTER]);
  expect((await agency.client.get("/v1/agency/signing-keys")).at("data", 0, "lastUsedAt")).not.toBeNull();
});

test("tokens for the same new tenant at the same time make one", async () => {
  const tokens = await Promise.all(Array.from({ length: 6 }, () => sign({ claims: { externalTenantId: "crm-rush", tenantName: "Rush" } })));
  const answers = await Promise.all(tokens.map(exchange));
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(5);
  expect(new Set(answers.map((answer) => answer.text("tenant", "id"))).size).toBe(1);
});

test("a role gives what it may and no more", async () => {
  const as = async (role: string): Promise<ClientAnswer> => exchange(await sign({ claims: { member: { externalUserId: "user-7", email: "ada@example.com", role } } }));
  const viewer = await as("viewer");
  const looks = createClient(api.url, viewer.text("apiKey", "key"));
  expect((await looks.get("/v1/workflows")).status).toBe(200);
  expect((await looks.post("/v1/workflows", { name: "No" })).at("code")).toBe("SCOPE_MISSING");
  expect((await as("reviewer")).at("apiKey", "scopes")).not.toContain("credentials:read");
  expect((await as("builder")).at("apiKey", "scopes")).toContain("workflows:write");
  expect((await as("agencyAdmin")).at("code")).toBe("PROVISIONING_TOKEN_REFUSED");
});

test("a token is taken once, also when it is sent at the same time", async () => {
  const token = await sign({ claims: { externalTenantId: "crm-once", tenantName: "Once" } });
  const answers = await Promise.all(Array.from({ length: 5 }, () => exchange(token)));
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
  for (const refused of answers.filter(({ status }) => status !== 201)) expect([refused.status, refused.at("detail")]).toEqual([401, "The token was exchanged before."]);
  const { rows } = await api.owner.query<{ n: number }>("SELECT count(*)::int AS n FROM provisioning_tokens WHERE id_hash = sha256(convert_to($1, 'UTF8'))", [JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()).jti]);
  expect(rows[0]?.n).toBe(1);
});

test("a token lives five minutes at most, for this audience, with everything that it needs", async () => {
  const now = Math.floor(Date.now() / 1_000);
  await expectRefused({ claims: { exp: now - 60, iat: now - 120 } }, /expired/);
  await expectRefused({ claims: { exp: now + 400 } }, /300 seconds/);
  await expectRefused({ claims: { iat: now + 250, exp: now + 300 } }, /iat/);
  await expectRefused({ claims: { iat: now + 31_536_000, exp: now + 31_536_100 } }, /iat/);
  await expectRefused({ claims: { nbf: now + 200 } }, /nbf/);
  await expectRefused({ claims: { aud: "another" } }, /aud/);
  await expectRefused({ claims: { jti: undefined } }, /jti/);
  await expectRefused({ claims: { exp: undefined } }, /exp/);
  await expectRefused({ claims: { iat: undefined } }, /iat/);
  await expectRefused({ claims: { planCode: "NO_SUCH", externalTenantId: "crm-none" } }, /planCode/);
  await expectRefused({ claims: { timeZone: "Mars/Olympus", externalTenantId: "crm-none" } }, /timeZone/);
  await expectRefused({ claims: { externalTenantId: "" } }, /externalTenantId/);
  await expectRefused({ claims: { tenantName: "line\nbreak" } }, /tenantName/);
  expect((await agency.client.get("/v1/tenants/by-external-id/crm-none")).status).toBe(404);
});

test("the algorithm is the key's: none, HMAC with the public key, and another signature are refused", async () => {
  const none = [JSON.stringify({ alg: "none", kid }), JSON.stringify({ iss: agency.id, aud: "fluxo:provisioning" })].map((part) => Buffer.from(part).toString("base64url")).join(".");
  expect((await exchange(`${none}.`)).status).toBe(400);
  expect((await exchange(`${none}.AAAA`)).at("code")).toBe("PROVISIONING_TOKEN_REFUSED");
  const pem = new TextEncoder().encode(await exportSPKI(pair.publicKey));
  await expectRefused({ key: pem, header: { alg: "HS256" } }, /RS256 or EdDSA/);
  const rsa = await generateKeyPair("RS256");
  await expectRefused({ key: rsa.privateKey, header: { alg: "RS256" } }, UNPROVEN);
  const stranger = await generateKeyPair("EdDSA");
  await expectRefused({ key: stranger.privateKey }, UNPROVEN);
  await expectRefused({ header: { kid: uuidV7.next() } }, UNPROVEN);
  const [head, body, signature = ""] = (await sign()).split(".");
  const tampered = Buffer.from(JSON.stringify({ ...(JSON.parse(Buffer.from(body ?? "", "base64url").toString()) as object), planCode: "AGENCY" })).toString("base64url");
  expect((await exchange(`${head}.${tampered}.${signature}`)).at("detail")).toMatch(UNPROVEN);
});

test("a token of one agency never touches another", async () => {
  await expectRefused({ claims: { iss: other.id } }, UNPROVEN);
  await expectRefused({ claims: { iss: uuidV7.next() } }, UNPROVEN);
  const foreign = await api.createTestTenant(other, "Foreign");
  await other.client.patch(`/v1/tenants/${foreign.id}`, { externalId: "crm-foreign" });
  const mine = await exchange(await sign({ claims: { externalTenantId: "crm-foreign", tenantName: "Mine" } }));
  expect([mine.status, mine.text("tenant", "id") === foreign.id]).toEqual([201, false]);
  // The other agency registers the same public key: it proves tokens of its own only.
  const copied = await register(other, pair, "EdDSA");
  await expectRefused({ header: { kid: copied } }, UNPROVEN);
  expect((await other.client.delete(`/v1/agency/signing-keys/${kid}`)).status).toBe(404);
  expect((await other.client.get("/v1/agency/signing-keys")).at("data")).toHaveLength(1);
});

test("suspended and off-boarded tenants are refused, and a taken name", async () => {
  const known = await exchange(await sign({ claims: { externalTenantId: "crm-paused", tenantName: "Paused" } }));
  await agency.client.patch(`/v1/tenants/${known.text("tenant", "id")}`, { status: "SUSPENDED" });
  expect((await exchange(await sign({ claims: { externalTenantId: "crm-paused" } }))).at("code")).toBe("TENANT_SUSPENDED");
  await agency.client.post(`/v1/tenants/${known.text("tenant", "id")}/off-boarding`);
  expect((await exchange(await sign({ claims: { externalTenantId: "crm-paused" } }))).at("code")).toBe("TENANT_OFFBOARDING");
  const taken = await exchange(await sign({ claims: { externalTenantId: "crm-new-id", tenantName: "Paused" } }));
  expect([taken.status, taken.at("code")]).toEqual([409, "NAME_TAKEN"]);
});

test("a key set is fetched, kept, fetched anew for a new key, and never more often than allowed", async () => {
  const rsa = await generateKeyPair("RS256", { extractable: true });
  served = { status: 200, body: JSON.stringify({ keys: [{ ...(await exportJWK(rsa.publicKey)), kid: "crm-2026" }] }) };
  const url = `https://127.0.0.1:${setPort}/jwks.json`;
  expect((await agency.client.post("/v1/agency/signing-keys", { name: "Set", algorithm: "EdDSA", jwksUrl: url })).at("issues", 0, "code")).toBe("no_key");
  const created = await agency.client.post("/v1/agency/signing-keys", { name: "Set", algorithm: "RS256", jwksUrl: url });
  expect(created.status).toBe(201);
  fetches = 0;
  const signing = { key: rsa.privateKey, header: { alg: "RS256", kid: "crm-2026" } };
  expect((await exchange(await sign(signing))).status).toBe(200);
  expect((await exchange(await sign(signing))).status).toBe(200);
  expect(fetches).toBe(1);
  for (const unknown of ["a", "b", "c"]) await expectRefused({ ...signing, header: { alg: "RS256", kid: unknown } }, UNPROVEN);
  expect(fetches).toBe(1);
  // A public key of the set is no HMAC secret, and its other keys are not this one.
  await expectRefused({ header: { alg: "EdDSA", kid: "crm-2026" } }, UNPROVEN);
  expect((await agency.client.delete(`/v1/agency/signing-keys/${created.text("id")}`)).status).toBe(204);
  await expectRefused(signing, UNPROVEN);
});

test("keys are checked when they are registered", async () => {
  const refuse = async (body: object): Promise<unknown> => {
    const answer = await agency.client.post("/v1/agency/signing-keys", { name: "Bad", ...body });
    return [answer.status, answer.at("issues", 0, "path")];
  };
  const small = "-----BEGIN PUBLIC KEY-----\nMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAK0oKMNDRPyAD4VrOhyEo6hUqvzVPU1p\nlDTvIo1KPzmrPOXwZGNwFBLVgxs6q0hAyCGN3zDMZ4gJSJ2kBqQrd2sCAwEAAQ==\n-----END PUBLIC KEY-----\n";
  expect(await refuse({ algorithm: "RS256", publicKey: small })).toEqual([400, "/body/publicKey"]);
  expect(await refuse({ algorithm: "RS256", publicKey: await exportSPKI(pair.publicKey) })).toEqual([400, "/body/publicKey"]);
  expect(await refuse({ algorithm: "EdDSA", publicKey: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----" })).toEqual([400, "/body/publicKey"]);
  expect(await refuse({ algorithm: "HS256", publicKey: await exportSPKI(pair.publicKey) })).toEqual([400, "/body/algorithm"]);
  expect(await refuse({ algorithm: "RS256" })).toEqual([400, "/body"]);
  expect(await refuse({ algorithm: "RS256", jwksUrl: "http://crm.example.com/jwks" })).toEqual([400, "/body/jwksUrl"]);
  expect(await refuse({ algorithm: "RS256", jwksUrl: "https://169.254.169.254/jwks" })).toEqual([400, "/body/jwksUrl"]);
  served = { status: 500, body: "" };
  expect(await refuse({ algorithm: "RS256", jwksUrl: `https://127.0.0.1:${setPort}/jwks.json` })).toEqual([400, "/body/jwksUrl"]);
});

test("neither tokens nor keys come into the log", async () => {
  const token = await sign({ claims: { externalTenantId: "crm-log", tenantName: "Log" } });
  const answer = await exchange(token);
  const log = api.logLines.join("\n");
  expect([log.includes(token.split(".")[2] ?? ""), log.includes(answer.text("apiKey", "key").slice(40))]).toEqual([false, false]);
});
