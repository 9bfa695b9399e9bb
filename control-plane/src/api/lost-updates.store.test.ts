import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createClient, type Client, type ClientAnswer } from "./testing/client.ts";
import { PLANS, type TestAgency } from "./testing/callers.ts";
import { startHarness, type Harness } from "./testing/harness.ts";

/** Updates of one thing by ways that do not take turns: by different paths, and beside what works without a request. */
let api: Harness;
let owner: pg.Pool;
let agency: TestAgency;

beforeAll(async () => {
  api = await startHarness();
  owner = new pg.Pool({ connectionString: api.ownerUrl, max: 2 });
  agency = await api.createTestAgency("Northwind");
});
afterAll(async () => {
  await owner.end();
  await api.stop();
});

const tagOf = (answer: ClientAnswer): string => answer.headers.get("etag") ?? "none";
const under = (tag: string): Record<string, string> => ({ "if-match": tag });
const statuses = (answers: readonly ClientAnswer[]): number[] => answers.map(({ status }) => status).toSorted((left, right) => left - right);
const STALE = [412, "PRECONDITION_FAILED"];
const refusalOf = (answer: ClientAnswer): unknown[] => [answer.status, answer.at("code")];

/** Sends a request while another transaction has changed a row and is not done yet; the request must wait for it. */
async function whileWritten(change: string, values: readonly unknown[], send: () => Promise<ClientAnswer>): Promise<ClientAnswer> {
  const writer = await owner.connect();
  try {
    await writer.query("BEGIN");
    await writer.query(change, [...values]);
    const answer = send();
    const waiting = "SELECT count(*)::int AS n FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted AND a.datname = current_database()";
    await expect.poll(async () => (await owner.query<{ n: number }>(waiting)).rows[0]?.n).toBeGreaterThan(0);
    await writer.query("COMMIT");
    return await answer;
  } finally {
    writer.release();
  }
}

describe("a tenant by its external id", () => {
  const pathOf = (externalId: string): string => `/v1/tenants/by-external-id/${externalId}`;

  test("is held from the comparison to the change: a writer that is not done yet is waited for, and seen", async () => {
    const path = pathOf("held");
    const made = await agency.client.put(path, { name: "Held", planId: PLANS.PRO });
    const tag = tagOf(await agency.client.get(path));
    const answer = await whileWritten("UPDATE tenants SET name = 'Renamed' WHERE id = $1", [made.text("id")], () => agency.client.put(path, { name: "Overwritten", planId: PLANS.PRO }, under(tag)));
    expect(refusalOf(answer)).toEqual(STALE);
    expect((await agency.client.get(path)).at("name")).toBe("Renamed");
  });

  test("of two updates at once under one tag, by its external id and by its id, one passes", async () => {
    const path = pathOf("contended");
    const byId = `/v1/tenants/${(await agency.client.put(path, { name: "Contended", planId: PLANS.PRO })).text("id")}`;
    for (let round = 0; round < 10; round += 1) {
      const tag = tagOf(await agency.client.get(path));
      expect(tag).toBe(tagOf(await agency.client.get(byId)));
      const answers = await Promise.all([agency.client.put(path, { name: `Put ${round}`, planId: PLANS.PRO }, under(tag)), agency.client.patch(byId, { name: `Patched ${round}` }, under(tag))]);
      expect(statuses(answers)).toEqual([200, 412]);
      expect((await agency.client.get(path)).at("name")).toBe(answers.find(({ status }) => status === 200)?.at("name"));
    }
  });

  test("a tag of a tenant that is not there makes none", async () => {
    for (const tag of ['"gone"', "*"]) expect(refusalOf(await agency.client.put(pathOf("absent"), { name: "Absent", planId: PLANS.PRO }, under(tag)))).toEqual(STALE);
    expect((await agency.client.get(pathOf("absent"))).status).toBe(404);
  });
});

describe("an API key", () => {
  test("is read by itself, of its owner only, and is revoked and rotated under its tag; its use leaves the tag", async () => {
    const tenant = await api.createTestTenant(agency, "Keys");
    const operator = await api.createTestOperator();
    const owners: [string, Client, string][] = [["tenant", agency.client, `/v1/tenants/${tenant.id}/api-keys`], ["agency", agency.client, "/v1/agency/api-keys"], ["operator", operator.client, "/v1/operator/api-keys"]];
    for (const [name, client, collection] of owners) {
      const created = await client.post(collection, { name });
      const path = `${collection}/${created.text("id")}`;
      const read = await client.get(path);
      const { key: _secret, ...shown } = created.body as Record<string, unknown>;
      expect(read.body).toEqual(shown);
      await createClient(api.url, created.text("key")).get("/v1/me");
      await api.access.flush();
      const used = await client.get(path);
      expect([used.at("lastUsedAt") === null, tagOf(used)]).toEqual([false, tagOf(read)]);
      expect((await client.post(`${path}/rotate`, undefined, under(tagOf(read)))).status).toBe(200);
      expect(refusalOf(await client.post(`${path}/rotate`, { overlapSeconds: 0 }, under(tagOf(read))))).toEqual(STALE);
      expect(refusalOf(await client.delete(path, under(tagOf(read))))).toEqual(STALE);
      expect((await client.delete(path, under(tagOf(await client.get(path))))).status).toBe(204);
      expect((await client.get(path)).at("revokedAt")).toEqual(expect.any(String));
    }
    const other = await api.createTestAgency("Contoso");
    expect((await other.client.get(`/v1/tenants/${tenant.id}/api-keys/${tenant.keyId}`)).status).toBe(404);
    expect((await agency.client.get(`/v1/agency/api-keys/${tenant.keyId}`)).status).toBe(404);
  });

  test("is held: of two rotations at once under one tag one passes, and an end that is not done yet is waited for", async () => {
    const path = `/v1/agency/api-keys/${(await agency.client.post("/v1/agency/api-keys", { name: "Contended" })).text("id")}`;
    const tag = tagOf(await agency.client.get(path));
    const rotate = () => agency.client.post(`${path}/rotate`, { overlapSeconds: 0 }, under(tag));
    expect(statuses(await Promise.all([rotate(), rotate(), rotate()]))).toEqual([200, 412, 412]);
    const next = tagOf(await agency.client.get(path));
    const answer = await whileWritten("UPDATE api_keys SET revoked_at = now() WHERE id = $1", [path.split("/").at(-1)], () => agency.client.post(`${path}/rotate`, undefined, under(next)));
    expect(refusalOf(answer)).toEqual(STALE);
  });
});

test("a signing key is read by itself, and revoked under its tag", async () => {
  const publicKey = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
  const created = await agency.client.post("/v1/agency/signing-keys", { name: "CRM", algorithm: "EdDSA", publicKey });
  const path = `/v1/agency/signing-keys/${created.text("id")}`;
  const read = await agency.client.get(path);
  expect(read.body).toEqual(created.body);
  expect(refusalOf(await agency.client.delete(path, under('"other"')))).toEqual(STALE);
  expect((await agency.client.delete(path, under(tagOf(read)))).status).toBe(204);
  expect((await (await api.createTestAgency("Stranger")).client.get(path)).status).toBe(404);
});

test("a member is changed under its tag, which a sign-in leaves as it is; an invitation is renewed under it", async () => {
  const path = `/v1/agency/members/${(await agency.client.post("/v1/agency/members", { email: "tagged@northwind.example", role: "viewer" })).text("id")}`;
  const tag = tagOf(await agency.client.get(path));
  await owner.query("UPDATE members SET last_login_at = now() WHERE id = $1", [path.split("/").at(-1)]);
  expect(tagOf(await agency.client.get(path))).toBe(tag);
  const renewed = await agency.client.post(`${path}/invitation`, undefined, under(tag));
  expect([renewed.status, tagOf(renewed)]).toEqual([200, tagOf(await agency.client.get(path))]);
  expect(refusalOf(await agency.client.patch(path, { role: "builder" }, under(tag)))).toEqual(STALE);
});

describe("price lists", () => {
  const prices = (monthlyFee: string) => ({ prices: { monthlyFee } });

  test("are read by themselves and replaced under their tags; a tag makes none", async () => {
    const tenant = await api.createTestTenant(agency, "Priced");
    for (const [path, body] of [
      ["/v1/price-lists/agency", { currency: "EUR" }],
      [`/v1/price-lists/plans/${PLANS.PRO}`, {}],
      [`/v1/price-lists/tenants/${tenant.id}`, {}],
    ] as const) {
      expect((await agency.client.get(path)).status).toBe(404);
      expect(refusalOf(await agency.client.put(path, { ...body, ...prices("1") }, under("*")))).toEqual(STALE);
      const put = await agency.client.put(path, { ...body, ...prices("1") });
      const read = await agency.client.get(path);
      expect([read.body, tagOf(read)]).toEqual([put.body, tagOf(put)]);
      const byId = `/v1/price-lists/${put.text("id")}`;
      expect((await agency.client.get(byId)).body).toEqual(put.body);
      const answers = await Promise.all(["2", "3", "4"].map((fee) => agency.client.put(path, { ...body, ...prices(fee) }, under(tagOf(read)))));
      expect(statuses(answers)).toEqual([200, 412, 412]);
      expect(refusalOf(await agency.client.delete(byId, under(tagOf(read))))).toEqual(STALE);
      const stranger = await api.createTestAgency("Stranger");
      expect([(await stranger.client.get(path)).status, (await stranger.client.get(byId)).status]).toEqual([404, 404]);
      expect((await agency.client.delete(byId, under(tagOf(await agency.client.get(path))))).status).toBe(204);
      expect((await agency.client.get(path)).status).toBe(404);
    }
  });

  test("of a deletion and a replacement at once under one tag, one passes", async () => {
    const path = "/v1/price-lists/agency";
    for (let round = 0; round < 5; round += 1) {
      const put = await agency.client.put(path, { currency: "EUR", ...prices(String(round)) });
      const answers = await Promise.all([agency.client.put(path, { currency: "EUR", ...prices("100") }, under(tagOf(put))), agency.client.delete(`/v1/price-lists/${put.text("id")}`, under(tagOf(put)))]);
      expect(answers.filter(({ status }) => status === 200 || status === 204)).toHaveLength(1);
    }
  });
});
