import { randomBytes } from "node:crypto";
import { NodeError } from "@fluxo/core/errors/node-error";
import { systemClock } from "@fluxo/runtime/clock";
import { createGuardedClient } from "@fluxo/runtime/http/guarded-client";
import { createStaticKeyProvider } from "@fluxo/runtime/secrets/key-provider";
import { createVault } from "@fluxo/runtime/secrets/vault";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { createTenantDb, type TenantDb } from "../database/tenant-db.ts";
import { addCredential } from "../testing/credentials.ts";
import { seedWorkflow, type SeededWorkflow } from "../testing/seed.ts";
import { useTestDatabase } from "../testing/test-database.ts";
import { CLIENT, startTokenServer, type TokenServer } from "../testing/token-server.ts";
import { AccessTokens } from "./access-tokens.ts";
import { openSecrets } from "./open.ts";
import { readCredential, type StoredCredential } from "./stored-credential.ts";

const vault = createVault(createStaticKeyProvider(randomBytes(32)), () => performance.now());
const { owner, app } = await useTestDatabase();
let tenantDb: TenantDb;
let workflow: SeededWorkflow;
let server: TokenServer;

beforeAll(async () => {
  tenantDb = createTenantDb(app);
  workflow = await seedWorkflow(owner, { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] });
});
afterAll(() => tenantDb.close());
beforeEach(async () => {
  server = await startTokenServer();
});
afterEach(() => server.stop());

/** Another pod: its own flights and its own name in leases. */
function pod(owner: string, leaseMs = 20_000): AccessTokens {
  const http = createGuardedClient({ allowedPrivateHosts: [`127.0.0.1:${server.port}`] });
  return new AccessTokens({ db: app, vault, http, clock: systemClock, owner, leaseMs, requestTimeoutMs: 15_000 });
}

function addOAuth2(fields: Record<string, string> = {}): Promise<string> {
  return addCredential(tenantDb, vault, workflow.tenantId, "oauth2", {
    hosts: ["api.example.com"], grant: "refreshToken", tokenUrl: server.url, ...CLIENT, refreshToken: server.refreshToken, ...fields,
  });
}

async function stored(id: string): Promise<StoredCredential> {
  const found = await readCredential(app, workflow.tenantId, id);
  if (found === undefined) throw new Error("The credential is not there.");
  return found;
}

async function codeOf(action: Promise<unknown>): Promise<string> {
  const error: unknown = await action.then(() => undefined, (thrown: unknown) => thrown);
  return error instanceof NodeError ? `${error.errorClass} ${error.code}` : String(error);
}

test("two pods that need a token at once ask the provider once, and both get it", async () => {
  server.settings.delayMs = 300;
  const id = await addOAuth2();
  const pods = [pod("a"), pod("b")];
  const tokens = await Promise.all(pods.flatMap((each) => Array.from({ length: 10 }, async () => each.get(await stored(id)))));
  expect(new Set(tokens)).toEqual(new Set(["access-token-1"]));
  expect(server.counts).toEqual({ requests: 1, parallelMax: 1, refused: 0 });
  expect(await pod("c").get(await stored(id))).toBe("access-token-1");
  expect(server.counts.requests).toBe(1);
});

test("over many ends of its life, the token is renewed with each rotated refresh token, and never by two pods at once", async () => {
  // Shorter than the rounds are apart: each round finds it ended.
  server.settings = { ...server.settings, expiresIn: 0.1, delayMs: 20 };
  const id = await addOAuth2();
  const pods = [pod("a"), pod("b"), pod("c")];
  for (let round = 0; round < 8; round += 1) {
    const tokens = await Promise.all(pods.map(async (each) => each.get(await stored(id))));
    for (const token of tokens) expect(token).toMatch(/^access-token-\d+$/);
    await owner.query("UPDATE credential_tokens SET expires_at = now() - interval '1 second' WHERE credential_id = $1", [id]);
  }
  expect(server.counts.parallelMax).toBe(1);
  expect(server.counts.refused).toBe(0);
  expect(server.counts.requests).toBeGreaterThanOrEqual(8);
  expect((await openSecrets(await stored(id), vault))["refreshToken"]).toBe(server.refreshToken);
});

test("a refused grant breaks the credential: the provider is asked once, and again only after a change", async () => {
  const id = await addOAuth2({ refreshToken: "used-up-long-ago" });
  const pods = [pod("a"), pod("b")];
  for (let round = 0; round < 3; round += 1) {
    for (const each of pods) expect(await codeOf(each.get(await stored(id)))).toBe("CREDENTIAL CREDENTIAL_REJECTED");
  }
  expect(server.counts.requests).toBe(1);
  const { rows } = await owner.query("SELECT health, health_message FROM credentials WHERE id = $1", [id]);
  expect(rows).toEqual([{ health: "BROKEN", health_message: "invalid_grant" }]);
});

test("a refusal that comes after the credential was changed does not break what it is now", async () => {
  const gate = Promise.withResolvers<undefined>();
  server.settings.gate = gate.promise;
  const id = await addOAuth2({ refreshToken: "used-up-long-ago" });
  const flight = codeOf(pod("a").get(await stored(id)));
  await expect.poll(() => server.counts.requests).toBe(1);
  await owner.query("UPDATE credentials SET grant_version = 2 WHERE id = $1", [id]);
  gate.resolve(undefined);
  expect(await flight).toBe("CREDENTIAL CREDENTIAL_REJECTED");
  expect((await stored(id)).isBroken).toBe(false);
});

test("a provider that fails is left alone for a while, and its words are not taken over", async () => {
  server.settings.status = 500;
  const id = await addOAuth2();
  expect(await codeOf(pod("a").get(await stored(id)))).toBe("SERVER PROVIDER_FAILED");
  expect(await codeOf(pod("b").get(await stored(id)))).toBe("SERVER PROVIDER_FAILED");
  expect(server.counts.requests).toBe(1);
  server.settings.status = 200;
  await owner.query("UPDATE credential_tokens SET retry_at = now() WHERE credential_id = $1", [id]);
  expect(await pod("b").get(await stored(id))).toBe("access-token-2");
  server.settings.status = 429;
  const limited = await addOAuth2();
  expect(await codeOf(pod("a").get(await stored(limited)))).toBe("RATE_LIMIT PROVIDER_RATE_LIMITED");
});

test("a pod that dies with the lease holds the others up until it ends, and cannot write afterwards", async () => {
  const id = await addOAuth2();
  // The dead one: it leased, and nothing more was heard of it.
  const { rows } = await app.query<{ epoch: number }>("SELECT epoch FROM fluxo_credential_lease($1, $2, 'dead', 700, false)", [workflow.tenantId, id]);
  const { rows: [leased] } = await owner.query("SELECT lease_until FROM credential_tokens WHERE credential_id = $1", [id]);
  expect(await pod("b").get(await stored(id))).toBe("access-token-1");
  expect((await owner.query("SELECT clock_timestamp() > $1 AS is_over", [leased.lease_until])).rows).toEqual([{ is_over: true }]);
  const late = { grantVersion: 1, sealedToken: "AAAA", tokenVersion: 1, keyVersion: 1, expiresInMs: 60_000 };
  const written = await app.query<{ outcome: string }>("SELECT fluxo_credential_renewed($1, $2, $3, $4) AS outcome", [workflow.tenantId, id, rows[0]?.epoch, JSON.stringify(late)]);
  expect(written.rows).toEqual([{ outcome: "fenced" }]);
  expect(await pod("c").get(await stored(id))).toBe("access-token-1");
});

test("a secret that was entered during the request stays, and the token of the old one does not count", async () => {
  const gate = Promise.withResolvers<undefined>();
  server.settings.gate = gate.promise;
  const id = await addOAuth2();
  const flight = pod("a").get(await stored(id));
  await expect.poll(() => server.counts.requests).toBe(1);
  // What the API does: sealed anew under the next version, another grant.
  const { secrets } = await stored(id);
  const sealed = await vault.seal(secrets.key, JSON.stringify({ clientSecret: CLIENT.clientSecret, refreshToken: "entered-by-hand" }), { record: id, part: "secrets", version: 2 });
  await owner.query("UPDATE credentials SET sealed_secrets = $2, secret_version = 2, grant_version = 2 WHERE id = $1", [id, sealed]);
  gate.resolve(undefined);
  expect(await flight).toBe("access-token-1");
  const after = await stored(id);
  expect((await openSecrets(after, vault))["refreshToken"]).toBe("entered-by-hand");
  expect(after.token).toBeUndefined();
});

test("client credentials: no refresh token, the client in the form or in the header", async () => {
  for (const clientAuthentication of ["basic", "body"]) {
    const id = await addCredential(tenantDb, vault, workflow.tenantId, "oauth2", {
      hosts: ["api.example.com"], grant: "clientCredentials", tokenUrl: server.url, ...CLIENT, clientAuthentication, scopes: ["read", "write"],
    });
    expect(await pod("a").get(await stored(id))).toMatch(/^access-token-/);
  }
  expect(server.counts).toMatchObject({ requests: 2, refused: 0 });
  const wrong = await addCredential(tenantDb, vault, workflow.tenantId, "oauth2", { hosts: ["x.test"], grant: "clientCredentials", tokenUrl: server.url, clientId: "x", clientSecret: "wrong!" });
  expect(await codeOf(pod("a").get(await stored(wrong)))).toBe("CREDENTIAL CREDENTIAL_REJECTED");
});

test("token requests go through the guard and follow no redirect", async () => {
  const other = await startTokenServer();
  server.settings.redirectTo = other.url;
  const id = await addOAuth2();
  expect(await codeOf(pod("a").get(await stored(id)))).toBe("DATA PROVIDER_REJECTED");
  expect(other.counts.requests).toBe(0);
  const hidden = await addOAuth2({ tokenUrl: other.url });
  expect(await codeOf(pod("a").get(await stored(hidden)))).toBe("REFUSED ADDRESS_REFUSED");
  expect(other.counts.requests).toBe(0);
  await other.stop();
});
