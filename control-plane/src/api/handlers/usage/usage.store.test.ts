import { randomUUID } from "node:crypto";
import { rollUsage } from "@fluxo/prisma/usage/roll";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PLANS, startHarness, type Harness, type TestAgency, type TestTenant } from "../../testing/harness.ts";

let api: Harness;
let agency: TestAgency;
let other: TestAgency;

beforeAll(async () => {
  api = await startHarness();
  agency = await api.createTestAgency("Northwind");
  other = await api.createTestAgency("Contoso");
});
afterAll(() => api.stop());

interface Event {
  readonly at: string;
  readonly workflowId?: string;
  readonly nodeType?: string;
  readonly model?: string;
  readonly executions?: number;
  readonly nodes?: number;
  readonly tokens?: number;
  readonly cost?: number;
  readonly egress?: number;
  readonly storage?: number;
}

async function meter(tenant: TestTenant, events: readonly Event[]): Promise<void> {
  for (const { at, workflowId = null, nodeType = "", model = "", executions = 0, nodes = 0, tokens = 0, cost = 0, egress = 0, storage = 0 } of events) {
    await api.system.query(
      `INSERT INTO usage_events (tenant_id, txid, occurred_at, workflow_id, node_type, model, executions, node_executions, ai_input_tokens, ai_cost_micros, egress_bytes, storage_bytes)
       VALUES ($1, txid_current(), $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
      [tenant.id, at, workflowId, nodeType, model, executions, nodes, tokens, cost, egress, storage],
    );
  }
  while ((await rollUsage(api.system, 1_000)).hasMore);
}

const WORKFLOW = randomUUID();
const usagePath = (tenant: TestTenant, rest: string): string => `/v1/tenants/${tenant.id}/usage/${rest}`;

async function berlinTenant(name: string): Promise<TestTenant> {
  const tenant = await api.createTestTenant(agency, name);
  expect((await agency.client.patch(`/v1/tenants/${tenant.id}`, { timeZone: "Europe/Berlin" })).status).toBe(200);
  return tenant;
}

test("a quantity by hour and by day of the tenant's zone, told apart, by page", async () => {
  const tenant = await berlinTenant("Series");
  await meter(tenant, [
    { at: "2026-03-01T22:30:00Z", nodeType: "http.request", workflowId: WORKFLOW, nodes: 2 },
    { at: "2026-03-01T23:30:00Z", nodeType: "http.request", workflowId: WORKFLOW, nodes: 3 },
    { at: "2026-03-01T23:40:00Z", nodeType: "set", workflowId: WORKFLOW, nodes: 4 },
    { at: "2026-03-03T12:00:00Z", nodeType: "set", nodes: 5 },
  ]);
  const series = async (query: string): Promise<unknown[][]> => {
    const answer = await tenant.client.get(usagePath(tenant, `series?metric=nodeExecutions&from=2026-03-01T00:00:00Z&to=2026-03-04T00:00:00Z&${query}`));
    expect(answer.status).toBe(200);
    return (answer.at("data") as { start: string; group: string | null; quantity: number }[]).map(({ start, group, quantity }) => [start, group, quantity]);
  };
  expect(await series("granularity=hour")).toEqual([["2026-03-01T22:00:00.000Z", null, 2], ["2026-03-01T23:00:00.000Z", null, 7], ["2026-03-03T12:00:00.000Z", null, 5]]);
  expect(await series("")).toEqual([["2026-03-01", null, 2], ["2026-03-02", null, 7], ["2026-03-03", null, 5]]);
  expect(await series("groupBy=nodeType")).toEqual([["2026-03-01", "http.request", 2], ["2026-03-02", "http.request", 3], ["2026-03-02", "set", 4], ["2026-03-03", "set", 5]]);
  expect(await series("groupBy=workflow")).toEqual([["2026-03-01", WORKFLOW, 2], ["2026-03-02", WORKFLOW, 7], ["2026-03-03", null, 5]]);
  const seen: unknown[] = [];
  for (let token = ""; ; ) {
    const page = await tenant.client.get(usagePath(tenant, `series?metric=nodeExecutions&from=2026-03-01T00:00:00Z&to=2026-03-04T00:00:00Z&groupBy=nodeType&limit=1${token}`));
    seen.push(...(page.at("data") as unknown[]));
    if (page.at("nextPageToken") === null) break;
    token = `&pageToken=${page.text("nextPageToken")}`;
  }
  expect(seen).toHaveLength(4);
});

test("storage is what was kept, also of what was stored before the span", async () => {
  const tenant = await berlinTenant("Storage");
  await meter(tenant, [{ at: "2026-02-01T12:00:00Z", storage: 100 }, { at: "2026-03-02T12:00:00Z", storage: 50 }, { at: "2026-03-03T12:00:00Z", storage: -120 }]);
  const answer = await tenant.client.get(usagePath(tenant, "series?metric=storageBytes&from=2026-03-01T00:00:00Z&to=2026-04-01T00:00:00Z"));
  expect(answer.at("data")).toEqual([{ start: "2026-03-02", group: null, quantity: 150 }, { start: "2026-03-03", group: null, quantity: 30 }]);
  const refused = await tenant.client.get(usagePath(tenant, "series?metric=storageBytes&groupBy=model&from=2026-03-01T00:00:00Z&to=2026-04-01T00:00:00Z"));
  expect([refused.status, refused.at("issues", 0, "path")]).toEqual([400, "/query/groupBy"]);
});

test("refuses spans that are empty or too long, naming the field", async () => {
  const tenant = await berlinTenant("Spans");
  for (const [query, path] of [
    ["from=2026-03-02T00:00:00Z&to=2026-03-02T00:00:00Z", "/query/to"],
    ["granularity=hour&from=2026-03-01T00:00:00Z&to=2026-04-02T00:00:00Z", "/query/to"],
    ["from=2025-01-01T00:00:00Z&to=2026-04-02T00:00:00Z", "/query/to"],
    ["from=yesterday&to=2026-04-02T00:00:00Z", "/query/from"],
    ["from=2026-03-01T00:00:00Z&to=2026-03-02T00:00:00Z&groupBy=color", "/query/groupBy"],
  ]) {
    const answer = await tenant.client.get(usagePath(tenant, `series?metric=executions&${query}`));
    expect([answer.status, answer.at("code"), answer.at("issues", 0, "path")]).toEqual([400, "VALIDATION_FAILED", path]);
  }
});

test("an agency sees all of its tenants and nobody else's; a tenant sees itself", async () => {
  const [mine, foreign] = [await api.createTestTenant(agency, "Mine"), await api.createTestTenant(other, "Foreign")];
  await meter(mine, [{ at: "2026-05-01T12:00:00Z", executions: 3, storage: 7 }, { at: "2026-05-02T12:00:00Z", executions: 4, egress: 9 }]);
  await meter(foreign, [{ at: "2026-05-01T12:00:00Z", executions: 1_000 }]);
  const all: { tenantId: string; executions: number; egressBytes: number; storageBytes: number }[] = [];
  for (let token = ""; ; ) {
    const page = await agency.client.get(`/v1/usage?from=2026-05-02&to=2026-05-03&limit=2${token}`);
    expect(page.status).toBe(200);
    all.push(...(page.at("data") as typeof all));
    if (page.at("nextPageToken") === null) break;
    token = `&pageToken=${page.text("nextPageToken")}`;
  }
  expect(all.find(({ tenantId }) => tenantId === mine.id)).toMatchObject({ executions: 4, egressBytes: 9, storageBytes: 7 });
  expect(all.some(({ tenantId }) => tenantId === foreign.id)).toBe(false);
  expect(new Set(all.map(({ tenantId }) => tenantId)).size).toBe(all.length);
  for (const answer of [
    await mine.client.get(`/v1/tenants/${foreign.id}/usage/series?metric=executions&from=2026-05-01T00:00:00Z&to=2026-05-03T00:00:00Z`),
    await agency.client.get(`/v1/tenants/${foreign.id}/usage/export?from=2026-05-01T00:00:00Z&to=2026-05-03T00:00:00Z`),
    await agency.client.get(`/v1/tenants/${foreign.id}/invoice?month=2026-05`),
  ]) {
    expect(answer.status).toBe(404);
  }
  expect((await mine.client.get("/v1/usage?from=2026-05-01&to=2026-05-03")).status).toBe(403);
});

async function exported(tenant: TestTenant, query: string): Promise<{ type: string | null; text: string }> {
  const answer = await fetch(`${api.url}${usagePath(tenant, `export?from=2026-06-01T00:00:00Z&to=2026-06-02T00:00:00Z&${query}`)}`, { headers: { authorization: `Bearer ${tenant.key}` } });
  expect(answer.status).toBe(200);
  return { type: answer.headers.get("content-type"), text: await answer.text() };
}

test("exports as CSV and as lines of JSON, the whole of more than one portion", async () => {
  const tenant = await api.createTestTenant(agency, "Export");
  await api.system.query(
    `INSERT INTO usage_events (tenant_id, txid, occurred_at, node_type, model, node_executions, ai_input_tokens)
     SELECT $1, txid_current(), '2026-06-01T10:00:00Z', 'ai.prompt', 'model-' || n, 1, n FROM generate_series(1, 2500) n`,
    [tenant.id],
  );
  await meter(tenant, [{ at: "2026-06-01T11:00:00Z", workflowId: WORKFLOW, nodeType: "ai.prompt", model: '=cmd|"x",1', nodes: 1 }, { at: "2026-06-01T12:00:00Z", workflowId: WORKFLOW, executions: 1 }]);
  const csv = await exported(tenant, "granularity=hour");
  const lines = csv.text.split("\r\n");
  expect(csv.type).toBe("text/csv; charset=utf-8");
  expect(lines[0]).toBe("start,workflowId,nodeType,integration,model,executions,nodeExecutions,aiInputTokens,aiOutputTokens,aiUnpricedTokens,aiCostMicros,egressBytes,storageBytes");
  expect(lines).toHaveLength(2_504);
  expect(lines.slice(-3)).toEqual([`2026-06-01T11:00:00.000Z,${WORKFLOW},ai.prompt,,"'=cmd|""x"",1",0,1,0,0,0,0,0,0`, `2026-06-01T12:00:00.000Z,${WORKFLOW},,,,1,0,0,0,0,0,0,0`, ""]);
  const json = await exported(tenant, "granularity=day&format=ndjson");
  expect(json.type).toContain("application/x-ndjson");
  const rows = json.text.trimEnd().split("\n").map((line) => JSON.parse(line) as { model: string | null; nodeType: string | null; aiInputTokens: number; executions: number });
  expect(rows).toHaveLength(2_502);
  expect(rows.reduce((sum, { aiInputTokens }) => sum + aiInputTokens, 0)).toBe((2_500 * 2_501) / 2);
  expect(rows.find(({ executions }) => executions === 1)).toMatchObject({ start: "2026-06-01", workflowId: WORKFLOW, nodeType: null, model: null });
});

test("says whether the books balance, and what does not", async () => {
  const tenant = await api.createTestTenant(agency, "Books");
  const check = async () => tenant.client.get(usagePath(tenant, "reconciliation?from=2026-07-01T00:10:00Z&to=2026-07-01T01:10:00Z"));
  expect((await check()).body).toEqual({ isBalanced: true, from: "2026-07-01T00:00:00.000Z", to: "2026-07-01T02:00:00.000Z", differences: [] });
  await meter(tenant, [{ at: "2026-07-01T01:59:00Z", workflowId: WORKFLOW, executions: 2 }]);
  expect((await check()).body).toMatchObject({ isBalanced: false, differences: [{ measure: "executions", subject: WORKFLOW, expected: 0, metered: 2 }] });
});

test("forecasts when the month's executions are used up, by the last week", async () => {
  const tenant = await api.createTestTenant(agency, "Forecast", PLANS.FREE);
  expect((await tenant.client.get(usagePath(tenant, "forecast"))).body).toMatchObject({ quotas: [{ metric: "executions", limit: 500, used: 0, perDay: 0, expected: 0, exhaustedAt: null }, { metric: "aiTokens", limit: 0, used: 0, perDay: 0 }] });
  const now = Date.now();
  await meter(tenant, Array.from({ length: 7 }, (_, index) => ({ at: new Date(now - (index + 1) * 86_400_000).toISOString(), executions: 10_000_000, ...(index < 3 ? { nodeType: "ai.prompt", model: "m", tokens: 700 } : {}) })));
  const forecast = await tenant.client.get(usagePath(tenant, "forecast"));
  expect(forecast.body).toMatchObject({ quotas: [{ metric: "executions", perDay: 10_000_000, limit: 500 }, { metric: "aiTokens", perDay: 700 }] });
  const exhaustedInMs = Date.parse(forecast.text("quotas", 0, "exhaustedAt")) - now;
  expect(exhaustedInMs > 0 && exhaustedInMs < 60_000).toBe(true);
});

test("prices of tenant, plan and agency lie over each other, and an invoice is units times price", async () => {
  const tenant = await api.createTestTenant(other, "Priced", PLANS.STARTER);
  await meter(tenant, [
    { at: "2026-04-10T00:00:00Z", executions: 12_345, nodes: 0 },
    { at: "2026-04-10T00:00:00Z", nodeType: "ai.prompt", model: "m", nodes: 98_765, tokens: 1_000_000, cost: 1_234_567 },
    { at: "2026-03-31T23:00:00Z", storage: 3_000_000_000 },
    { at: "2026-04-16T00:00:00Z", storage: -3_000_000_000 },
  ]);
  const invoice = async () => tenant.client.get(`/v1/tenants/${tenant.id}/invoice?month=2026-04`);
  expect((await invoice()).body).toMatchObject({ currency: "USD", lines: [], total: "0.00", isFinal: true, window: { start: "2026-04-01T00:00:00.000Z", end: "2026-05-01T00:00:00.000Z" } });
  const own = await other.client.put("/v1/price-lists/agency", { currency: "EUR", validFrom: "2026-04-01", prices: { perThousandExecutions: "9", perAiDollar: "0.92", aiMarkupPercent: "50", perStorageGigabyteMonth: "0.1" } });
  expect([own.status, own.at("planId"), own.at("tenantId"), own.at("currency")]).toEqual([200, null, null, "EUR"]);
  const plan = await other.client.put(`/v1/price-lists/plans/${PLANS.STARTER}`, { validFrom: "2026-04-01", prices: { monthlyFee: "49", perThousandExecutions: "1.5" } });
  expect([plan.status, plan.at("planId")]).toEqual([200, PLANS.STARTER]);
  const special = await other.client.put(`/v1/price-lists/tenants/${tenant.id}`, { validFrom: "2026-04-01", prices: { aiMarkupPercent: "20" } });
  expect([special.status, special.at("tenantId")]).toEqual([200, tenant.id]);
  expect((await invoice()).body).toMatchObject({
    currency: "EUR",
    lines: [
      { item: "monthlyFee", amount: "49.00" },
      { item: "executions", quantity: "12345", per: "1000", unitPrice: "1.5", amount: "18.52" },
      { item: "aiCostMicros", quantity: "1234567", unitPrice: "0.92", markupPercent: "20", amount: "1.36" },
      { item: "storageByteHours", quantity: "1080000000000", per: "720000000000", amount: "0.15" },
    ],
    total: "69.03",
  });
  const again = await other.client.put(`/v1/price-lists/tenants/${tenant.id}`, { prices: {} });
  expect([again.at("id"), again.at("prices")]).toEqual([special.at("id"), {}]);
  expect((await other.client.get("/v1/price-lists")).at("data")).toHaveLength(3);
  expect((await agency.client.get("/v1/price-lists")).at("data")).toEqual([]);
  expect((await agency.client.delete(`/v1/price-lists/${plan.text("id")}`)).status).toBe(404);
  expect((await other.client.delete(`/v1/price-lists/${plan.text("id")}`)).status).toBe(204);
  // What ended today, and what is set today, changes nothing of then.
  expect((await invoice()).body).toMatchObject({ total: "69.03" });
});

test("today's prices, lists that end and another plan change no month of before; within a month each day has its own", async () => {
  const own = await api.createTestAgency("Historic");
  const tenant = await api.createTestTenant(own, "Moved", PLANS.STARTER);
  await meter(tenant, ["2026-05-05", "2026-05-15", "2026-05-25"].map((day) => ({ at: `${day}T12:00:00Z`, executions: 1_000, nodes: 0 })));
  const total = async (): Promise<unknown> => (await tenant.client.get(`/v1/tenants/${tenant.id}/invoice?month=2026-05`)).at("total");
  const agencyPrices = (perThousandExecutions: string, rest: object = {}) => own.client.put("/v1/price-lists/agency", { currency: "EUR", prices: { perThousandExecutions }, ...rest });
  expect((await agencyPrices("10", { validFrom: "2026-05-01" })).at("validFrom")).toBe("2026-05-01");
  expect(await total()).toBe("30.00");
  expect((await agencyPrices("99")).status).toBe(200);
  expect((await own.client.put(`/v1/price-lists/plans/${PLANS.STARTER}`, { prices: { perThousandExecutions: "77" } })).status).toBe(200);
  const special = await own.client.put(`/v1/price-lists/tenants/${tenant.id}`, { validFrom: "2026-05-20", prices: { perThousandExecutions: "7" } });
  expect(await total()).toBe("27.00");
  const { rows: plans } = await api.owner.query("UPDATE tenants SET plan_id = $2 WHERE id = $1 RETURNING id", [tenant.id, PLANS.PRO]);
  expect([plans.length, await total()]).toEqual([1, "27.00"]);
  expect((await own.client.delete(`/v1/price-lists/${special.text("id")}`)).status).toBe(204);
  expect(await total()).toBe("27.00");
  expect((await tenant.client.get(`/v1/tenants/${tenant.id}/invoice?month=2026-05`)).at("lines")).toMatchObject([
    { item: "executions", from: "2026-05-01", to: "2026-05-20", quantity: "2000", unitPrice: "10", amount: "20.00" },
    { item: "executions", from: "2026-05-20", to: "2026-06-01", quantity: "1000", unitPrice: "7", amount: "7.00" },
  ]);
  // Another currency begins with a month; a day of before is a correction that somebody asks for.
  expect((await own.client.put("/v1/price-lists/agency", { currency: "USD", validFrom: "2026-05-10", prices: {} })).at("issues", 0, "path")).toBe("/body/validFrom");
  expect((await own.client.delete(`/v1/price-lists/${(await own.client.get("/v1/price-lists/agency")).text("id")}`)).status).toBe(204);
  expect((await own.client.put("/v1/price-lists/agency", { currency: "USD", validFrom: "2026-05-10", prices: {} })).status).toBe(400);
  expect(await total()).toBe("27.00");
  await agencyPrices("5", { validFrom: "2026-05-10" });
  expect(await total()).toBe("22.00");
});

test("what a list was to say from a later day on goes when it is written anew; from the day that it is deleted on the more general prices count", async () => {
  const own = await api.createTestAgency("Rewrites");
  const tenant = await api.createTestTenant(own, "Special", PLANS.STARTER);
  const now = new Date();
  const month = now.toISOString().slice(0, 7);
  await meter(tenant, [...["2026-05-15", "2026-05-25"].map((day) => ({ at: `${day}T12:00:00Z`, executions: 1_000 })), { at: now.toISOString(), executions: 1_000 }]);
  const total = async (of: string): Promise<unknown> => (await tenant.client.get(`/v1/tenants/${tenant.id}/invoice?month=${of}`)).at("total");
  const special = (perThousandExecutions: string, validFrom: string) => own.client.put(`/v1/price-lists/tenants/${tenant.id}`, { validFrom, prices: { perThousandExecutions } });
  await own.client.put("/v1/price-lists/agency", { currency: "EUR", validFrom: "2026-05-01", prices: { perThousandExecutions: "10" } });
  await special("7", "2026-05-20");
  expect(await total("2026-05")).toBe("17.00");
  const list = await special("8", "2026-05-10");
  expect([await total("2026-05"), await total(month)]).toEqual(["16.00", "8.00"]);
  expect((await own.client.delete(`/v1/price-lists/${list.text("id")}`)).status).toBe(204);
  expect([await total("2026-05"), await total(month)]).toEqual(["16.00", "10.00"]);
});

test("another plan counts from its day in the tenant's zone on, and the first one for all days before", async () => {
  const own = await api.createTestAgency("Zoned");
  // It is another day in one of these zones than in UTC, at whatever hour this runs.
  const zones = ["Pacific/Kiritimati", "Pacific/Pago_Pago"];
  for (const timeZone of zones) {
    const tenant = await own.client.post("/v1/tenants", { name: timeZone, planId: PLANS.FREE, timeZone });
    expect((await own.client.patch(`/v1/tenants/${tenant.text("id")}`, { planId: PLANS.STARTER })).status).toBe(200);
    const { rows } = await api.owner.query<{ day: string; plan: string }>("SELECT from_day::text AS day, plan_id AS plan FROM tenant_plans WHERE tenant_id = $1 ORDER BY from_day", [tenant.text("id")]);
    const today = new Intl.DateTimeFormat("en-CA", { timeZone }).format(new Date());
    expect(rows).toEqual([{ day: "1970-01-01", plan: PLANS.FREE }, { day: today, plan: PLANS.STARTER }]);
  }
});

test("an agency exports the usage of all its tenants, each row with its cost, markup and charge", async () => {
  const own = await api.createTestAgency("Exporting");
  const [first, second] = [await api.createTestTenant(own, '=Cafe, "North"', PLANS.STARTER), await api.createTestTenant(own, "Garden", PLANS.STARTER)].toSorted((left, right) => (left.id < right.id ? 1 : -1));
  if (first === undefined || second === undefined) throw new Error("no tenants");
  await meter(first, [{ at: "2026-05-05T12:00:00Z", executions: 2_000, nodes: 0 }]);
  await meter(second, [{ at: "2026-05-05T12:00:00Z", nodeType: "ai.prompt", model: "m", nodes: 1, tokens: 1_000_000, cost: 2_000_000 }, { at: "2026-05-06T12:00:00Z", executions: 1_000, nodes: 0 }]);
  await own.client.put("/v1/price-lists/agency", { currency: "EUR", validFrom: "2026-05-01", prices: { perThousandExecutions: "1.5", perAiDollar: "0.5", aiMarkupPercent: "20" } });
  await own.client.put("/v1/price-lists/agency", { currency: "EUR", validFrom: "2026-05-06", prices: { perThousandExecutions: "3" } });
  const get = async (query: string): Promise<string> => {
    const response = await fetch(`${api.url}/v1/usage/export?from=2026-05-01T00:00:00Z&to=2026-06-01T00:00:00Z&${query}`, { headers: { authorization: `Bearer ${own.key}` } });
    expect(response.status).toBe(200);
    return response.text();
  };
  const rows = (await get("format=ndjson&granularity=day")).trimEnd().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(rows.map((row) => [row["tenantId"], row["start"], row["executions"], row["currency"], row["aiCost"], row["aiMarkup"], row["charge"]])).toEqual([
    [first.id, "2026-05-05", 2_000, "EUR", "0.000000", "0.000000", "3.000000"],
    [second.id, "2026-05-05", 0, "EUR", "1.000000", "0.200000", "1.200000"],
    [second.id, "2026-05-06", 1_000, "EUR", "0.000000", "0.000000", "3.000000"],
  ]);
  const csv = (await get("granularity=hour")).split("\r\n");
  expect(csv[0]).toBe("tenantId,tenantName,start,workflowId,nodeType,integration,model,executions,nodeExecutions,aiInputTokens,aiOutputTokens,aiUnpricedTokens,aiCostMicros,egressBytes,storageBytes,currency,aiCost,aiMarkup,charge");
  expect(csv).toHaveLength(5);
  expect(csv.join("\n")).toContain(`"'=Cafe, ""North"""`);
  expect((await first.client.get("/v1/usage/export?from=2026-05-01T00:00:00Z&to=2026-06-01T00:00:00Z")).status).toBe(403);
});

test("refuses prices that are none, and targets that are not the agency's", async () => {
  const foreign = await api.createTestTenant(other, "Target");
  for (const [body, path] of [
    [{ currency: "EUR", prices: { monthlyFee: "-1" } }, "/body/prices/monthlyFee"],
    [{ currency: "EUR", prices: { monthlyFee: 1 } }, "/body/prices/monthlyFee"],
    [{ currency: "EUR", prices: { monthlyFee: "0.0000001" } }, "/body/prices/monthlyFee"],
    [{ currency: "ABC", prices: {} }, "/body/currency"],
    [{ currency: "EUR", prices: { perDay: "1" } }, "/body/prices/perDay"],
  ] as const) {
    const answer = await agency.client.put("/v1/price-lists/agency", body);
    expect([answer.status, answer.at("issues", 0, "path")]).toEqual([400, path]);
  }
  expect((await agency.client.put(`/v1/price-lists/tenants/${foreign.id}`, { prices: {} })).status).toBe(404);
  expect((await agency.client.put(`/v1/price-lists/plans/${randomUUID()}`, { prices: {} })).status).toBe(404);
  const month = await agency.client.get(`/v1/tenants/${foreign.id}/invoice?month=2026-13`);
  expect(month.status).toBe(404);
});
