import { createHmac, randomUUID } from "node:crypto";
import { createConnection } from "node:net";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import type { RunningServer } from "@fluxo/runtime/http-server";
import { createLogger } from "@fluxo/runtime/logger";
import { createSecretBox } from "@fluxo/runtime/secrets/box";
import { Webhook } from "standardwebhooks";
import { PATIENCE_MS } from "@fluxo/test/support/eventually";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type pg from "pg";
import { addTenant, PLAN } from "@fluxo/prisma/testing/seed";
import { createPool } from "@fluxo/prisma/database/pool";
import { addHook, type SeededHook } from "../testing/hooks.ts";
import type { Recorder } from "./recorder.ts";
import { serveHooks, type ServedHooks } from "./testing/serve-hooks.ts";

const box = createSecretBox(Buffer.alloc(32, 7));
const lines: string[] = [];
const logger = createLogger({ service: "ingress", level: "debug", destination: { write: (line) => void lines.push(line) } });

const { owner, app } = await useTestDatabase();
let server: RunningServer;
let tenantId: string;
let open: SeededHook;
let recorder: Recorder;

const serve = (db: pg.Pool, hookTtlMs = 0): Promise<ServedHooks> => serveHooks({ db, box, logger, hookTtlMs });

beforeAll(async () => {
  ({ tenantId } = await addTenant(owner, PLAN.AGENCY));
  open = await addHook(owner, tenantId);
  ({ server, recorder } = await serve(app));
});

afterEach(() => vi.restoreAllMocks());

afterAll(async () => {
  await server.close(1_000);
  await recorder.drain();
});

function call(hook: { readonly token: string }, init: RequestInit = {}, port = server.port, suffix = ""): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}/hooks/${hook.token}${suffix}`, { method: "POST", ...init });
}

function callJson(hook: { readonly token: string }, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return call(hook, { body: JSON.stringify(body), headers: { "content-type": "application/json", ...headers } });
}

async function inputsOf(hook: SeededHook): Promise<{ id: string; status: string; input: Record<string, unknown>; occurrence_key: string }[]> {
  const { rows } = await owner.query("SELECT id, status, input, occurrence_key FROM executions WHERE trigger_id = $1 ORDER BY id", [hook.triggerId]);
  return rows;
}

async function expectProblem(response: Response, status: number, code: string): Promise<Record<string, unknown>> {
  const problem = (await response.json()) as Record<string, unknown>;
  expect({ status: response.status, code: problem["code"] }).toEqual({ status, code });
  expect(response.headers.get("content-type")).toContain("application/problem+json");
  expect(problem).toMatchObject({ type: `urn:fluxo:error:${code}`, status, instance: response.headers.get("x-request-id") });
  return problem;
}

describe("what is accepted", () => {
  test("is a queued execution with its outbox row before the answer", async () => {
    const hook = await addHook(owner, tenantId);
    const headers = { "content-type": "application/json", authorization: "Bearer hidden", cookie: "a=b", "x-api-key": "hidden", "x-kept": "yes" };
    const response = await call(hook, { body: '{"email":"ada@example.com"}', headers }, server.port, "?a=1&b=2&a=3");
    const receipt = (await response.json()) as { executionId: string };
    expect(response.status).toBe(202);
    expect(receipt).toEqual({ executionId: expect.any(String), duplicate: false });
    const [execution] = await inputsOf(hook);
    expect(execution).toMatchObject({ id: receipt.executionId, status: "QUEUED", occurrence_key: `id:${receipt.executionId}` });
    expect(execution?.input).toMatchObject({ method: "POST", query: { a: ["1", "3"], b: "2" }, body: { email: "ada@example.com" }, headers: { "x-kept": "yes" } });
    expect(JSON.stringify(execution?.input)).not.toMatch(/hidden|a=b/);
    expect(JSON.stringify(execution?.input)).not.toContain(hook.token);
    const { rows } = await owner.query("SELECT event_id FROM outbox WHERE execution_id = $1", [receipt.executionId]);
    expect(rows).toEqual([{ event_id: receipt.executionId }]);
  });

  test("comes by every method that the hook has", async () => {
    const hook = await addHook(owner, tenantId, { config: { methods: ["GET", "PUT", "PATCH", "DELETE"], authentication: { mode: "none" } } });
    for (const method of ["GET", "PUT", "PATCH", "DELETE"]) expect((await call(hook, { method })).status).toBe(202);
    const refused = await call(hook, { method: "POST", body: "x" });
    expect(refused.headers.get("allow")).toBe("GET, PUT, PATCH, DELETE");
    await expectProblem(refused, 405, "HOOK_METHOD_NOT_ALLOWED");
    expect((await inputsOf(hook)).map(({ input }) => [input["method"], input["body"]])).toEqual([["GET", null], ["PUT", null], ["PATCH", null], ["DELETE", null]]);
  });

  test("comes by its address however that is written: plainly, with a query, encoded, with a slash behind it, in capitals", async () => {
    const hook = await addHook(owner, tenantId);
    const encoded = `%${hook.token.charCodeAt(0).toString(16)}${hook.token.slice(1)}`;
    for (const path of [`hooks/${hook.token}`, `hooks/${hook.token}?a=/b?c`, `hooks/${encoded}`, `hooks/${hook.token}/`, `HOOKS/${hook.token}`]) {
      const response = await fetch(`http://127.0.0.1:${server.port}/${path}`, { method: "POST" });
      expect([path, response.status]).toEqual([path, 202]);
    }
    expect((await inputsOf(hook)).map(({ input }) => input["query"])).toEqual([{}, { a: "/b?c" }, {}, {}, {}]);
  });

  test("does not depend on the workflow being active: admission says so later", async () => {
    const hook = await addHook(owner, tenantId, { isActive: false });
    expect((await callJson(hook, {})).status).toBe(202);
  });

  test("is no larger than the plan allows; a larger one is refused and makes no execution", async () => {
    const free = await addTenant(owner, PLAN.FREE);
    const hook = await addHook(owner, free.tenantId);
    const body = JSON.stringify({ text: "x".repeat(262_144) });
    await expectProblem(await call(hook, { body, headers: { "content-type": "application/json" } }), 413, "PAYLOAD_TOO_LARGE");
    expect(await inputsOf(hook)).toEqual([]);
    expect((await callJson(hook, { text: "x".repeat(200_000) })).status).toBe(202);
  });

  test("may hold what jsonb cannot, and be large", async () => {
    const hook = await addHook(owner, tenantId);
    expect((await call(hook, { body: '{"a":"\\u0000\\ud800"}', headers: { "content-type": "application/json" } })).status).toBe(202);
    expect((await call(hook, { body: Buffer.alloc(1_048_576, 1), headers: { "content-type": "text/plain" } })).status).toBe(202);
    const { rows } = await owner.query("SELECT count(*)::int AS count FROM payloads WHERE tenant_id = $1", [tenantId]);
    expect(rows).toEqual([{ count: 1 }]);
  });

  test("survives a caller that goes away after its body", async () => {
    const hook = await addHook(owner, tenantId);
    const socket = createConnection(server.port, "127.0.0.1");
    await new Promise<void>((resolve) => socket.write(`POST /hooks/${hook.token} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok`, () => resolve()));
    setTimeout(() => socket.destroy(), 5);
    await vi.waitFor(async () => expect(await inputsOf(hook)).toHaveLength(1), { timeout: PATIENCE_MS });
  });
});

describe("duplicates", () => {
  test("50 at once with one delivery id are one execution, and all answers name it", async () => {
    const hook = await addHook(owner, tenantId, { config: { authentication: { mode: "none" }, deliveryIdHeader: "x-delivery" } });
    const responses = await Promise.all(Array.from({ length: 50 }, () => callJson(hook, { a: 1 }, { "x-delivery": "d-1" })));
    const receipts = (await Promise.all(responses.map((response) => response.json()))) as { executionId: string; duplicate: boolean }[];
    expect(responses.filter(({ status }) => status === 202)).toHaveLength(1);
    expect(responses.filter(({ status }) => status === 200)).toHaveLength(49);
    expect(receipts.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    expect(new Set(receipts.map(({ executionId }) => executionId)).size).toBe(1);
    expect(await inputsOf(hook)).toHaveLength(1);
  });

  test("a missing or malformed delivery id is refused", async () => {
    const hook = await addHook(owner, tenantId, { config: { authentication: { mode: "none" }, deliveryIdHeader: "x-delivery" } });
    await expectProblem(await callJson(hook, {}), 400, "DELIVERY_ID_INVALID");
    await expectProblem(await callJson(hook, {}, { "x-delivery": "x".repeat(256) }), 400, "DELIVERY_ID_INVALID");
    await expectProblem(await callJson(hook, {}, { "x-delivery": "a b" }), 400, "DELIVERY_ID_INVALID");
    expect(await inputsOf(hook)).toEqual([]);
  });
});

describe("statements", () => {
  test("requests that wait at the same time share them, also those of two tenants", async () => {
    const other = await addTenant(owner);
    const hooks = [open, await addHook(owner, other.tenantId)];
    const cached = await serve(app, 60_000);
    await Promise.all(hooks.map((hook) => call(hook, { body: "warm" }, cached.server.port)));
    const blocker = await owner.connect();
    await blocker.query("BEGIN");
    await blocker.query("LOCK TABLE occurrences IN EXCLUSIVE MODE");
    const statements = vi.spyOn(app, "query");
    const taken = vi.spyOn(cached.recorder, "record");
    const responses = Promise.all(Array.from({ length: 80 }, (_, index) => call(hooks[index % 2] ?? open, { body: "x" }, cached.server.port)));
    await vi.waitFor(() => expect(taken).toHaveBeenCalledTimes(80), { timeout: PATIENCE_MS });
    await blocker.query("COMMIT");
    blocker.release();
    expect((await responses).every(({ status }) => status === 202)).toBe(true);
    expect(statements.mock.calls.length).toBeLessThanOrEqual(4);
    await cached.server.close(1_000);
  });
});

describe("what is refused leaves no row", () => {
  test("unknown tokens", async () => {
    await expectProblem(await call({ token: "0".repeat(32) }), 404, "HOOK_NOT_FOUND");
    await expectProblem(await call({ token: "short" }), 404, "HOOK_NOT_FOUND");
    await expectProblem(await call({ token: "%E0%A4%A" }), 404, "HOOK_NOT_FOUND");
    await expectProblem(await fetch(`http://127.0.0.1:${server.port}/elsewhere`), 404, "NOT_FOUND");
  });

  test("triggers that are disabled or of another kind", async () => {
    const hook = await addHook(owner, tenantId);
    await owner.query("UPDATE triggers SET is_enabled = false WHERE id = $1", [hook.triggerId]);
    await expectProblem(await callJson(hook, {}), 404, "HOOK_NOT_FOUND");
  });

  test("a trigger that goes between look-up and commit", async () => {
    const hook = await addHook(owner, tenantId);
    const cached = await serve(app, 60_000);
    expect((await call(hook, { body: "x" }, cached.server.port)).status).toBe(202);
    await owner.query("UPDATE triggers SET is_enabled = false WHERE id = $1", [hook.triggerId]);
    await expectProblem(await call(hook, { body: "x" }, cached.server.port), 404, "HOOK_NOT_FOUND");
    await cached.server.close(1_000);
  });

  test("bodies that are too large, declared or in chunks", async () => {
    const hook = await addHook(owner, tenantId);
    const tooLarge = Buffer.alloc(1_048_577, 97);
    await expectProblem(await call(hook, { body: tooLarge }), 413, "BODY_TOO_LARGE");
    const stream = new ReadableStream({ start: (controller) => { controller.enqueue(tooLarge); controller.close(); } });
    await expectProblem(await call(hook, { body: stream, duplex: "half" }), 413, "BODY_TOO_LARGE");
    expect(await inputsOf(hook)).toEqual([]);
  });

  test("packed bodies", async () => {
    await expectProblem(await call(open, { body: "x", headers: { "content-encoding": "gzip" } }), 415, "UNSUPPORTED_MEDIA_TYPE");
    expect((await call(open, { body: "x", headers: { "content-encoding": "identity" } })).status).toBe(202);
  });

  test("malformed JSON and keys that reach the object machinery", async () => {
    const hook = await addHook(owner, tenantId);
    const json = { "content-type": "application/json" };
    await expectProblem(await call(hook, { body: '{"a":', headers: json }), 400, "MALFORMED_JSON");
    for (const key of ["__proto__", "constructor", "prototype"]) {
      const problem = await expectProblem(await call(hook, { body: `{"a":[{"${key}":{"p":1}}]}`, headers: json }), 400, "VALIDATION_FAILED");
      expect(problem["issues"]).toEqual([expect.objectContaining({ path: `/body/a/0/${key}`, code: "KEY_REFUSED" })]);
      await expectProblem(await call(hook, { body: "x" }, server.port, `?${key}=1`), 400, "VALIDATION_FAILED");
    }
    expect(Object.prototype).not.toHaveProperty("p");
    expect(await inputsOf(hook)).toEqual([]);
  });
});

describe("authentication", () => {
  const secret = `whsec_${Buffer.alloc(24, 3).toString("base64")}`;
  const seal = (owningTenant: string, triggerId: string): Uint8Array => box.seal(secret, [owningTenant, triggerId]);

  test("Standard Webhooks: its id is the delivery id; a wrong signature leaves no row", async () => {
    const hook = await addHook(owner, tenantId, { config: { authentication: { mode: "standard" } }, seal });
    const now = new Date();
    const timestamp = String(Math.floor(now.getTime() / 1_000));
    const signed = (signature: string): Record<string, string> => ({ "webhook-id": "msg_1", "webhook-timestamp": timestamp, "webhook-signature": signature });
    const signature = new Webhook(secret).sign("msg_1", now, '{"a":1}');
    await expectProblem(await callJson(hook, { a: 2 }, signed(signature)), 401, "HOOK_SIGNATURE_INVALID");
    await expectProblem(await callJson(hook, { a: 1 }), 401, "HOOK_UNAUTHENTICATED");
    expect(await inputsOf(hook)).toEqual([]);
    expect((await callJson(hook, { a: 1 }, signed(`v1,bm8= ${signature}`))).status).toBe(202);
    expect((await callJson(hook, { a: 1 }, signed(signature))).status).toBe(200);
    const [execution] = await inputsOf(hook);
    expect(execution?.occurrence_key).toBe("delivery:msg_1");
    expect(JSON.stringify(execution?.input)).not.toContain(signature);
  });

  test("HMAC over the raw body, and the header mode", async () => {
    const config = { authentication: { mode: "hmac", header: "X-Hub-Signature-256", encoding: "hex", prefix: "sha256=" } };
    const hook = await addHook(owner, tenantId, { config, seal });
    const body = ' { "a" : 1 } ';
    const signature = `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
    expect((await call(hook, { body, headers: { "x-hub-signature-256": signature } })).status).toBe(202);
    await expectProblem(await call(hook, { body: body.trim(), headers: { "x-hub-signature-256": signature } }), 401, "HOOK_SIGNATURE_INVALID");
    const tokenHook = await addHook(owner, tenantId, { config: { authentication: { mode: "header", header: "X-Token" } }, seal });
    expect((await call(tokenHook, { body, headers: { "x-token": secret } })).status).toBe(202);
    await expectProblem(await call(tokenHook, { body, headers: { "x-token": `${secret}x` } }), 401, "HOOK_UNAUTHENTICATED");
    expect(await inputsOf(tokenHook)).toHaveLength(1);
  });

  test("a missing secret, another tenant's, and parameters that cannot be read refuse everybody", async () => {
    const config = { authentication: { mode: "header", header: "x-token" } };
    const without = await addHook(owner, tenantId, { config });
    await expectProblem(await call(without, { headers: { "x-token": "" } }), 401, "HOOK_UNAUTHENTICATED");
    const foreign = await addHook(owner, tenantId, { config, seal: (_, triggerId) => box.seal(secret, [randomUUID(), triggerId]) });
    await expectProblem(await call(foreign, { headers: { "x-token": secret } }), 500, "INTERNAL");
    const unreadable = await addHook(owner, tenantId, { config: { authentication: { mode: "unheard-of" } } });
    await expectProblem(await call(unreadable), 500, "INTERNAL");
    expect(lines.join("\n")).toContain(foreign.triggerId);
    expect(lines.join("\n")).not.toContain(secret);
  });
});

describe("when PostgreSQL does not answer", () => {
  test("it is 503 with Retry-After, and one broken connection is not noticed", async () => {
    const away = createPool({ connectionString: "postgresql://fluxo_app:app@127.0.0.1:9/none", applicationName: "test", max: 5, role: "fluxo_app" });
    const unreachable = await serve(away);
    const response = await call(open, { body: "x" }, unreachable.server.port);
    expect(response.headers.get("retry-after")).toBe("1");
    await expectProblem(response, 503, "UNAVAILABLE");
    await unreachable.server.close(1_000);
    await away.end();

    await owner.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'fluxo_app' AND datname = current_database()");
    expect((await call(open, { body: "x" })).status).toBe(202);
  });

  test("a row that cannot be stored fails alone", async () => {
    const hook = await addHook(owner, tenantId);
    await owner.query(`CREATE FUNCTION refuse_poison() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN IF NEW.input ->> 'body' = 'poison' THEN RAISE EXCEPTION 'poison' USING ERRCODE = '22000'; END IF; RETURN NEW; END $$`);
    await owner.query("CREATE TRIGGER poison BEFORE INSERT ON executions FOR EACH ROW EXECUTE FUNCTION refuse_poison()");
    const headers = { "content-type": "text/plain" };
    const responses = await Promise.all(Array.from({ length: 20 }, (_, index) => call(hook, { body: index === 7 ? "poison" : "fine", headers })));
    await owner.query("DROP TRIGGER poison ON executions");
    const statuses = responses.map(({ status }) => status);
    expect(statuses.filter((status) => status === 202)).toHaveLength(19);
    expect(statuses[7]).toBe(400);
    expect(await inputsOf(hook)).toHaveLength(19);
  });
});
