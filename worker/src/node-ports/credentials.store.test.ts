import { randomBytes, randomUUID } from "node:crypto";
import { Redactor } from "@fluxo/core/credentials/redactor";
import type { CredentialKind } from "@fluxo/core/credentials/kinds";
import { NodeError } from "@fluxo/core/errors/node-error";
import type { JsonObject } from "@fluxo/core/json";
import { AccessTokens } from "@fluxo/prisma/credentials/access-tokens";
import { createTenantDb, type TenantDb } from "@fluxo/prisma/database/tenant-db";
import { addCredential, useCredential } from "@fluxo/prisma/testing/credentials";
import { queueExecutions, seedWorkflow, type SeededWorkflow } from "@fluxo/prisma/testing/seed";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { CLIENT, startTokenServer, type TokenServer } from "@fluxo/prisma/testing/token-server";
import { systemClock } from "@fluxo/runtime/clock";
import { createGuardedClient } from "@fluxo/runtime/http/guarded-client";
import { createLogger } from "@fluxo/runtime/logger";
import { createMetrics, createRegistry } from "@fluxo/runtime/metrics";
import { createStaticKeyProvider } from "@fluxo/runtime/secrets/key-provider";
import { createVault } from "@fluxo/runtime/secrets/vault";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Engine } from "../execution/engine.ts";
import { createCredentials } from "./credentials.ts";
import { startEchoServer, type EchoServer } from "./testing/echo-server.ts";
import { createEngine } from "../execution/testing/pod.ts";

const vault = createVault(createStaticKeyProvider(randomBytes(32)), () => performance.now());
const registry = createRegistry();
const logLines: string[] = [];
const { owner, app, system } = await useTestDatabase();
let tenantDb: TenantDb;
let echo: EchoServer;
let stranger: EchoServer;
let tokenServer: TokenServer;
let tokens: AccessTokens;
let engine: Engine;

beforeAll(async () => {
  tenantDb = createTenantDb(app);
  [echo, stranger, tokenServer] = await Promise.all([startEchoServer(), startEchoServer(), startTokenServer()]);
  const logger = createLogger({ service: "worker", level: "trace", destination: { write: (line) => void logLines.push(line) } });
  const metrics = createMetrics(registry);
  const http = createGuardedClient({ allowedPrivateHosts: [echo.host, stranger.host, `127.0.0.1:${tokenServer.port}`] });
  tokens = new AccessTokens({ db: app, vault, http, clock: systemClock, owner: "w" });
  engine = createEngine({ app, system }, "w", { logger, metrics, reach: { http, credentials: createCredentials({ db: app, vault, tokens }) } });
});

afterAll(async () => {
  await tenantDb.close();
  await Promise.all([echo.stop(), stranger.stop(), tokenServer.stop()]);
});

interface Call {
  readonly id: string;
  readonly kind: CredentialKind;
  readonly fields: JsonObject;
  readonly path: string;
  readonly params?: JsonObject;
}

/** A workflow that calls the echo server once per credential, side by side. */
async function workflowOf(calls: readonly Call[]): Promise<{ workflow: SeededWorkflow; ids: ReadonlyMap<string, string> }> {
  const workflow = await seedWorkflow(owner, {
    nodes: [{ id: "start", type: "trigger.manual" }, ...calls.map(({ id }) => ({ id, type: "http.request", params: {} }))],
    edges: calls.map(({ id }) => ({ from: "start", to: id })),
  });
  const ids = new Map<string, string>();
  for (const { id, kind, fields } of calls) ids.set(id, await addCredential(tenantDb, vault, workflow.tenantId, kind, fields));
  const graph = {
    nodes: [
      { id: "start", type: "trigger.manual", params: {}, onError: "stop" },
      ...calls.map(({ id, path, params }) => ({ id, type: "http.request", params: { method: "POST", url: `${echo.url}${path}`, credential: ids.get(id), body: { marker: "m4rker" }, ...params }, retry: { maxAttempts: 2, initialDelayMs: 10 }, onError: "continue" })),
    ],
    edges: calls.map(({ id }) => ({ from: "start", port: "main", to: id })),
  };
  // A version never changes; this one was written before the credentials had ids.
  await owner.query("ALTER TABLE workflow_versions DISABLE TRIGGER USER");
  await owner.query("UPDATE workflow_versions SET graph = $2 WHERE id = $1", [workflow.versionId, JSON.stringify(graph)]);
  await owner.query("ALTER TABLE workflow_versions ENABLE TRIGGER USER");
  for (const [id, credentialId] of ids) await useCredential(tenantDb, workflow, id, credentialId);
  return { workflow, ids };
}

/** Tables that hold a text, or its bytes, in any row. */
async function findInDatabase(text: string): Promise<string[]> {
  const { rows: tables } = await owner.query<{ name: string }>("SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1");
  const holding: string[] = [];
  for (const { name } of tables) {
    const { rows } = await owner.query<{ n: number }>(`SELECT count(*)::int AS n FROM "${name}" t WHERE strpos(t::text, $1) > 0 OR strpos(t::text, $2) > 0 OR strpos(t::text, $3) > 0`, [
      text,
      Buffer.from(text).toString("hex"),
      Buffer.from(text).toString("base64").replace(/.{0,3}=*$/, ""),
    ]);
    if ((rows[0]?.n ?? 0) > 0) holding.push(name);
  }
  return holding;
}

test("canaries: a provider that says every secret back leaves none in any table, log or metric", async () => {
  const canaries = Array.from({ length: 5 }, (_, n) => `canary${n}/"${randomBytes(9).toString("hex")}"&<ü>`);
  const tokenCanary = `canary-${randomBytes(9).toString("hex")}`;
  tokenServer.refreshToken = tokenCanary;
  const hosts = [echo.host];
  const headerSafe = `canary${randomBytes(9).toString("hex")}`;
  const { workflow } = await workflowOf([
    { id: "bearer", kind: "bearer", fields: { hosts, token: headerSafe }, path: "/ok" },
    { id: "basic", kind: "basic", fields: { hosts, username: "user", password: canaries[1] ?? "" }, path: "/ok" },
    { id: "text", kind: "basic", fields: { hosts, username: "use", password: canaries[2] ?? "" }, path: "/text" },
    { id: "query", kind: "apiKey", fields: { hosts, in: "query", name: "key", value: canaries[3] ?? "" }, path: "/ok" },
    { id: "failing", kind: "basic", fields: { hosts, username: "us", password: canaries[4] ?? "" }, path: "/fail" },
    { id: "header", kind: "apiKey", fields: { hosts, name: "X-Api-Key", value: `${headerSafe}-2` }, path: "/fail" },
    { id: "oauth", kind: "oauth2", fields: { hosts, grant: "refreshToken", tokenUrl: tokenServer.url, ...CLIENT, refreshToken: tokenCanary }, path: "/ok" },
  ]);
  const [executionId] = (await queueExecutions(app, workflow, [{ plain: "visible-marker" }])) as [string];
  await engine.claimAndRun(workflow.tenantId, [executionId]);
  const { rows } = await owner.query<{ status: string }>("SELECT status FROM executions WHERE id = $1", [executionId]);
  expect(rows).toEqual([{ status: "SUCCESS" }]);
  const journal = await owner.query<{ node_id: string; status: string; text: string }>("SELECT node_id, status, coalesce(output::text, '') || coalesce(failure::text, '') || attempts::text AS text FROM node_executions WHERE execution_id = $1 AND node_id <> 'start' ORDER BY node_id", [executionId]);
  expect(journal.rows.map(({ node_id: id, status }) => `${id} ${status}`)).toEqual(["basic SUCCESS", "bearer SUCCESS", "failing FAILED", "header FAILED", "oauth SUCCESS", "query SUCCESS", "text SUCCESS"]);
  // They were sent and said back: what is recorded shows the places.
  for (const { text, node_id: id } of journal.rows) expect(text, id).toMatch(/\[redacted\]|\*\*\*/);
  expect(echo.received.join("")).toContain(headerSafe);

  const secrets = [headerSafe, ...canaries.slice(1), tokenCanary, "access-token-1", CLIENT.clientSecret];
  const metrics = await registry.metrics();
  for (const secret of secrets) {
    expect(await findInDatabase(secret), secret).toEqual([]);
    expect(await findInDatabase(encodeURIComponent(secret)), secret).toEqual([]);
    expect(await findInDatabase(JSON.stringify(secret).slice(1, -1)), secret).toEqual([]);
    expect(logLines.join("")).not.toContain(secret);
    expect(metrics).not.toContain(secret);
  }
  // The same searches find what is no secret.
  expect(await findInDatabase("visible-marker")).toContain("executions");
  expect(await findInDatabase("m4rker")).toContain("node_executions");
});

test("a redirect takes no secret to another origin, in whatever header or place it was", async () => {
  const secret = `canary${randomBytes(9).toString("hex")}`;
  const path = `/redirect?to=${encodeURIComponent(`${stranger.url}/ok`)}`;
  const { workflow } = await workflowOf([
    { id: "bearer", kind: "bearer", fields: { hosts: [echo.host], token: secret }, path },
    { id: "header", kind: "apiKey", fields: { hosts: [echo.host], name: "X-Shop-Key", value: secret }, path },
    { id: "query", kind: "apiKey", fields: { hosts: [echo.host], in: "query", name: "key", value: secret }, path },
  ]);
  const [executionId] = (await queueExecutions(app, workflow, [{}])) as [string];
  await engine.claimAndRun(workflow.tenantId, [executionId]);
  expect(stranger.received.length).toBeGreaterThanOrEqual(3);
  expect(stranger.received.join("")).not.toContain(secret);
});

async function refusalOf(action: Promise<unknown>): Promise<string> {
  const error: unknown = await action.then(() => undefined, (thrown: unknown) => thrown);
  if (!(error instanceof NodeError)) throw new Error(`expected a NodeError, got ${String(error)}`);
  expect(error.nothingDone).toBe(true);
  return `${error.errorClass} ${error.code}`;
}

test("a node opens what its version declares for it, and nothing else: no other node, execution, tenant, kind or host", async () => {
  const { workflow, ids } = await workflowOf([
    { id: "mine", kind: "bearer", fields: { hosts: ["api.example.com"], token: "token-mine" }, path: "/ok" },
    { id: "other", kind: "bearer", fields: { hosts: ["api.example.com"], token: "token-other" }, path: "/ok" },
  ]);
  const rival = await workflowOf([{ id: "mine", kind: "bearer", fields: { hosts: ["api.example.com"], token: "token-rival" }, path: "/ok" }]);
  const [executionId] = (await queueExecutions(app, workflow, [{}])) as [string];
  const [rivalExecution] = (await queueExecutions(app, rival.workflow, [{}])) as [string];
  const redactor = new Redactor();
  const openFor = createCredentials({ db: app, vault, tokens });
  const scope = { tenantId: workflow.tenantId, workflowId: workflow.workflowId, executionId, nodeId: "mine", item: 0 };
  const port = openFor(scope, redactor);
  const [mine = "", other = ""] = [ids.get("mine"), ids.get("other")];
  const rivals = rival.ids.get("mine") ?? "";
  const kinds = ["bearer"] as const;

  expect(await port.open(mine, kinds, "api.example.com")).toMatchObject({ id: mine, kind: "bearer", fields: { token: "token-mine" } });
  expect(redactor.text("token-mine")).toBe("[redacted]");
  for (const credential of [other, rivals, randomUUID(), "not-an-id", ""]) expect(await refusalOf(port.open(credential, kinds, "api.example.com"))).toBe("REFUSED CREDENTIAL_NOT_FOUND");
  for (const change of [{ nodeId: "other" }, { executionId: rivalExecution }, { tenantId: rival.workflow.tenantId }, { tenantId: rival.workflow.tenantId, executionId: rivalExecution }, { executionId: randomUUID() }]) {
    expect(await refusalOf(openFor({ ...scope, ...change }, redactor).open(mine, kinds, "api.example.com")), JSON.stringify(change)).toBe("REFUSED CREDENTIAL_NOT_FOUND");
  }
  // An execution of a version that declares none, of the same workflow.
  const [older] = (await queueExecutions(app, workflow, [{}])) as [string];
  const versionId = randomUUID();
  const place = [workflow.tenantId, workflow.workflowId];
  await owner.query("INSERT INTO workflow_versions SELECT (jsonb_populate_record(v, jsonb_build_object('id', $3::text, 'number', v.number + 1, 'content_hash', 'another'))).* FROM workflow_versions v WHERE tenant_id = $1 AND workflow_id = $2", [...place, versionId]);
  await owner.query("UPDATE executions SET version_id = $2 WHERE tenant_id = $1 AND id = $3", [workflow.tenantId, versionId, older]);
  expect(await refusalOf(openFor({ ...scope, executionId: older }, redactor).open(mine, kinds, "api.example.com"))).toBe("REFUSED CREDENTIAL_NOT_FOUND");
  expect(await refusalOf(port.open(mine, ["basic", "oauth2"], "api.example.com"))).toBe("REFUSED CREDENTIAL_KIND_WRONG");
  for (const target of ["evil.example.com", "api.example.com.evil.test", "api.example.com:8443", undefined]) expect(await refusalOf(port.open(mine, kinds, target))).toBe("REFUSED CREDENTIAL_HOST_REFUSED");
  expect(redactor.text("token-other token-rival")).toBe("token-other token-rival");
});

test("the last use is noted, at most once a minute", async () => {
  const { workflow, ids } = await workflowOf([{ id: "mine", kind: "database", fields: { host: "db.example.com", database: "d", username: "u", password: "password-1" }, path: "/ok" }]);
  const [executionId] = (await queueExecutions(app, workflow, [{}])) as [string];
  const credentialId = ids.get("mine") ?? "";
  const port = createCredentials({ db: app, vault, tokens })({ tenantId: workflow.tenantId, workflowId: workflow.workflowId, executionId, nodeId: "mine", item: 0 }, new Redactor());
  const lastUsedAt = async (): Promise<number> => (await owner.query<{ at: Date | null }>("SELECT last_used_at AS at FROM credentials WHERE id = $1", [credentialId])).rows[0]?.at?.getTime() ?? 0;
  expect(await lastUsedAt()).toBe(0);
  await port.open(credentialId, ["database"]);
  const first = await lastUsedAt();
  expect(first).toBeGreaterThan(Date.now() - 60_000);
  await Promise.all(Array.from({ length: 5 }, () => port.open(credentialId, ["database"])));
  expect(await lastUsedAt()).toBe(first);
  await owner.query("UPDATE credentials SET last_used_at = now() - interval '2 minutes' WHERE id = $1", [credentialId]);
  await port.open(credentialId, ["database"]);
  expect(await lastUsedAt()).toBeGreaterThanOrEqual(first);
});

test("another root key, or an altered row, opens nothing and says so to the operator", async () => {
  const { workflow, ids } = await workflowOf([{ id: "mine", kind: "database", fields: { host: "db.example.com", database: "d", username: "u", password: "password-1" }, path: "/ok" }]);
  const [executionId] = (await queueExecutions(app, workflow, [{}])) as [string];
  const credentialId = ids.get("mine") ?? "";
  const scope = { tenantId: workflow.tenantId, workflowId: workflow.workflowId, executionId, nodeId: "mine", item: 0 };
  const other = createVault(createStaticKeyProvider(randomBytes(32)), () => performance.now());
  expect(await refusalOf(createCredentials({ db: app, vault: other, tokens })(scope, new Redactor()).open(credentialId, ["database"]))).toBe("INTERNAL CREDENTIAL_UNREADABLE");
  // An older sealed content put back, as from a copy of the table.
  await owner.query("UPDATE credentials SET secret_version = secret_version + 1 WHERE id = $1", [credentialId]);
  expect(await refusalOf(createCredentials({ db: app, vault, tokens })(scope, new Redactor()).open(credentialId, ["database"]))).toBe("INTERNAL CREDENTIAL_UNREADABLE");
});
