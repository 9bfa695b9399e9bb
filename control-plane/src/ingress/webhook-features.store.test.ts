import { createHmac, randomUUID } from "node:crypto";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { createLogger } from "@fluxo/runtime/logger";
import { createSecretBox } from "@fluxo/runtime/secrets/box";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { addTenant } from "@fluxo/prisma/testing/seed";
import { sealProbe } from "../probe/probe.ts";
import { addHook, type SeededHook } from "../testing/hooks.ts";
import { serveHooks, type ServedHooks } from "./testing/serve-hooks.ts";

const SECRET = "8f742231b10e8888abcd99yyyzzz85a5";
const NONE = { authentication: { mode: "none" } };
const box = createSecretBox(Buffer.alloc(32, 7));
const logger = createLogger({ service: "ingress", level: "silent" });
const seal = (tenant: string, triggerId: string): Uint8Array => box.seal(SECRET, [tenant, triggerId]);

const { owner, app } = await useTestDatabase();
let tenantId: string;
let served: ServedHooks;

beforeAll(async () => {
  ({ tenantId } = await addTenant(owner));
  served = await serveHooks({ db: app, box, logger, hookTtlMs: 60_000, trustedProxies: ["127.0.0.0/8"] });
});

afterEach(() => vi.restoreAllMocks());

afterAll(() => served.stop());

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

async function call(hook: SeededHook, init: RequestInit = {}, path = "hooks", query = "", to = served): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${to.server.port}/${path}/${hook.token}${query}`, { method: "POST", ...init });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

function json(body: unknown, headers: Record<string, string> = {}): RequestInit {
  return { body: JSON.stringify(body), headers: { "content-type": "application/json", ...headers } };
}

/** Status and stable code of a refusal. */
const refusal = ({ status, text }: Answer): [number, unknown] => [status, JSON.parse(text).code];

async function rows(sql: string, hook: SeededHook): Promise<Record<string, unknown>[]> {
  return (await owner.query(sql, [hook.triggerId])).rows;
}

const occurrencesOf = (hook: SeededHook): Promise<Record<string, unknown>[]> => rows("SELECT occurrence_key, reason, detail, execution_id IS NOT NULL AS has_execution FROM occurrences WHERE trigger_id = $1 ORDER BY 1", hook);
const executionsOf = async (hook: SeededHook): Promise<number> => (await rows("SELECT id FROM executions WHERE trigger_id = $1", hook)).length;

describe("a filter", () => {
  const config = { ...NONE, deliveryIdHeader: "x-delivery", filter: { conditions: [{ path: "body.kind", operator: "equals", right: "order" }] } };

  test("makes no execution of what does not match, records why, and takes a repeat for the same", async () => {
    const hook = await addHook(owner, tenantId, { config });
    const answers = await Promise.all([call(hook, json({ kind: "order" }, { "x-delivery": "a" })), call(hook, json({ kind: "secret kind" }, { "x-delivery": "b" })), call(hook, json({}, { "x-delivery": "c" }))]);
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
    expect(JSON.parse(answers[1]?.text ?? "")).toEqual({ filtered: true });
    expect(await occurrencesOf(hook)).toEqual([
      { occurrence_key: "delivery:a", reason: "ACCEPTED", detail: null, has_execution: true },
      { occurrence_key: "delivery:b", reason: "FILTERED", detail: "body.kind: equals does not hold.", has_execution: false },
      { occurrence_key: "delivery:c", reason: "FILTERED", detail: "body.kind is not there, so equals does not hold.", has_execution: false },
    ]);
    expect(JSON.parse((await call(hook, json({ kind: "order" }, { "x-delivery": "b" }))).text)).toEqual({ filtered: true });
    expect(JSON.parse((await call(hook, json({ kind: "x" }, { "x-delivery": "a" }))).text)).toMatchObject({ duplicate: true });
    expect([await executionsOf(hook), (await occurrencesOf(hook)).length]).toEqual([1, 3]);
    expect(await rows("SELECT o.execution_id FROM outbox o JOIN executions e ON e.id = o.execution_id WHERE e.trigger_id = $1", hook)).toHaveLength(1);
  });

  test("that cannot be evaluated matches nothing, also where the caller waits", async () => {
    const hook = await addHook(owner, tenantId, { config: { ...config, response: { mode: "lastNode" }, filter: { conditions: [{ path: "body.kind", operator: "greaterThan", right: 3 }] } } });
    expect(JSON.parse((await call(hook, json({ kind: "order" }, { "x-delivery": "a" }))).text)).toEqual({ filtered: true });
    expect(await occurrencesOf(hook)).toMatchObject([{ reason: "FILTERED", detail: "body.kind is a text, which greaterThan cannot look at." }]);
  });

  test("of a trigger that is switched off records nothing", async () => {
    const hook = await addHook(owner, tenantId, { config });
    await call(hook, json({}, { "x-delivery": "a" }));
    await owner.query("UPDATE triggers SET is_enabled = false WHERE id = $1", [hook.triggerId]);
    expect(refusal(await call(hook, json({}, { "x-delivery": "b" })))).toEqual([404, "HOOK_NOT_FOUND"]);
    expect(await occurrencesOf(hook)).toHaveLength(1);
  });
});

describe("providers", () => {
  const hmac = (content: string, secret = SECRET): string => createHmac("sha256", secret).update(content).digest("hex");
  const stripe = (body: string, at = Math.floor(Date.now() / 1_000), secret = SECRET): RequestInit => ({
    body,
    headers: { "content-type": "application/json", "stripe-signature": `t=${at},v1=${"0".repeat(64)},v1=${hmac(`${at}.${body}`, secret)}` },
  });

  test("Stripe's event is one execution; forged, replayed and wrong-tenant requests leave no row", async () => {
    const hook = await addHook(owner, tenantId, { config: { authentication: { mode: "stripe" } }, seal });
    const body = ' { "id": "evt_1", "type":"invoice.paid" } ';
    const old = Math.floor(Date.now() / 1_000) - 301;
    expect(refusal(await call(hook, { ...stripe(body), body: body.trim() }))).toEqual([401, "HOOK_SIGNATURE_INVALID"]);
    expect(refusal(await call(hook, stripe(body, undefined, "another tenant's")))).toEqual([401, "HOOK_SIGNATURE_INVALID"]);
    expect(refusal(await call(hook, stripe(body, old)))).toEqual([401, "HOOK_TIMESTAMP_REJECTED"]);
    expect(refusal(await call(hook, { body }))).toEqual([401, "HOOK_UNAUTHENTICATED"]);
    expect([await occurrencesOf(hook), await executionsOf(hook)]).toEqual([[], 0]);
    expect((await call(hook, stripe(body))).status).toBe(202);
    expect((await call(hook, stripe(body))).status).toBe(200);
    expect(await occurrencesOf(hook)).toMatchObject([{ occurrence_key: "delivery:evt_1" }]);
    expect(JSON.stringify(await rows("SELECT input FROM executions WHERE trigger_id = $1", hook))).not.toContain("stripe-signature");
  });

  test("Slack's question is answered when it is signed, without an execution", async () => {
    const hook = await addHook(owner, tenantId, { config: { authentication: { mode: "slack" } }, seal });
    const body = JSON.stringify({ type: "url_verification", challenge: "<b>3eZb</b>", token: "x" });
    const at = String(Math.floor(Date.now() / 1_000));
    const headers = { "content-type": "application/json", "x-slack-request-timestamp": at, "x-slack-signature": `v0=${hmac(`v0:${at}:${body}`)}` };
    const answer = await call(hook, { body, headers });
    expect([answer.status, answer.text, answer.headers.get("content-type"), answer.headers.get("x-content-type-options")]).toEqual([200, "<b>3eZb</b>", "text/plain; charset=utf-8", "nosniff"]);
    expect(refusal(await call(hook, { body, headers: { ...headers, "x-slack-signature": `v0=${"0".repeat(64)}` } }))).toEqual([401, "HOOK_SIGNATURE_INVALID"]);
    expect(await occurrencesOf(hook)).toEqual([]);
  });

  test("Meta's question comes by GET to a hook for POST; Microsoft's secret is not recorded", async () => {
    const meta = await addHook(owner, tenantId, { config: { authentication: { mode: "meta" } }, seal });
    const ask = (token: string): Promise<Answer> => call(meta, { method: "GET" }, "hooks", `?hub.mode=subscribe&hub.verify_token=${token}&hub.challenge=77`);
    expect([(await ask(meta.token)).text, refusal(await ask("wrong")), refusal(await call(meta, { method: "GET" }))]).toEqual(["77", [401, "HOOK_UNAUTHENTICATED"], [405, "HOOK_METHOD_NOT_ALLOWED"]]);
    const graph = await addHook(owner, tenantId, { config: { authentication: { mode: "microsoft" } }, seal });
    expect((await call(graph, {}, "hooks", "?validationToken=a%20b")).text).toBe("a b");
    expect((await call(graph, json({ value: [{ clientState: SECRET, resource: "me" }] }))).status).toBe(202);
    expect(refusal(await call(graph, json({ value: [{ clientState: "x" }] })))).toEqual([401, "HOOK_UNAUTHENTICATED"]);
    expect(await rows("SELECT input -> 'body' AS body FROM executions WHERE trigger_id = $1", graph)).toEqual([{ body: { value: [{ resource: "me" }] } }]);
    expect(await executionsOf(meta)).toBe(0);
  });
});

describe("the caller's address", () => {
  test("is what the trusted proxy says; the refused leave no row", async () => {
    const hook = await addHook(owner, tenantId, { config: { ...NONE, allowedAddresses: ["192.0.2.0/24", "2001:db8::/32"] } });
    const from = (address?: string): Promise<Answer> => call(hook, address === undefined ? {} : { headers: { "x-forwarded-for": address } });
    for (const address of ["192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1", "203.0.113.1, 192.0.2.7, 127.0.0.9"]) expect((await from(address)).status).toBe(202);
    for (const address of [undefined, "192.0.3.1", "192.0.2.7, 203.0.113.1", "unknown", "::ffff:203.0.113.1"]) expect(refusal(await from(address))).toEqual([403, "HOOK_ADDRESS_REFUSED"]);
    expect(await executionsOf(hook)).toBe(4);
  });

  test("is the connection's where no proxy is trusted", async () => {
    const direct = await serveHooks({ db: app, box, logger });
    const hook = await addHook(owner, tenantId, { config: { ...NONE, allowedAddresses: ["192.0.2.0/24"] } });
    expect(refusal(await call(hook, { headers: { "x-forwarded-for": "192.0.2.7" } }, "hooks", "", direct))).toEqual([403, "HOOK_ADDRESS_REFUSED"]);
    const local = await addHook(owner, tenantId, { config: { ...NONE, allowedAddresses: ["127.0.0.1"] } });
    expect((await call(local, { headers: { "x-forwarded-for": "203.0.113.1" } }, "hooks", "", direct)).status).toBe(202);
    await direct.stop();
  });
});

describe("the rate limit", () => {
  test("takes so many, and so many more within ten minutes; the next are told when to come again", async () => {
    const hook = await addHook(owner, tenantId, { config: { ...NONE, rateLimit: { perMinute: 3, burst: 2 } } });
    const other = await addHook(owner, tenantId, { config: { ...NONE, rateLimit: { perMinute: 3, burst: 2 } } });
    const answers = await Promise.all(Array.from({ length: 8 }, () => call(hook)));
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(5);
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(3);
    for (const answer of refused) {
      expect(refusal(answer)).toEqual([429, "RATE_LIMITED"]);
      expect(Number(answer.headers.get("retry-after"))).toSatisfy((seconds: number) => seconds >= 1 && seconds <= 600);
    }
    expect([await executionsOf(hook), (await call(other)).status]).toEqual([5, 202]);
  });

  test("refuses nobody while Redis is away, and says so", async () => {
    const away = await serveHooks({ db: app, box, logger, redisUrl: "redis://127.0.0.1:9" });
    const hook = await addHook(owner, tenantId, { config: { ...NONE, rateLimit: { perMinute: 1 } } });
    expect([(await call(hook, {}, "hooks", "", away)).status, (await call(hook, {}, "hooks", "", away)).status]).toEqual([202, 202]);
    expect(await away.registry.getSingleMetricAsString("fluxo_hook_limits_uncounted_total")).toContain("fluxo_hook_limits_uncounted_total 2");
    await away.stop();
  });
});

test("a hook that asks for nothing costs one statement and no trip to Redis; each feature costs its own alone", async () => {
  const plain = await addHook(owner, tenantId);
  const filtered = await addHook(owner, tenantId, { config: { ...NONE, filter: { conditions: [{ path: "body", operator: "notExists" }] }, allowedAddresses: ["192.0.2.7"] } });
  const limited = await addHook(owner, tenantId, { config: { ...NONE, rateLimit: { perMinute: 100 } } });
  const init = { headers: { "x-forwarded-for": "192.0.2.7" } };
  for (const hook of [plain, filtered, limited]) expect((await call(hook, init)).status).toBe(202);
  const statements = vi.spyOn(app, "query");
  const commands = vi.spyOn(served.redis, "sendCommand");
  const costs: number[][] = [];
  for (const hook of [plain, filtered, limited]) {
    const before = [statements.mock.calls.length, commands.mock.calls.length];
    expect((await call(hook, init)).status).toBe(202);
    costs.push([statements.mock.calls.length - (before[0] ?? 0), commands.mock.calls.length - (before[1] ?? 0)]);
  }
  expect(costs).toEqual([[1, 0], [1, 0], [1, 1]]);
});

describe("the test address", () => {
  const open = (hook: SeededHook, minutes = 10): Promise<unknown> =>
    owner.query("INSERT INTO hook_tests (tenant_id, trigger_id, opened_at, expires_at) VALUES ($1, $2, now(), now() + make_interval(mins => $3)) ON CONFLICT (tenant_id, trigger_id) DO UPDATE SET sample_id = NULL, expires_at = excluded.expires_at", [hook.tenantId, hook.triggerId, minutes]);

  test("captures one request of many at one time, without its secrets, and starts nothing", async () => {
    const hook = await addHook(owner, tenantId, { config: { authentication: { mode: "header", header: "X-Key" } }, seal });
    const good = json({ a: "\u0000" }, { "x-key": SECRET, cookie: "hidden", "x-kept": "yes" });
    expect(refusal(await call(hook, good, "hooks-test"))).toEqual([409, "HOOK_TEST_CLOSED"]);
    await open(hook);
    expect(refusal(await call(hook, json({}, { "x-key": "wrong" }), "hooks-test"))).toEqual([401, "HOOK_UNAUTHENTICATED"]);
    const answers = await Promise.all(Array.from({ length: 5 }, () => call(hook, good, "hooks-test")));
    expect(answers.map(({ status }) => status).toSorted((left, right) => left - right)).toEqual([202, 409, 409, 409, 409]);
    const samples = await rows("SELECT id, payload FROM hook_samples WHERE trigger_id = $1", hook);
    expect(samples).toMatchObject([{ payload: { method: "POST", headers: { "x-kept": "yes" }, body: { a: "\ufffd" } } }]);
    expect(JSON.parse(answers.find(({ status }) => status === 202)?.text ?? "")).toEqual({ sampleId: samples[0]?.["id"] });
    expect(JSON.stringify(samples)).not.toMatch(new RegExp(`hidden|${SECRET}|${hook.token}`));
    expect([await executionsOf(hook), await occurrencesOf(hook)]).toEqual([0, []]);
  });

  test("is closed when its time is over, keeps ten samples, and takes no large body", async () => {
    const hook = await addHook(owner, tenantId);
    await open(hook, -1);
    expect(refusal(await call(hook, json({}), "hooks-test"))).toEqual([409, "HOOK_TEST_CLOSED"]);
    for (let count = 0; count < 11; count += 1) {
      await open(hook);
      expect((await call(hook, json({ count }), "hooks-test")).status).toBe(202);
    }
    const kept = await rows("SELECT (payload -> 'body' ->> 'count')::int AS count FROM hook_samples WHERE trigger_id = $1 ORDER BY id", hook);
    expect(kept.map(({ count }) => count)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    await open(hook);
    expect(refusal(await call(hook, { body: Buffer.alloc(262_145) }, "hooks-test"))).toEqual([413, "BODY_TOO_LARGE"]);
  });

  test("belongs to its tenant: another one's session captures nothing", async () => {
    const hook = await addHook(owner, tenantId);
    const other = await addHook(owner, (await addTenant(owner)).tenantId);
    await open(other);
    expect(refusal(await call(hook, json({}), "hooks-test"))).toEqual([409, "HOOK_TEST_CLOSED"]);
    const { rows: seen } = await app.query("SELECT 1 FROM hook_tests");
    expect(seen).toEqual([]);
  });
});

test("a probe of this installation is answered with what only it can know; all others are requests like any", async () => {
  const hook = await addHook(owner, tenantId, { config: { authentication: { mode: "header", header: "x-key" }, allowedAddresses: ["192.0.2.1"] }, seal });
  const nonce = randomUUID();
  const probe = (value: string): Promise<Answer> => call(hook, { headers: { "fluxo-probe": value } });
  expect(JSON.parse((await probe(sealProbe(box, hook.token, nonce, new Date()))).text)).toEqual({ probe: nonce });
  const foreign = createSecretBox(Buffer.alloc(32, 8));
  for (const bad of [sealProbe(foreign, hook.token, nonce, new Date()), sealProbe(box, "another token", nonce, new Date()), sealProbe(box, hook.token, nonce, new Date(Date.now() - 61_000)), "x", "x".repeat(2_000)]) {
    expect(refusal(await probe(bad))).toEqual([403, "HOOK_ADDRESS_REFUSED"]);
  }
  expect(await occurrencesOf(hook)).toEqual([]);
});
