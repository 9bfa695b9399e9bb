import { ManualClock } from "@fluxo/runtime/testing/manual-clock";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createClient, type Client, type ClientAnswer } from "../../testing/client.ts";
import { startHarness, type Harness, type TestAgency } from "../../testing/harness.ts";
import { createTestSigner, type TestSigner } from "../../testing/signer.ts";

let api: Harness;
let agency: TestAgency;
let crm: TestSigner;
/** The seats of the plan FREE, which tokens of `crm` name. */
let seats = 0;

beforeAll(async () => {
  api = await startHarness();
  agency = await api.createTestAgency("Northwind");
  crm = await createTestSigner(api.url, agency, "FREE");
  const { rows } = await api.system.query<{ seats: number }>("SELECT seats_max AS seats FROM plans WHERE agency_id IS NULL AND code = 'FREE'");
  seats = rows[0]?.seats ?? 0;
  expect(seats).toBeGreaterThan(1);
});
afterAll(() => api.stop());

const person = (number: number, role = "viewer") => ({ externalUserId: `user-${number}`, role });
const clientOf = (exchanged: ClientAnswer): Client => createClient(api.url, exchanged.text("apiKey", "key"));
const memberOf = (exchanged: ClientAnswer) => agency.client.get(`/v1/agency/members/${exchanged.text("memberId")}`);
const listed = async (tenantId: string) => (await agency.client.get(`/v1/agency/members?tenantId=${tenantId}`)).at("data") as Record<string, unknown>[];

test("a person of a token is a member of the tenant, listed with how it came, and its key acts as that member", async () => {
  const first = await crm.exchange("acts", { externalUserId: "user-7", email: "Ada@Example.com", role: "builder" });
  const tenantId = first.text("tenant", "id");
  const memberId = first.text("memberId");
  expect(await listed(tenantId)).toMatchObject([
    { id: memberId, origin: "PROVISIONING", externalUserId: "user-7", email: "ada@example.com", name: null, role: "builder", tenantIds: [tenantId], status: "ACTIVE", joinedAt: expect.any(String), lastLoginAt: expect.any(String), revokedAt: null },
  ]);
  const me = await clientOf(first).get("/v1/me");
  expect(me.body).toMatchObject({ actor: { kind: "member", id: memberId }, tenant: { id: tenantId }, tenantIds: [tenantId], member: null });
  const workflowId = (await clientOf(first).post("/v1/workflows", { name: "Hers" })).text("id");
  const entries = await agency.client.get(`/v1/audit-entries?resourceId=${workflowId}`);
  expect(entries.at("data")).toMatchObject([{ actor: { kind: "member", id: memberId }, action: "createWorkflow", tenantId }]);
  const made = await agency.client.get(`/v1/audit-entries?resourceId=${memberId}&action=exchangeProvisioningToken`);
  expect((made.at("data") as { actor: unknown; resource: { type: string } }[]).map(({ actor, resource }) => [actor, resource.type])).toEqual([
    [{ kind: "signingKey", id: crm.keyId }, "memberTenant"],
    [{ kind: "signingKey", id: crm.keyId }, "member"],
  ]);
  expect(made.at("data", 0, "requestId")).toEqual(expect.any(String));
  const keys = await agency.client.get(`/v1/tenants/${tenantId}/api-keys`);
  expect(keys.at("data")).toMatchObject([{ name: "Provisioned for user-7", memberId }]);
  // A system of the agency is nobody.
  const system = await crm.exchange("acts");
  expect([system.at("memberId"), (await clientOf(system).get("/v1/me")).at("actor", "kind")]).toEqual([null, "apiKey"]);
  expect(await listed(tenantId)).toHaveLength(1);
});

test("a known person takes no second seat, keeps its address, and is what the last token says; keys of its former role end", async () => {
  const first = await crm.exchange("again", { ...person(1, "builder"), email: "one@example.com" });
  const second = await crm.exchange("again", person(1, "builder"));
  expect([second.status, second.at("memberId")]).toEqual([200, first.at("memberId")]);
  expect(await listed(first.text("tenant", "id"))).toMatchObject([{ email: "one@example.com", role: "builder" }]);
  for (const key of [first, second]) expect((await clientOf(key).get("/v1/me")).status).toBe(200);
  const third = await crm.exchange("again", person(1, "viewer"));
  expect(await listed(first.text("tenant", "id"))).toMatchObject([{ id: first.at("memberId"), role: "viewer" }]);
  for (const key of [first, second]) expect((await clientOf(key).get("/v1/me")).status).toBe(401);
  expect((await clientOf(third).post("/v1/workflows", { name: "No" })).at("code")).toBe("SCOPE_MISSING");
  // The same id in another tenant is somebody else, with a role of its own.
  const elsewhere = await crm.exchange("again elsewhere", person(1, "builder"));
  expect(elsewhere.at("memberId")).not.toBe(first.at("memberId"));
  expect((await memberOf(first)).at("role")).toBe("viewer");
});

test("seats are those of invited members too: without one a new person is refused, a known one is not, and two at once do not share the last one", async () => {
  const tenantId = (await crm.exchange("full")).text("tenant", "id");
  const invited = await agency.client.post("/v1/agency/members", { email: "seat@northwind.example", role: "viewer", tenantIds: [tenantId] });
  expect(invited.status).toBe(201);
  const answers = await Promise.all(Array.from({ length: seats + 3 }, (_, number) => crm.exchange("full", person(number))));
  const [admitted, refused] = [answers.filter(({ status }) => status === 200), answers.filter(({ status }) => status !== 200)];
  expect(admitted).toHaveLength(seats - 1);
  for (const answer of refused) expect([answer.status, answer.at("code")]).toEqual([409, "SEATS_EXCEEDED"]);
  expect(await listed(tenantId)).toHaveLength(seats);
  const [known] = admitted;
  if (known === undefined) throw new Error("nobody was admitted");
  const externalUserId = String((await memberOf(known)).at("externalUserId"));
  expect((await crm.exchange("full", { externalUserId, role: "viewer" })).status).toBe(200);
  expect((await agency.client.post("/v1/agency/members", { email: "late@northwind.example", role: "viewer", tenantIds: [tenantId] })).at("code")).toBe("SEATS_EXCEEDED");
  // A refused token was not taken, and left no key.
  expect((await agency.client.get(`/v1/tenants/${tenantId}/api-keys?limit=100`)).at("data")).toHaveLength(seats + 1);
  expect((await agency.client.delete(`/v1/agency/members/${invited.text("id")}`)).status).toBe(204);
  expect((await crm.exchange("full", person(99))).status).toBe(200);
});

test("the same new person in several tokens at once is one member on one seat", async () => {
  const answers = await Promise.all(Array.from({ length: 5 }, () => crm.exchange("rush", person(1))));
  expect(new Set(answers.map((answer) => answer.text("memberId"))).size).toBe(1);
  expect(await listed(answers[0]?.text("tenant", "id") ?? "")).toHaveLength(1);
});

test("a revoked member is refused, its keys end and its seat is free; restoring takes a seat again", async () => {
  const first = await crm.exchange("revoked", person(1));
  const tenantId = first.text("tenant", "id");
  const path = `/v1/agency/members/${first.text("memberId")}`;
  expect((await agency.client.post(`${path}/restore`)).at("code")).toBe("STATE_CONFLICT");
  expect((await agency.client.patch(path, { role: "builder" })).at("code")).toBe("STATE_CONFLICT");
  expect((await agency.client.delete(path)).status).toBe(204);
  expect((await clientOf(first).get("/v1/me")).status).toBe(401);
  expect((await agency.client.get(path)).body).toMatchObject({ status: "REVOKED", tenantIds: [], revokedAt: expect.any(String) });
  const refused = await crm.exchange("revoked", person(1));
  expect([refused.status, refused.at("code")]).toEqual([403, "MEMBER_REVOKED"]);
  expect((await agency.client.delete(path)).status).toBe(204);
  for (let number = 2; number < seats + 2; number += 1) expect((await crm.exchange("revoked", person(number))).status).toBe(200);
  expect((await agency.client.post(`${path}/restore`)).at("code")).toBe("SEATS_EXCEEDED");
  const [other] = await listed(tenantId);
  await agency.client.delete(`/v1/agency/members/${String(other?.["id"])}`);
  expect((await agency.client.post(`${path}/restore`)).body).toMatchObject({ status: "ACTIVE", tenantIds: [tenantId], revokedAt: null });
  expect((await clientOf(first).get("/v1/me")).status).toBe(401);
  expect((await crm.exchange("revoked", person(1))).status).toBe(200);
});

test("signing a provisioned member out ends its keys, in every process; the next token gives another", async () => {
  // No time passes for what it remembers: only the message can end it.
  const another = await api.startAnother({ clock: new ManualClock(new Date()) });
  const first = await crm.exchange("out", person(1));
  const there = createClient(another.url, first.text("apiKey", "key"));
  expect((await there.get("/v1/me")).status).toBe(200);
  expect((await agency.client.delete(`/v1/agency/members/${first.text("memberId")}/sessions`)).status).toBe(204);
  await expect.poll(async () => (await there.get("/v1/me")).status).toBe(401);
  expect((await clientOf(await crm.exchange("out", person(1))).get("/v1/me")).status).toBe(200);
  await another.stop();
});

test("members of one agency's tokens are no other agency's, and an invited address may be told of a provisioned one too", async () => {
  const other = await api.createTestAgency("Contoso");
  const mine = await crm.exchange("shared", { ...person(1), email: "both@northwind.example" });
  expect((await agency.client.post("/v1/agency/members", { email: "both@northwind.example", role: "viewer" })).status).toBe(201);
  const path = `/v1/agency/members/${mine.text("memberId")}`;
  for (const answer of [await other.client.get(path), await other.client.delete(path), await other.client.post(`${path}/restore`)]) expect(answer.status).toBe(404);
  expect((await other.client.get(`/v1/agency/members?tenantId=${mine.text("tenant", "id")}`)).at("data")).toEqual([]);
});
