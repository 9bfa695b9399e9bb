import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createApi } from "@fluxo/test/support/api";
import { createClient } from "@fluxo/test/support/client";
import { eventually } from "@fluxo/test/support/eventually";
import { chain, graph, MANUAL, SIGNED_WEBHOOK, set } from "@fluxo/test/support/graphs";
import { deliver, sendHook } from "@fluxo/test/support/hooks";
import { afterAll, expect, inject, test } from "vitest";

const system = inject("system");
const client = createClient({ ...system });
afterAll(() => client.close());

/** A text that nothing else holds. */
function canary(): string {
  return `canary${randomBytes(12).toString("hex")}`;
}

/** The part of an API key that is no id: base64url, so that it may hold an underscore. */
function secretOf(key: string): string {
  const [, secret = ""] = /^flx_[0-9a-f]{32}_([\w-]{43})$/.exec(key) ?? [];
  expect(secret).not.toBe("");
  return secret;
}

/** Where the database holds a text, as text or as bytes: names of tables. */
async function findInDatabase(text: string, isRelevant: (table: string) => boolean): Promise<string[]> {
  const tables = await client.sql<{ name: string }>("SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind = 'r' ORDER BY 1");
  const holding: string[] = [];
  for (const { name } of tables.filter(({ name }) => isRelevant(name))) {
    const values = [`%${text}%`, `%${Buffer.from(text).toString("hex")}%`];
    const [found] = await client.sql<{ n: number }>(`SELECT count(*)::int AS n FROM "${name}" t WHERE t::text LIKE $1 OR t::text LIKE $2`, values);
    if ((found?.n ?? 0) > 0) holding.push(name);
  }
  return holding;
}

/** Names of the log files that hold a text. */
function findInLogs(text: string): string[] {
  return readdirSync(system.logDir).filter((name) => readFileSync(join(system.logDir, name), "utf8").includes(text));
}

async function findInMetrics(text: string): Promise<string[]> {
  const urls = [system.apiUrl, system.ingressUrl, system.relayUrl, system.workerUrl];
  const bodies = await Promise.all(urls.map(async (url) => (await fetch(`${url}/metrics`)).text()));
  return urls.filter((_, index) => bodies[index]?.includes(text));
}

const EXECUTION_TABLES: ReadonlySet<string> = new Set(["executions", "node_executions", "payloads", "occurrences", "outbox"]);

test("what callers send to prove themselves is nowhere: records, logs, metrics, answers", async () => {
  const tenant = await client.createTenant();
  const open = await tenant.publish(chain({ id: "start", type: "trigger.webhook", params: { authentication: { mode: "header", header: "X-Shop" } } }, set("copy", { all: "{{ trigger }}" })));
  const signed = await tenant.publish(chain(SIGNED_WEBHOOK, set("copy", { all: "{{ trigger }}" })));
  const [bearer, cookie, key, wrong, marker] = [canary(), canary(), canary(), canary(), canary()];
  const headers = { authorization: `Bearer ${bearer}`, cookie: `session=${cookie}`, "x-api-key": key, "content-type": "application/json" };
  const accepted = [
    await sendHook(open.hookUrl, { body: JSON.stringify({ marker }), headers: { ...headers, "x-shop": open.secret } }),
    await deliver(signed, { body: { marker }, headers }),
  ];
  const refused = [
    await sendHook(open.hookUrl, { body: "{}", headers: { ...headers, "x-shop": wrong } }),
    await deliver({ ...signed, secret: `whsec_${Buffer.from(wrong).toString("base64")}` }, { headers }),
    await deliver(signed, { body: `{"${wrong}":`, headers }),
  ];
  expect(refused.map(({ status }) => status)).toEqual([401, 401, 400]);
  const records = await Promise.all(accepted.map(async ({ executionId }) => [await tenant.waitForStatus(executionId, "SUCCESS"), await tenant.timeline(executionId)]));

  const secrets = [open.secret, signed.secret, signed.secret.replace("whsec_", ""), bearer, cookie, key, wrong];
  const answers = JSON.stringify([records, accepted.map(({ text }) => text), refused.map(({ text }) => text), await tenant.api.ask("listTriggers", { params: { workflowId: signed.workflowId } })]);
  for (const secret of secrets) {
    expect(answers).not.toContain(secret);
    expect(await findInDatabase(secret, () => true)).toEqual([]);
    expect(findInLogs(secret)).toEqual([]);
    expect(await findInMetrics(secret)).toEqual([]);
  }
  // The same searches find what is no secret.
  expect(answers).toContain(marker);
  expect(await findInDatabase(marker, () => true)).toEqual(["executions", "node_executions"]);
});

test("credentials in a node's parameters are in no execution record, no log and no failure, also when the provider fails", async () => {
  const tenant = await client.createTenant();
  const secret = canary();
  const call = (id: string, path: string) => ({
    id,
    type: "http.request",
    onError: "continue" as const,
    retry: { maxAttempts: 2, initialDelayMs: 10 },
    params: { method: "POST", url: `${system.sinkUrl}/${path}/${tenant.id}`, headers: { Authorization: `Bearer ${secret}`, "X-Api-Key": secret } },
  });
  const nodes = [call("ok", "echo"), call("rejected", "status/401"), call("failed", "status/500"), call("cut", "cut/9"), call("mirrored", "mirror/400")];
  const executionId = await tenant.run(graph([MANUAL, ...nodes], nodes.map(({ id }) => `start > ${id}`)));
  const execution = await tenant.waitForStatus(executionId, "SUCCESS");
  const timeline = await tenant.timeline(executionId);
  expect(timeline.failures).toHaveLength(6);
  // The provider's own words are quoted, without what it repeats of the credentials.
  expect(timeline.failures.find(({ nodeId }) => nodeId === "mirrored")?.message).toContain("youSent");
  expect(JSON.stringify([execution, timeline])).not.toContain(secret);
  expect(await findInDatabase(secret, (table) => EXECUTION_TABLES.has(table))).toEqual([]);
  expect(findInLogs(secret)).toEqual([]);
  // It was sent.
  const [request] = await client.received(`/echo/${tenant.id}`);
  expect(request?.headers["authorization"]).toBe(`Bearer ${secret}`);
});

test("API keys are stored as hashes only and never come back", async () => {
  const tenant = await client.createTenant();
  const { key } = tenant.api;
  const secretPart = secretOf(key);
  await tenant.api.call("listExecutions");
  const wrong = `${key.slice(0, -6)}${canary().slice(0, 6)}`;
  const answers = [
    await createApi(system.apiUrl, wrong).ask("listExecutions"),
    await tenant.api.ask("startExecution", { params: { workflowId: "not-an-id" }, body: { [key]: key } }),
    await tenant.api.ask("createWorkflow", { body: { name: "\u0000", graph: { nodes: [], edges: [], token: key } } }),
    await client.admin.ask("listApiKeys", { params: { tenantId: tenant.id } }),
  ];
  expect(answers.map(({ status }) => status)).toEqual([401, 400, 400, 200]);
  for (const secret of [secretPart, secretOf(system.adminKey)]) {
    expect(JSON.stringify(answers[0]) + JSON.stringify(answers[3])).not.toContain(secret);
    expect(await findInDatabase(secret, () => true)).toEqual([]);
    expect(findInLogs(secret)).toEqual([]);
  }
});

test("the searches of the logs find what is logged", async () => {
  const requestId = canary();
  await client.admin.ask("listPlans", { headers: { "x-request-id": requestId } });
  await client.admin.ask("getWorkflow", { params: { workflowId: "none" }, headers: { "x-request-id": requestId } });
  await eventually(() => expect(findInLogs(requestId)).toContain("api.log"), 5_000);
});
