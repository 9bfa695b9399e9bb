import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { runCommand } from "@fluxo/cli/program";
import { FluxoClient } from "@fluxo/client/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { manualGraph, webhookGraph } from "./testing/graphs.ts";
import { startHarness, type Harness, type TestAgency, type TestTenant } from "./testing/harness.ts";
import { claim, settle } from "./testing/journey.ts";
import { createTemplate, greetingVersion, installed } from "./testing/templates.ts";

let api: Harness;
let agency: TestAgency;
let tenant: TestTenant;
let dir: string;

beforeAll(async () => {
  api = await startHarness();
  agency = await api.createTestAgency("Northwind");
  tenant = await api.createTestTenant(agency, "Bakery");
  dir = mkdtempSync(join(tmpdir(), "fluxo-cli-"));
});
afterAll(async () => {
  rmSync(dir, { recursive: true, force: true });
  await api.stop();
});

interface Result {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command as one user, with its configuration in a file of its own. */
async function fluxo(args: readonly string[], { config = "tenant.json", input = "", env = {} }: { config?: string; input?: string; env?: Record<string, string> } = {}): Promise<Result> {
  const lines = { out: [] as string[], err: [] as string[] };
  const exit = await runCommand(args, {
    env: { FLUXO_CONFIG: join(dir, config), ...env },
    out: (line) => void lines.out.push(line),
    err: (line) => void lines.err.push(line),
    readInput: async () => input,
    askSecret: undefined,
    signal: new AbortController().signal,
  });
  return { exit, out: lines.out.join("\n"), err: lines.err.join("\n") };
}

const login = async (key: string, config: string) => fluxo(["login", "--url", api.url, "--key-stdin"], { config, input: `${key}\n` });
const asJson = async (args: readonly string[], config = "tenant.json"): Promise<unknown> => {
  const { exit, out, err } = await fluxo(["--json", ...args], { config });
  expect([exit, err]).toEqual([0, ""]);
  return JSON.parse(out);
};

test("stores a key for its owner alone, only one that works, and never shows it", async () => {
  expect(await fluxo(["whoami"])).toMatchObject({ exit: 2, err: expect.stringContaining("fluxo login") });
  expect(await login("flx_wrong_key", "tenant.json")).toMatchObject({ exit: 4, err: expect.stringContaining("UNAUTHENTICATED") });
  expect(existsSync(join(dir, "tenant.json"))).toBe(false);
  const { exit, out } = await login(tenant.key, "tenant.json");
  expect([exit, out.includes(tenant.key), out.includes(tenant.keyId)]).toEqual([0, false, true]);
  expect(statSync(join(dir, "tenant.json")).mode & 0o777).toBe(0o600);
  expect((await fluxo(["whoami"])).out).toContain(tenant.keyId);
  expect((await fluxo(["whoami"])).out).not.toContain(tenant.key);
  // The stored key goes to no other address.
  expect((await fluxo(["--url", "http://127.0.0.1:1", "whoami"])).exit).toBe(2);
  expect((await fluxo(["--url", "http://127.0.0.1:1", "whoami"], { env: { FLUXO_API_KEY: tenant.key } })).exit).toBe(5);
  await login(agency.key, "other.json");
  expect([(await fluxo(["logout"], { config: "other.json" })).out, existsSync(join(dir, "other.json"))]).toEqual(["Logged out.", false]);
});

test("tells how it is used, and ends with 2 when it is used wrongly", async () => {
  const help = await fluxo(["--help"]);
  expect([help.exit, help.out]).toEqual([0, expect.stringContaining("Exit codes")]);
  for (const group of ["tenants", "workflows", "executions", "failures", "templates"]) expect((await fluxo([group, "--help"])).exit).toBe(0);
  expect(await fluxo(["--version"])).toMatchObject({ exit: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+$/) });
  expect((await fluxo(["workflows", "dance"])).exit).toBe(2);
  for (const url of ["fluxo.example.com", "localhost:4100", "ftp://fluxo.example.com", ""]) {
    const told = { exit: 2, err: expect.stringContaining("not the address of an admin API") };
    expect(await fluxo(["whoami"], { env: { FLUXO_URL: url, FLUXO_API_KEY: tenant.key } })).toMatchObject(told);
    expect(await fluxo(["--url", url, "login", "--key-stdin"], { input: tenant.key })).toMatchObject(told);
  }
  expect((await fluxo(["executions", "list", "--limit", "9999999"])).err).toContain("from 1 to 999999");
  expect((await fluxo(["executions", "list", "--since", "yesterday"])).exit).toBe(2);
  expect((await fluxo(["executions", "list", "--status", "LOST"])).exit).toBe(2);
});

test("workflows go to files and back; what somebody else changed meanwhile is not lost", async () => {
  const id = (await tenant.client.post("/v1/workflows", { name: "Größe & Co", graph: manualGraph })).text("id");
  const folder = join(dir, "flows");
  expect((await fluxo(["workflows", "pull", "--dir", folder])).exit).toBe(0);
  const [name = ""] = readdirSync(folder);
  expect(name).toMatch(/^gro-e-co-[0-9a-f]{8}\.yaml$/);
  const path = join(folder, name);
  const first = readFileSync(path, "utf8");
  await fluxo(["workflows", "pull", "--dir", folder]);
  expect([readdirSync(folder), readFileSync(path, "utf8")]).toEqual([[name], first]);
  writeFileSync(path, first.replace("text: hello", "text: good day").replace("Größe & Co", "Renamed"));
  expect((await fluxo(["workflows", "diff", path, "--from", "draft"])).out).toBe("No difference.");
  expect(await asJson(["workflows", "push", path])).toEqual([{ file: path, workflowId: id, revision: 2, created: false, changed: true }]);
  expect((await tenant.client.get(`/v1/workflows/${id}`)).body).toMatchObject({ name: "Renamed", draftRevision: 2 });
  // The file knows its new revision, and says nothing new: neither the draft nor the file becomes another one.
  const pushed = readFileSync(path, "utf8");
  expect(await asJson(["workflows", "push", path])).toEqual([{ file: path, workflowId: id, revision: 2, created: false, changed: false }]);
  expect([readFileSync(path, "utf8"), (await tenant.client.get(`/v1/workflows/${id}`)).at("draftRevision")]).toEqual([pushed, 2]);
  // A name alone is brought without a revision.
  writeFileSync(path, pushed.replace("Renamed", "Named anew"));
  expect((await fluxo(["workflows", "push", path])).out).toContain("Unchanged");
  expect((await tenant.client.get(`/v1/workflows/${id}`)).body).toMatchObject({ name: "Named anew", draftRevision: 2 });
  await tenant.client.put(`/v1/workflows/${id}/draft`, { graph: webhookGraph({ mode: "standard" }) });
  const lost = await fluxo(["workflows", "push", path]);
  expect([lost.exit, lost.err]).toEqual([6, expect.stringContaining("PRECONDITION_FAILED")]);
  expect((await fluxo(["workflows", "push", "--force", path])).exit).toBe(0);
  expect((await fluxo(["workflows", "validate", path])).exit).toBe(0);
  writeFileSync(path, readFileSync(path, "utf8").replace("to: greet", "to: nobody"));
  expect(await fluxo(["workflows", "validate", path])).toMatchObject({ exit: 7, out: expect.stringContaining("EDGE_DANGLING") });
  // What was pushed before a file that is refused is told.
  writeFileSync(join(dir, "new.yaml"), readFileSync(path, "utf8").replace(/^(id|revision): .*\n/gm, "").replace("Named anew", "New"));
  writeFileSync(path, "name: x");
  const half = await fluxo(["workflows", "push", join(dir, "new.yaml"), path]);
  expect(half).toMatchObject({ exit: 2, out: expect.stringMatching(/^Created .*new\.yaml/), err: expect.stringContaining("/graph: is missing: expected object") });
  writeFileSync(path, "name: [");
  expect((await fluxo(["workflows", "push", path])).exit).toBe(2);
});

test("a file without id becomes a workflow; published, compared and rolled back by its file; secrets go into a file or nowhere", async () => {
  const path = join(dir, "hook.json");
  writeFileSync(path, JSON.stringify({ name: "Hook", graph: webhookGraph({ mode: "standard" }) }));
  expect((await fluxo(["workflows", "push", path])).out).toContain("Created");
  const secretsFile = join(dir, "secrets.json");
  const published = await fluxo(["--json", "workflows", "publish", path, "--secrets-file", secretsFile]);
  expect(published.exit).toBe(0);
  const [{ secret }] = JSON.parse(readFileSync(secretsFile, "utf8"));
  expect([secret, statSync(secretsFile).mode & 0o777]).toEqual([expect.stringMatching(/^whsec_/), 0o600]);
  expect(`${published.out}${published.err}`).not.toContain(secret);
  const file = JSON.parse(readFileSync(path, "utf8"));
  writeFileSync(path, JSON.stringify({ ...file, graph: manualGraph }));
  await fluxo(["workflows", "push", path]);
  const diff = await fluxo(["workflows", "diff", path]);
  expect(diff.out.split("\n")).toEqual(["+ greet (set)", "+ start (trigger.manual)", "- hook (trigger.webhook)", "+ start → greet", "! the trigger hook (trigger.webhook) is removed", "! the trigger start (trigger.manual) is added"]);
  expect((await fluxo(["workflows", "publish", path])).out).toContain("version 2");
  expect((await fluxo(["workflows", "rollback", path, "1"])).out).toContain("version 1, which was there before");
});

test("archives a workflow, brings it back, and deletes it only when told so", async () => {
  const id = (await tenant.client.post("/v1/workflows", { name: "Old offers", graph: manualGraph })).text("id");
  expect(await asJson(["workflows", "archive", id])).toMatchObject({ id, archivedAt: expect.any(String) });
  expect(await asJson(["workflows", "list", "--archived"])).toMatchObject([{ id }]);
  expect((await fluxo(["workflows", "publish", id])).exit).toBe(6);
  expect(await asJson(["workflows", "restore", id, "--name", "Old offers again"])).toMatchObject({ name: "Old offers again", archivedAt: null });
  expect((await fluxo(["workflows", "delete", id, "--yes"])).exit).toBe(6);
  await asJson(["workflows", "archive", id]);
  expect((await fluxo(["workflows", "delete", id])).exit).toBe(2);
  expect(await asJson(["workflows", "delete", id, "--yes"])).toEqual({ id, deleted: true });
  expect((await fluxo(["workflows", "restore", id])).exit).toBe(3);
});

test("shows what executions did, what fails most, and follows one until its end", async () => {
  const id = (await tenant.client.post("/v1/workflows", { name: "Runs", graph: manualGraph })).text("id");
  await tenant.client.post(`/v1/workflows/${id}/publish`);
  const execute = async (): Promise<string> => {
    const executionId = (await tenant.client.post(`/v1/workflows/${id}/executions`, {})).text("executionId");
    await claim(api, tenant, executionId);
    return executionId;
  };
  const [good, bad, worse] = [await execute(), await execute(), await execute()];
  await settle(api, tenant, good, { status: "SUCCESS", output: {} });
  for (const executionId of [bad, worse]) await settle(api, tenant, executionId, { status: "FAILED", output: {}, error: { code: "PROVIDER_FAILED", message: "No \u001B[31mred\u001B[0m here.", stack: null, nodeId: "greet" } });
  expect(await asJson(["executions", "list", "--workflow", id, "--status", "FAILED"])).toMatchObject([{ id: worse }, { id: bad }]);
  expect((await fluxo(["executions", "show", good])).out).toContain("SUCCESS");
  const top = await asJson(["failures", "top", "--since", "1h"]);
  expect(top).toMatchObject([{ count: 2, code: "PROVIDER_FAILED", workflowId: id, nodeId: "greet", executionId: worse }]);
  expect((await fluxo(["failures", "top"])).out).not.toContain("\u001B");
  const failure = { nodeId: "greet", name: "Greet", type: "set", integration: "core", message: "No \u001B[31mred\u001B[0m here.", errorClass: "SERVER", code: "PROVIDER_FAILED", occurredAt: new Date().toISOString(), attempt: 2 };
  await api.owner.query(
    `INSERT INTO node_executions (tenant_id, execution_id, node_id, item, position, node_type, node_name, integration, status, attempt, ports, failure, completed_at, epoch, is_seeded)
     VALUES ($1, $2, 'greet', 0, 1, 'set', 'Greet', 'core', 'FAILED', 2, '{}', $3, now(), 1, false)`,
    [tenant.id, good, JSON.stringify(failure)],
  );
  expect(await asJson(["failures", "list", "--workflow", id, "--type", "set", "--code", "PROVIDER_FAILED"])).toMatchObject([{ executionId: good, nodeId: "greet", attempts: 2, failure: { code: "PROVIDER_FAILED" } }]);
  expect(await asJson(["failures", "list", "--code", "PROVIDER_REJECTED"])).toEqual([]);
  const listed = await fluxo(["failures", "list"]);
  expect([listed.exit, listed.out.includes(good), listed.out.includes("\u001B")]).toEqual([0, true, false]);
  // A node that its execution went on without is no failed execution.
  expect(await asJson(["failures", "top", "--since", "1h"])).toEqual(top);
  expect(await fluxo(["executions", "tail", good])).toMatchObject({ exit: 0, out: expect.stringContaining("SUCCESS") });
  expect(await fluxo(["executions", "tail", bad])).toMatchObject({ exit: 1, err: expect.stringContaining("FAILED") });
  const again = (await asJson(["executions", "rerun", bad, "--from", "failedNode"])) as { executionId: string };
  const canceled = await fluxo(["executions", "cancel", again.executionId]);
  expect([canceled.exit, canceled.out]).toEqual([0, "The execution is CANCELED."]);
  expect((await fluxo(["executions", "show", "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b"])).exit).toBe(3);
});

test("an agency creates and suspends tenants, and rolls templates out", async () => {
  await login(agency.key, "agency.json");
  const created = (await asJson(["tenants", "create", "Florist", "--plan", "STARTER", "--external-id", "crm-7"], "agency.json")) as { id: string };
  expect((await fluxo(["tenants", "create", "Florist", "--plan", "STARTER"], { config: "agency.json" })).exit).toBe(6);
  expect((await fluxo(["tenants", "suspend", created.id, "--reason", "Unpaid invoice"], { config: "agency.json" })).out).toBe("Suspended Florist.");
  expect(await asJson(["tenants", "list", "--status", "SUSPENDED"], "agency.json")).toMatchObject([{ id: created.id, externalId: "crm-7", suspensionReason: "Unpaid invoice" }]);
  expect((await fluxo(["tenants", "resume", created.id], { config: "agency.json" })).out).toBe("Resumed Florist.");
  expect((await fluxo(["tenants", "list"])).exit).toBe(4);
  const templateId = await createTemplate(agency, greetingVersion());
  await installed(agency, templateId, tenant, { shop: "Bakery" });
  await agency.client.post(`/v1/templates/${templateId}/versions`, greetingVersion("Good day"));
  expect(await asJson(["templates", "list"], "agency.json")).toMatchObject([{ id: templateId, latestNumber: 2 }]);
  expect((await fluxo(["templates", "status", templateId], { config: "agency.json" })).out).toContain("Bakery");
  const rollout = (await asJson(["templates", "rollout", templateId, "--canary", "50"], "agency.json")) as { id: string };
  expect((await fluxo(["templates", "pause", rollout.id], { config: "agency.json" })).out).toBe("The rollout is PAUSED.");
  expect((await fluxo(["templates", "resume", rollout.id], { config: "agency.json" })).out).toBe("The rollout is RUNNING.");
  expect(await asJson(["templates", "rollouts", "--template", templateId], "agency.json")).toMatchObject([{ id: rollout.id, status: "RUNNING", canaryPolicy: { mode: "approval" } }]);
  expect((await fluxo(["templates", "abort", rollout.id], { config: "agency.json" })).out).toBe("The rollout is ABORTED.");
  expect((await fluxo(["templates", "approve", rollout.id], { config: "agency.json" })).exit).toBe(6);
  const automatic = (await asJson(["templates", "rollout", templateId, "--canary", "50", "--auto", "--min-executions", "20", "--failure-rate", "0.1"], "agency.json")) as { id: string };
  expect(automatic).toMatchObject({ canaryPolicy: { mode: "automatic", minExecutions: 20, failureRateMax: 0.1, windowMinutes: 240 } });
  expect((await fluxo(["templates", "rollout", templateId, "--canary", "50", "--auto", "--failure-rate", "2"], { config: "agency.json" })).exit).toBe(2);
  expect((await fluxo(["templates", "progress", automatic.id], { config: "agency.json" })).out).toContain(`The rollout ${automatic.id} is RUNNING: PENDING 1.`);
  expect((await fluxo(["templates", "rollback", automatic.id], { config: "agency.json" })).out).toContain("works.");
  expect((await fluxo(["--tenant", created.id, "workflows", "list"], { config: "agency.json" })).exit).toBe(0);
});

test("an agency exports usage into a file, and sees when quotas will be used up", async () => {
  await login(agency.key, "agency.json");
  const [path, span] = [join(dir, "usage.csv"), ["--from", "2026-05-01T00:00:00Z", "--to", "2026-06-01T00:00:00Z"]];
  expect(await asJson(["usage", "export", ...span, "--out", path], "agency.json")).toEqual({ file: path });
  expect(readFileSync(path, "utf8")).toMatch(/^tenantId,tenantName,start,.*,currency,aiCost,aiMarkup,charge\r\n/);
  expect((await fluxo(["usage", "export", ...span, "--out", path], { config: "agency.json" })).exit).not.toBe(0);
  expect((await fluxo(["usage", "export", ...span, "--out", join(dir, "x"), "--format", "xls"], { config: "agency.json" })).exit).toBe(2);
  const own = join(dir, "own.ndjson");
  await asJson(["--tenant", tenant.id, "usage", "export", ...span, "--format", "ndjson", "--out", own], "agency.json");
  expect(readFileSync(own, "utf8")).toBe("");
  expect(await asJson(["usage", "forecast", tenant.id], "agency.json")).toMatchObject({ quotas: [{ metric: "executions" }, { metric: "aiTokens" }] });
});

test("runs as a program, also where Node does not read TypeScript", async () => {
  const door = fileURLToPath(new URL("../../../packages/cli/bin/fluxo.mjs", import.meta.url));
  const env = { ...process.env, FLUXO_URL: api.url, FLUXO_API_KEY: tenant.key };
  for (const flags of [[], ["--no-experimental-strip-types"]]) {
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, door, "--json", "whoami"], { env });
    expect(JSON.parse(stdout)).toMatchObject({ actor: { id: tenant.keyId } });
  }
  const failed = await promisify(execFile)(process.execPath, [door, "executions", "show", "x"], { env }).catch((error: unknown) => error);
  expect(failed).toMatchObject({ code: 3 });
});

test("the client reads all pages of a real list, and a repeat under its key is the first answer", async () => {
  const client = new FluxoClient({ baseUrl: api.url, apiKey: tenant.key });
  const key = `cli-${tenant.id}`;
  const first = await client.call("createWorkflow", { body: { name: "Once" } }, { idempotencyKey: key });
  const again = await client.call("createWorkflow", { body: { name: "Once" } }, { idempotencyKey: key });
  expect(again.body.id).toBe(first.body.id);
  const names: string[] = [];
  for await (const { name } of client.items("listWorkflows", { query: { limit: 2 } })) names.push(name);
  expect(names).toContain("Once");
  expect(new Set(names).size).toBe(names.length);
  await expect(client.call("createWorkflow", { body: { name: "Once" } })).rejects.toMatchObject({ code: "NAME_TAKEN", status: 409 });
});
