import { createTestDatabase, type TestDatabase } from "@fluxo/test/support/database";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createPool } from "../database/pool.ts";
import { createTenantDb } from "../database/tenant-db.ts";
import { uuidV7 } from "../ids.ts";
import { createAgency } from "./agencies.ts";
import { brokenUniqueIndex } from "./constraint.ts";
import { createTenant, findTenant } from "./tenants.ts";
import { isStoreUnavailable } from "./unavailable.ts";

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** What a call throws. */
async function thrownBy(call: () => Promise<unknown>): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error("The call did not fail.");
}

test("a server that is away, a lost connection and a full pool are told apart from mistakes", async () => {
  const away = createPool({ connectionString: "postgresql://fluxo_app:app@127.0.0.1:1/none", applicationName: "test", max: 1, role: "fluxo_app" });
  const awayDb = createTenantDb(away);
  expect(isStoreUnavailable(await thrownBy(() => away.query("SELECT 1")))).toBe(true);
  expect(isStoreUnavailable(await thrownBy(() => awayDb.withTenant(uuidV7.next(), (db) => findTenant(db, uuidV7.next()))))).toBe(true);
  await awayDb.close();
  await away.end();

  const pool = createPool({ connectionString: database.appUrl, applicationName: "test", max: 1, role: "fluxo_app" });
  const tenantDb = createTenantDb(pool);
  const killed = await thrownBy(() => tenantDb.withTenant(uuidV7.next(), (db) => db.$queryRaw`SELECT pg_terminate_backend(pg_backend_pid())`));
  expect(isStoreUnavailable(killed)).toBe(true);
  expect(isStoreUnavailable(await thrownBy(() => pool.query("SELECT 1/0")))).toBe(false);
  expect(isStoreUnavailable(await thrownBy(() => tenantDb.withTenant(uuidV7.next(), (db) => db.$queryRaw`SELECT nonsense`)))).toBe(false);
  expect(isStoreUnavailable(new Error("ECONNREFUSED is only mentioned"))).toBe(false);
  await tenantDb.close();
  await pool.end();
});

test("names the unique index that a write broke", async () => {
  const [app, system] = (["app", "system"] as const).map((role) =>
    createPool({ connectionString: role === "app" ? database.appUrl : database.systemUrl, applicationName: "test", max: 2, role: `fluxo_${role}` }),
  );
  if (app === undefined || system === undefined) throw new Error("Two pools were made.");
  const tenantDb = createTenantDb(app);
  const agencyId = uuidV7.next();
  await createAgency(system, { agencyId, name: "A", key: { id: uuidV7.next(), name: "K", prefix: "flx_x", secretHash: new Uint8Array(32), scopes: [] } });
  const insert = (name: string, externalId: string) =>
    tenantDb.withAgency(agencyId, (db) => createTenant(db, { id: uuidV7.next(), agencyId, planId: "00000000-0000-7000-8000-000000000001", name, timeZone: "UTC", externalId }));
  await insert("one", "1");
  expect(brokenUniqueIndex(await thrownBy(() => insert("one", "2")))).toBe("tenants_agency_id_name_key");
  expect(brokenUniqueIndex(await thrownBy(() => insert("two", "1")))).toBe("tenants_agency_id_external_id_key");
  expect(brokenUniqueIndex(new Error("other"))).toBeUndefined();
  await tenantDb.close();
  await Promise.all([app.end(), system.end()]);
});
