import { readFileSync } from "node:fs";
import { S3Server } from "@fluxo/nodes/testing/s3-server";
import { startSmtpServer, type TestSmtpServer } from "@fluxo/nodes/testing/smtp-server";
import { CLIENT, startTokenServer, type TokenServer } from "@fluxo/prisma/testing/token-server";
import { TEST_CERTIFICATE, TEST_CERTIFICATE_KEY } from "@fluxo/test/support/tls-fixture";
import { startDovecot, type Dovecot } from "@fluxo/test/support/dovecot";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startHarness, type Harness, type TestAgency, type TestTenant } from "../../testing/harness.ts";

let api: Harness;
let agency: TestAgency;
let tenant: TestTenant;
let tokenServer: TokenServer;
let smtp: TestSmtpServer;
let dovecot: Dovecot;
let store: S3Server;
let database: URL;
let names = 0;

beforeAll(async () => {
  tokenServer = await startTokenServer();
  smtp = await startSmtpServer();
  dovecot = await startDovecot({ certificate: TEST_CERTIFICATE, key: TEST_CERTIFICATE_KEY });
  store = await S3Server.start("reports");
  database = new URL(process.env["FLUXO_TEST_APP_DATABASE_URL"] ?? "");
  const ports = [tokenServer.port, smtp.port, dovecot.port, dovecot.tlsPort, new URL(store.fields.endpoint).port];
  api = await startHarness({ allowedPrivateHosts: [...ports.map((port) => `127.0.0.1:${port}`), `${database.hostname}:${database.port}`] });
  agency = await api.createTestAgency("Northwind");
  tenant = await api.createTestTenant(agency, "Bakery");
}, 300_000);
afterAll(async () => {
  await api.stop();
  await tokenServer.stop();
  await smtp[Symbol.asyncDispose]();
  await dovecot.remove();
  await store[Symbol.asyncDispose]();
});

const name = (): string => `Credential ${(names += 1)}`;

async function create(kind: string, fields: object): Promise<string> {
  const created = await tenant.client.post("/v1/credentials", { name: name(), kind, fields });
  expect([created.status, created.body]).toEqual([201, expect.anything()]);
  return created.text("id");
}

const callGraph = (credential: unknown, id = "call") => ({
  nodes: [
    { id: "start", type: "trigger.manual" },
    { id, type: "http.request", name: "Call the shop", params: { method: "GET", url: "https://api.example.com/", credential } },
  ],
  edges: [{ from: "start", to: id }],
});

describe("write-only", () => {
  test("a secret goes in and never comes out: not by any answer, not in the log, not in the database", async () => {
    const secret = "canary-9f8e7d6c5b4a";
    const created = await tenant.client.post("/v1/credentials", { name: name(), kind: "bearer", fields: { hosts: ["api.example.com"], token: secret }, expiresAt: "2027-01-01T00:00:00+01:00" });
    const id = created.text("id");
    expect(created.body).toMatchObject({ kind: "bearer", fields: { hosts: ["api.example.com"] }, secrets: ["token"], revision: 1, expiresAt: "2026-12-31T23:00:00.000Z", lastUsedAt: null, health: { state: "UNKNOWN" } });
    expect(created.headers.get("etag")).toBe('"1"');
    const answers = [
      created,
      await tenant.client.get(`/v1/credentials/${id}`),
      await tenant.client.get("/v1/credentials"),
      await tenant.client.patch(`/v1/credentials/${id}`, { fields: { hosts: ["other.example.com"] } }),
      await tenant.client.patch(`/v1/credentials/${id}`, { fields: { token: `${secret}-2`, nonsense: secret } }),
      await tenant.client.patch(`/v1/credentials/${id}`, { fields: { token: `${secret}-2` } }),
      await tenant.client.post("/v1/credentials", { name: name(), kind: "bearer", fields: { token: [secret] } }),
      await tenant.client.post("/v1/credentials", { name: name(), kind: secret, fields: {} }),
      await tenant.client.post(`/v1/credentials/${id}/test`),
    ];
    expect(answers.map(({ status }) => status)).toEqual([201, 200, 200, 400, 400, 200, 400, 400, 200]);
    expect(JSON.stringify(answers.map(({ body }) => body))).not.toContain(secret);
    expect(api.logLines.join("")).not.toContain(secret);
    const found = await api.tenantDb.withTenant(tenant.id, (db) => db.$queryRaw<{ text: string }[]>`SELECT c::text AS text FROM credentials c`);
    expect(found.length).toBeGreaterThan(0);
    for (const { text } of found) {
      expect(text).not.toContain(secret);
      expect(text).not.toContain(Buffer.from(secret).toString("hex"));
    }
  });

  test("wrong fields are named, with their pointer, whatever the kind", async () => {
    const attempts: [string, object, string][] = [
      ["bearer", { token: "t" }, "/body/fields/hosts"],
      ["bearer", { hosts: ["http://x"], token: "t" }, "/body/fields/hosts/0"],
      ["bearer", { hosts: ["x.test"], token: "t", more: 1 }, "/body/fields/more"],
      ["oauth2", { hosts: ["x.test"], grant: "refreshToken", tokenUrl: "https://x.test", clientId: "c" }, "/body/fields/refreshToken"],
      ["oauth2", { hosts: ["x.test"], grant: "clientCredentials", tokenUrl: "https://x.test", clientId: "c" }, "/body/fields/clientSecret"],
      ["smtp", { host: "x.test", port: 25, username: "u" }, "/body/fields/password"],
      ["apiKey", { hosts: ["x.test"], name: "Accept-Language", value: "v" }, "/body/fields/name"],
      ["database", { host: "x.test", database: "d", username: "u", port: 70_000 }, "/body/fields/port"],
    ];
    for (const [kind, fields, path] of attempts) {
      const refused = await tenant.client.post("/v1/credentials", { name: name(), kind, fields });
      expect([refused.status, refused.at("code"), refused.at("issues", 0, "path")], path).toEqual([400, "VALIDATION_FAILED", path]);
    }
  });
});

describe("change", () => {
  test("absent fields stay, null removes, the revision guards, and a move takes the secret anew", async () => {
    const id = await create("smtp", { host: "mail.example.com", port: 465, username: "u", password: "mail-s3cret" });
    const path = `/v1/credentials/${id}`;
    const renamed = await tenant.client.patch(path, { name: "Mail", expiresAt: "2027-05-01T00:00:00Z" }, { "if-match": '"1"' });
    expect([renamed.status, renamed.at("revision"), renamed.at("secrets"), renamed.headers.get("etag")]).toEqual([200, 2, ["password"], '"2"']);
    const stale = await tenant.client.patch(path, { name: "Mail 2" }, { "if-match": '"1"' });
    expect([stale.status, stale.at("code")]).toEqual([412, "PRECONDITION_FAILED"]);
    const moved = await tenant.client.patch(path, { fields: { host: "evil.example.com" } });
    expect([moved.status, moved.at("issues", 0, "path"), moved.at("issues", 0, "code")]).toEqual([400, "/body/fields/password", "secret_required"]);
    const entered = await tenant.client.patch(path, { fields: { host: "mail2.example.com", password: "another" } });
    expect([entered.status, entered.at("fields", "host")]).toEqual([200, "mail2.example.com"]);
    const without = await tenant.client.patch(path, { fields: { username: null, password: null } });
    expect([without.status, without.at("secrets"), without.at("fields", "username")]).toEqual([200, [], undefined]);
    expect((await tenant.client.patch(path, { expiresAt: null })).at("expiresAt")).toBeNull();
  });

  test("fewer hosts need no secret; more do", async () => {
    const id = await create("bearer", { hosts: ["a.test", "b.test"], token: "token-1" });
    expect((await tenant.client.patch(`/v1/credentials/${id}`, { fields: { hosts: ["a.test"] } })).status).toBe(200);
    expect((await tenant.client.patch(`/v1/credentials/${id}`, { fields: { hosts: ["a.test", "c.test"] } })).status).toBe(400);
  });

  test("names are unique in the tenant", async () => {
    const first = await tenant.client.post("/v1/credentials", { name: "Taken", kind: "bearer", fields: { hosts: ["a.test"], token: "t" } });
    const second = await tenant.client.post("/v1/credentials", { name: "Taken", kind: "bearer", fields: { hosts: ["a.test"], token: "t" } });
    expect([first.status, second.status, second.at("code"), second.at("issues", 0, "path")]).toEqual([201, 409, "NAME_TAKEN", "/body/name"]);
  });

  test("creations of the first credentials of a tenant at once share one data key", async () => {
    const fresh = await api.createTestTenant(agency, "Fresh");
    const created = await Promise.all(Array.from({ length: 6 }, (_, n) => fresh.client.post("/v1/credentials", { name: `C${n}`, kind: "bearer", fields: { hosts: ["a.test"], token: `token-${n}` } })));
    expect(created.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201, 201]);
    const keys = await api.tenantDb.withTenant(fresh.id, (db) => db.tenantKey.count());
    expect(keys).toBe(1);
  });
});

test("lists filter by kind and by end, in pages", async () => {
  const fresh = await api.createTestTenant(agency, "Lists");
  for (const [kind, expiresAt] of [["bearer", "2026-12-01T00:00:00Z"], ["bearer", undefined], ["basic", "2027-12-01T00:00:00Z"]] as const) {
    const fields = kind === "bearer" ? { hosts: ["a.test"], token: "t" } : { hosts: ["a.test"], username: "u", password: "p" };
    await fresh.client.post("/v1/credentials", { name: `${kind} ${expiresAt}`, kind, fields, ...(expiresAt === undefined ? {} : { expiresAt }) });
  }
  const count = async (query: string): Promise<number> => {
    const data = (await fresh.client.get(`/v1/credentials?${query}`)).at("data");
    return Array.isArray(data) ? data.length : -1;
  };
  expect([await count(""), await count("kind=bearer"), await count("expiresBefore=2027-01-01T00:00:00Z"), await count("expiresBefore=2028-01-01T00:00:00Z")]).toEqual([3, 2, 1, 2]);
  const page = await fresh.client.get("/v1/credentials?limit=2");
  const rest = await fresh.client.get(`/v1/credentials?limit=2&pageToken=${page.text("nextPageToken")}`);
  expect([rest.at("data", 0, "kind"), rest.at("nextPageToken")]).toEqual(["bearer", null]);
});

test("keys need the scopes; an agency key names the tenant", async () => {
  const limited = await agency.client.post(`/v1/tenants/${tenant.id}/api-keys`, { name: "Limited", scopes: ["workflows:read", "credentials:read"] });
  const headers = { authorization: `Bearer ${limited.text("key")}` };
  expect((await tenant.client.get("/v1/credentials", headers)).status).toBe(200);
  const refused = await tenant.client.post("/v1/credentials", { name: "x", kind: "bearer", fields: {} }, headers);
  expect([refused.status, refused.at("code")]).toEqual([403, "SCOPE_MISSING"]);
  expect((await agency.client.forTenant(tenant.id).get("/v1/credentials")).status).toBe(200);
});

test("the kinds come with the schemas of their fields, secrets marked", async () => {
  const kinds = await tenant.client.get("/v1/credential-kinds");
  expect(kinds.at("data")).toEqual(expect.arrayContaining([expect.objectContaining({ kind: "oauth2", isTestable: true }), expect.objectContaining({ kind: "bearer", isTestable: false })]));
  expect(JSON.stringify(kinds.body)).toContain('"writeOnly":true');
});

describe("use by workflows", () => {
  test("publishing takes only the tenant's own credentials, by literal id, of a kind that fits", async () => {
    const other = await api.createTestTenant(agency, "Rival");
    const foreign = (await other.client.post("/v1/credentials", { name: "Theirs", kind: "bearer", fields: { hosts: ["a.test"], token: "t" } })).text("id");
    const mail = await create("smtp", { host: "mail.example.com", port: 465 });
    for (const [credential, code] of [
      [foreign, "CREDENTIAL_UNKNOWN"],
      ["00000000-0000-7000-8000-00000000abcd", "CREDENTIAL_UNKNOWN"],
      ["{{ trigger.credential }}", "CREDENTIAL_UNKNOWN"],
      [mail, "CREDENTIAL_KIND_WRONG"],
    ] as const) {
      const workflow = await tenant.client.post("/v1/workflows", { name: name(), graph: callGraph(credential) });
      const path = `/v1/workflows/${workflow.text("id")}`;
      const refused = await tenant.client.post(`${path}/publish`);
      expect([refused.status, refused.at("code")]).toEqual([422, "GRAPH_INVALID"]);
      expect(refused.at("issues")).toContainEqual(expect.objectContaining({ code, nodeId: "call", path: "/nodes/1/params/credential" }));
      expect((await tenant.client.post(`${path}/validate`)).at("issues")).toContainEqual(expect.objectContaining({ code, nodeId: "call" }));
    }
  });

  test("the usage list names published versions and drafts, and keeps the credential from being deleted", async () => {
    const id = await create("bearer", { hosts: ["api.example.com"], token: "token-1" });
    const workflow = (await tenant.client.post("/v1/workflows", { name: "Orders", graph: callGraph(id) })).text("id");
    expect((await tenant.client.get(`/v1/credentials/${id}/usages`)).at("data")).toEqual([{ workflowId: workflow, workflowName: "Orders", state: "draft", nodeId: "call", nodeName: "Call the shop", nodeType: "http.request", param: "credential" }]);
    expect((await tenant.client.post(`/v1/workflows/${workflow}/publish`)).status).toBe(201);
    // The same content again: the same version, the same rights.
    expect((await tenant.client.post(`/v1/workflows/${workflow}/publish`)).status).toBe(200);
    await tenant.client.put(`/v1/workflows/${workflow}/draft`, { graph: callGraph(undefined) });
    const usages = await tenant.client.get(`/v1/credentials/${id}/usages`);
    expect([usages.at("data", 0, "state"), usages.at("data", 1)]).toEqual(["published", undefined]);
    const refused = await tenant.client.delete(`/v1/credentials/${id}`);
    expect([refused.status, refused.at("code"), refused.at("issues", 0, "nodeId"), refused.at("issues", 0, "code")]).toEqual([409, "STATE_CONFLICT", "call", "in_use"]);
    expect(refused.text("issues", 0, "message")).toContain("Orders");
    expect((await tenant.client.delete(`/v1/credentials/${id}?force=true`)).status).toBe(204);
    expect((await tenant.client.get(`/v1/credentials/${id}`)).status).toBe(404);
    const rights = await api.tenantDb.withTenant(tenant.id, (db) => db.workflowVersionCredential.count({ where: { credentialId: id } }));
    expect(rights).toBe(0);
  });

  test("an unused credential goes without force", async () => {
    const id = await create("bearer", { hosts: ["api.example.com"], token: "token-1" });
    expect((await tenant.client.delete(`/v1/credentials/${id}`)).status).toBe(204);
    expect((await tenant.client.delete(`/v1/credentials/${id}`)).status).toBe(404);
  });

  test("a foreign key refuses what no check saw: a version cannot name another tenant's credential", async () => {
    const other = await api.createTestTenant(agency, "Third");
    const foreign = (await other.client.post("/v1/credentials", { name: "Theirs", kind: "bearer", fields: { hosts: ["a.test"], token: "t" } })).text("id");
    const own = await create("bearer", { hosts: ["api.example.com"], token: "token-1" });
    const workflow = (await tenant.client.post("/v1/workflows", { name: name(), graph: callGraph(own) })).text("id");
    const versionId = (await tenant.client.post(`/v1/workflows/${workflow}/publish`)).text("version", "id");
    const forged = api.tenantDb.withTenant(tenant.id, (db) => db.workflowVersionCredential.create({ data: { tenantId: tenant.id, versionId, nodeId: "x", param: "credential", credentialId: foreign } }));
    await expect(forged).rejects.toThrow(/foreign key/i);
  });
});

describe("test action", () => {
  test("oauth2: asks for a token, again and again, and heals a broken credential", async () => {
    const fields = { hosts: ["api.example.com"], grant: "refreshToken", tokenUrl: tokenServer.url, ...CLIENT, refreshToken: "wrong-one" };
    const id = await create("oauth2", fields);
    const failed = await tenant.client.post(`/v1/credentials/${id}/test`);
    expect(failed.body).toMatchObject({ ok: false, code: "CREDENTIAL_REJECTED", message: "The provider refuses the credential (invalid_grant)." });
    expect((await tenant.client.get(`/v1/credentials/${id}`)).at("health")).toMatchObject({ state: "BROKEN", message: "invalid_grant" });
    const mended = await tenant.client.patch(`/v1/credentials/${id}`, { fields: { refreshToken: tokenServer.refreshToken } });
    expect(mended.at("health", "state")).toBe("UNKNOWN");
    expect((await tenant.client.post(`/v1/credentials/${id}/test`)).body).toMatchObject({ ok: true, code: null });
    expect((await tenant.client.post(`/v1/credentials/${id}/test`)).at("ok")).toBe(true);
    expect((await tenant.client.get(`/v1/credentials/${id}`)).at("health", "state")).toBe("HEALTHY");
  });

  test("smtp: logs in", async () => {
    const server = { host: "127.0.0.1", port: smtp.port, security: "none", username: "user" };
    const good = await create("smtp", { ...server, password: "right" });
    expect((await tenant.client.post(`/v1/credentials/${good}/test`)).body).toMatchObject({ ok: true });
    const bad = await create("smtp", { ...server, password: "mail-wr0ng" });
    const outcome = await tenant.client.post(`/v1/credentials/${bad}/test`);
    expect(outcome.body).toMatchObject({ ok: false, code: "CREDENTIAL_REJECTED" });
    expect((await tenant.client.get(`/v1/credentials/${bad}`)).at("health", "state")).toBe("BROKEN");
  });

  test.each(["tls", "starttls"] as const)("imap: logs in, with %s", async (security) => {
    const server = { host: "127.0.0.1", port: security === "tls" ? dovecot.tlsPort : dovecot.port, security, username: "ann@example.com", ca: TEST_CERTIFICATE };
    const good = await create("imap", { ...server, password: dovecot.password });
    expect((await tenant.client.post(`/v1/credentials/${good}/test`)).body).toMatchObject({ ok: true, code: null, message: "The server took the login." });
    expect((await tenant.client.get(`/v1/credentials/${good}`)).at("health", "state")).toBe("HEALTHY");
    const bad = await create("imap", { ...server, password: "mail-wr0ng" });
    expect((await tenant.client.post(`/v1/credentials/${bad}/test`)).body).toMatchObject({ ok: false, code: "CREDENTIAL_REJECTED" });
    expect((await tenant.client.get(`/v1/credentials/${bad}`)).at("health", "state")).toBe("BROKEN");
  });

  test("s3: asks the store for its buckets", async () => {
    const id = await create("s3", store.fields);
    expect((await tenant.client.post(`/v1/credentials/${id}/test`)).body).toMatchObject({ ok: true, message: "The store took the key." });
    expect((await tenant.client.get(`/v1/credentials/${id}`)).at("health", "state")).toBe("HEALTHY");
  });

  test("database: logs in", async () => {
    const server = { host: database.hostname, port: Number(database.port), database: database.pathname.slice(1), username: database.username, tls: "disable" };
    const good = await create("database", { ...server, password: database.password });
    expect((await tenant.client.post(`/v1/credentials/${good}/test`)).body).toMatchObject({ ok: true });
    const bad = await create("database", { ...server, username: "nobody-there", password: "wrong-one" });
    expect((await tenant.client.post(`/v1/credentials/${bad}/test`)).body).toMatchObject({ ok: false, code: "CREDENTIAL_REJECTED" });
  });

  test("private addresses are refused, and kinds without a tester say so", async () => {
    for (const [kind, fields] of [
      ["smtp", { host: "127.0.0.1", port: 2525, security: "none" }],
      ["imap", { host: "127.0.0.1", port: 993, username: "u", password: "mail-s3cret" }],
      ["s3", { endpoint: "http://10.0.0.1", accessKeyId: "id", secretAccessKey: "key-123456" }],
      ["database", { host: "10.0.0.1", database: "d", username: "u", tls: "disable" }],
      ["ai", { provider: "anthropic", baseUrl: "http://169.254.169.254/v1", apiKey: "key-123456" }],
    ] as const) {
      const outcome = await tenant.client.post(`/v1/credentials/${await create(kind, fields)}/test`);
      expect([kind, outcome.at("code")]).toEqual([kind, "ADDRESS_REFUSED"]);
    }
    const key = await create("apiKey", { hosts: ["a.test"], name: "X-Api-Key", value: "key-123456" });
    expect((await tenant.client.post(`/v1/credentials/${key}/test`)).body).toMatchObject({ ok: false, code: "UNSUPPORTED" });
  });
});

test("docs/credentials.md names every kind", () => {
  const text = readFileSync(new URL("../../../../../docs/credentials.md", import.meta.url), "utf8");
  for (const kind of ["apiKey", "basic", "bearer", "oauth2", "smtp", "imap", "database", "s3", "ai"]) expect(text).toContain(`\`${kind}\``);
});
