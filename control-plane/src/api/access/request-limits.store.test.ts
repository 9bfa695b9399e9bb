import type { Clock } from "@fluxo/core/ports/clock";
import { systemClock } from "@fluxo/runtime/clock";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startHarness, type Harness, type TestAgency } from "../testing/harness.ts";

/** Redis counts, however busy the machine is: nobody gives it up for being slow. */
const unhurried: Clock = { now: () => systemClock.now(), sleep: (ms, signal) => systemClock.sleep(ms * 100, signal) };
let api: Harness;
let agency: TestAgency;

beforeAll(async () => {
  api = await startHarness({ perMinuteOfCaller: 30, clock: unhurried });
  agency = await api.createTestAgency("Northwind");
});
afterAll(() => api.stop());

test("a caller's requests are bounded, each answer says how it stands, and another key is not concerned", async () => {
  const tenant = await api.createTestTenant(agency, "Bounded");
  const statuses: number[] = [];
  for (let index = 0; index < 32; index += 1) {
    const answer = await tenant.client.get("/v1/workflows");
    statuses.push(answer.status);
    if (index === 0) {
      expect(answer.headers.get("ratelimit-policy")).toBe('"key";q=30;w=60, "tenant";q=12000;w=60');
      expect(answer.headers.get("ratelimit")).toMatch(/^"key";r=29;t=\d+, "tenant";r=\d+;t=\d+$/);
      expect([answer.headers.get("ratelimit-limit"), answer.headers.get("ratelimit-remaining")]).toEqual(["30", "29"]);
    }
  }
  expect(statuses.filter((status) => status === 200)).toHaveLength(30);
  const refused = await tenant.client.get("/v1/workflows");
  expect([refused.status, refused.at("code"), refused.headers.get("ratelimit-remaining")]).toEqual([429, "RATE_LIMITED", "0"]);
  const seconds = Number(refused.headers.get("retry-after"));
  expect(seconds > 0 && seconds <= 60).toBe(true);
  expect((await agency.client.forTenant(tenant.id).get("/v1/workflows")).status).toBe(200);
});

test("requests about a tenant are bounded by its plan, whoever sends them", async () => {
  const [tenant, sibling] = [await api.createTestTenant(agency, "Planned"), await api.createTestTenant(agency, "Sibling")];
  await api.owner.query("INSERT INTO plans (id, code, name, tier_rank, executions_per_month, nodes_per_workflow_max, concurrency_max, concurrency_class, api_requests_per_minute) SELECT gen_random_uuid(), 'TINY', 'Tiny', 0, 1, 10, 1, 'small', 5");
  await api.owner.query("UPDATE tenants SET plan_id = (SELECT id FROM plans WHERE code = 'TINY') WHERE id = $1", [tenant.id]);
  const statuses: number[] = [];
  for (let index = 0; index < 5; index += 1) statuses.push((await tenant.client.get("/v1/workflows")).status);
  const byAgency = await agency.client.forTenant(tenant.id).get("/v1/workflows");
  expect([statuses, byAgency.status, byAgency.at("code")]).toEqual([[200, 200, 200, 200, 200], 429, "RATE_LIMITED"]);
  expect((await agency.client.forTenant(sibling.id).get("/v1/workflows")).status).toBe(200);
});

test("another plan counts at once, in every process, also for a tenant that is over its limit: the agency itself gives it", async () => {
  const own = await api.createTestAgency("Upgrades");
  const define = async (code: string, apiRequestsPerMinute: number): Promise<string> => (await own.client.post("/v1/plans", { code, name: code, apiRequestsPerMinute })).text("id");
  const [small, large] = [await define("SMALL", 4), await define("LARGE", 500)];
  const tenant = await api.createTestTenant(own, "Grows", small);
  const other = await api.startAnother();
  try {
    const elsewhere = async (): Promise<[number, string | null]> => {
      const answer = await fetch(`${other.url}/v1/workflows`, { headers: { authorization: `Bearer ${tenant.key}` } });
      return [answer.status, answer.headers.get("ratelimit-policy")];
    };
    const [policy, smallPolicy, largePolicy] = [10, 4, 500].map((limit) => `"key";q=30;w=60, "tenant";q=${limit};w=60`);
    const statuses: number[] = [];
    while (!statuses.includes(429) && statuses.length < 6) statuses.push((await elsewhere())[0]);
    expect(statuses.at(-1)).toBe(429);
    expect(await elsewhere()).toEqual([429, smallPolicy]);
    expect((await own.client.patch(`/v1/plans/${small}`, { apiRequestsPerMinute: 10 })).status).toBe(200);
    await expect.poll(elsewhere).toEqual([200, policy]);
    expect((await own.client.patch(`/v1/tenants/${tenant.id}`, { planId: large })).status).toBe(200);
    await expect.poll(elsewhere).toEqual([200, largePolicy]);
    expect((await own.client.put("/v1/tenants/by-external-id/grows", { name: "Another", planId: small })).status).toBe(201);
    expect((await own.client.patch(`/v1/tenants/${tenant.id}`, { externalId: "crm" })).status).toBe(200);
    expect((await own.client.put("/v1/tenants/by-external-id/crm", { name: "Grows", planId: small })).status).toBe(200);
    await expect.poll(elsewhere).toEqual([expect.any(Number), policy]);
    const operator = await api.createTestOperator();
    const own2 = await operator.client.post("/v1/operator/plans", { code: "OPERATED", name: "Operated", apiRequestsPerMinute: 300 });
    expect((await own.client.patch(`/v1/tenants/${tenant.id}`, { planId: own2.text("id") })).status).toBe(200);
    await expect.poll(elsewhere).toEqual([200, `"key";q=30;w=60, "tenant";q=300;w=60`]);
    expect((await operator.client.patch(`/v1/operator/plans/${own2.text("id")}`, { apiRequestsPerMinute: 301 })).status).toBe(200);
    await expect.poll(elsewhere).toEqual([200, `"key";q=30;w=60, "tenant";q=301;w=60`]);
  } finally {
    await other.stop();
  }
});

test("one request costs one round trip of two commands; a refused caller costs none, and nothing of its tenant", async () => {
  const tenant = await api.createTestTenant(agency, "Cheap");
  await tenant.client.get("/v1/workflows");
  const monitor = await api.redis.duplicate({ keyPrefix: "" }).monitor();
  const seen: string[] = [];
  monitor.on("monitor", (_time: string, args: string[]) => {
    if (args.some((arg) => arg.includes("api-caller") || arg.includes("api-tenant")) && args[0]?.toLowerCase().startsWith("eval")) seen.push(args.find((arg) => arg.includes("api-")) ?? "");
  });
  await tenant.client.get("/v1/workflows");
  await expect.poll(() => seen.length).toBe(2);
  expect(seen.map((name) => (name.includes("api-caller") ? "caller" : "tenant"))).toEqual(["caller", "tenant"]);
  let refused = 0;
  for (let index = 0; index < 40; index += 1) if ((await tenant.client.get("/v1/workflows")).status === 429) refused += 1;
  expect(refused).toBe(12);
  await expect.poll(() => seen.length).toBe(60);
  monitor.disconnect();
});

test("what needs no key has no limit here", async () => {
  const answer = await fetch(`${api.url}/openapi.json`);
  expect([answer.status, answer.headers.get("ratelimit")]).toEqual([200, null]);
});
