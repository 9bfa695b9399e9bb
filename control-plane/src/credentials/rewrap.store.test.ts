import { randomBytes } from "node:crypto";
import { openSecrets } from "@fluxo/prisma/credentials/open";
import { readCredential } from "@fluxo/prisma/credentials/stored-credential";
import { createTenantDb, type TenantDb } from "@fluxo/prisma/database/tenant-db";
import { addCredential } from "@fluxo/prisma/testing/credentials";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { createSecretBox } from "@fluxo/runtime/secrets/box";
import { createStaticKeyProvider } from "@fluxo/runtime/secrets/key-provider";
import { createVault, type Vault } from "@fluxo/runtime/secrets/vault";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addTenant } from "@fluxo/prisma/testing/seed";
import { addHook } from "../testing/hooks.ts";
import { rewrapAll } from "./rewrap.ts";

const [oldKey, newKey] = [randomBytes(32), randomBytes(32)];
const vaultOf = (...[current, ...previous]: [Buffer, ...Buffer[]]): Vault => createVault(createStaticKeyProvider(current, previous), () => performance.now());
const { owner, app, system } = await useTestDatabase();
let tenantDb: TenantDb;

beforeAll(async () => {
  tenantDb = createTenantDb(app);
});
afterAll(() => tenantDb.close());

test("the root key is rotated while credentials are opened and made: nobody notices, and afterwards the old key opens nothing and is not needed", async () => {
  const before = vaultOf(oldKey);
  const oldBox = createSecretBox(oldKey);
  const credentials: { tenantId: string; id: string; token: string }[] = [];
  const add = async (vault: Vault): Promise<void> => {
    const { tenantId } = await addTenant(owner);
    const token = `token-${tenantId}`;
    credentials.push({ tenantId, token, id: await addCredential(tenantDb, vault, tenantId, "bearer", { hosts: ["a.test"], token }) });
  };
  for (let n = 0; n < 230; n += 1) await add(before);
  const hook = await addHook(owner, credentials[0]?.tenantId ?? "", { seal: (tenantId, triggerId) => oldBox.seal("whsec_x", [tenantId, triggerId]) });

  // First every process learns the new key, then it becomes the current one: pods of both kinds run at the same time.
  const pods = [vaultOf(oldKey, newKey), vaultOf(newKey, oldKey)] as const;
  const openAll = async (vault: Vault): Promise<number> => {
    let opened = 0;
    for (const { tenantId, id, token } of [...credentials]) {
      const stored = await readCredential(app, tenantId, id);
      if (stored !== undefined && (await openSecrets(stored, vault))["token"] === token) opened += 1;
    }
    return opened;
  };
  const rewrapped = new AbortController();
  const readers = pods.map(async (vault) => {
    let rounds = 0;
    while (!rewrapped.signal.aborted || rounds === 0) {
      const known = credentials.length;
      expect(await openAll(vault)).toBeGreaterThanOrEqual(known);
      rounds += 1;
    }
  });
  const writer = Promise.all([add(pods[1]), add(pods[0]), add(pods[1])]);
  const reports = await Promise.all([rewrapAll(system, pods[1], createSecretBox(newKey, [oldKey])), rewrapAll(system, pods[1], createSecretBox(newKey, [oldKey]))]);
  await writer;
  rewrapped.abort();
  await Promise.all(readers);
  // What the pods with the old current key wrote meanwhile.
  reports.push(await rewrapAll(system, pods[1], createSecretBox(newKey, [oldKey])));
  expect(reports.reduce((sum, { dataKeys }) => sum + dataKeys, 0)).toBeGreaterThanOrEqual(231);
  expect(reports.reduce((sum, { triggerSecrets }) => sum + triggerSecrets, 0)).toBe(1);
  expect(reports.flatMap(({ unreadable }) => unreadable)).toEqual([]);

  const after = vaultOf(newKey);
  expect(await openAll(after)).toBe(credentials.length);
  const { rows } = await owner.query<{ root_key_id: string }>("SELECT DISTINCT root_key_id FROM tenant_keys");
  expect(rows).toEqual([{ root_key_id: await after.currentRootKeyId() }]);
  const first = credentials[0];
  const stored = await readCredential(app, first?.tenantId ?? "", first?.id ?? "");
  if (stored === undefined) throw new Error("The credential is not there.");
  await expect(openSecrets(stored, before)).rejects.toMatchObject({ code: "CREDENTIAL_UNREADABLE" });
  const sealed = (await owner.query<{ sealed_secret: Buffer }>("SELECT sealed_secret FROM triggers WHERE id = $1", [hook.triggerId])).rows[0]?.sealed_secret ?? Buffer.alloc(0);
  expect(createSecretBox(newKey).open(sealed, [hook.tenantId, hook.triggerId]).toString()).toBe("whsec_x");
  expect(await rewrapAll(system, after, createSecretBox(newKey))).toEqual({ dataKeys: 0, triggerSecrets: 0, unreadable: [] });
});

test("what no key opens is told and left as it is, and does not keep the rest from being rewrapped", async () => {
  const [lostKey, nextKey] = [randomBytes(32), randomBytes(32)];
  const lost = await addTenant(owner);
  await addCredential(tenantDb, vaultOf(lostKey), lost.tenantId, "bearer", { hosts: ["a.test"], token: "token-lost" });
  const report = await rewrapAll(system, vaultOf(nextKey, newKey), createSecretBox(nextKey, [newKey]));
  expect(report.unreadable).toEqual([{ tenantId: lost.tenantId, rootKeyId: await vaultOf(lostKey).currentRootKeyId() }]);
  expect(report.dataKeys).toBeGreaterThanOrEqual(200);
  const stored = await owner.query<{ root_key_id: string }>("SELECT root_key_id FROM tenant_keys WHERE tenant_id = $1", [lost.tenantId]);
  expect(stored.rows).toEqual([{ root_key_id: await vaultOf(lostKey).currentRootKeyId() }]);
});

test("the role that rewraps reads no credential", async () => {
  await expect(system.query("SELECT * FROM credentials")).rejects.toThrow(/permission denied/);
  await expect(system.query("UPDATE triggers SET config = '{}'")).rejects.toThrow(/permission denied/);
});
