import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { useTestDatabase } from "../testing/test-database.ts";
import { createTenantDb, type TenantDb } from "./tenant-db.ts";
import { Units } from "./units.ts";

const { owner, app } = await useTestDatabase();
let units: Units;
let tenantDb: TenantDb;
const agencyId = randomUUID();
const reported: unknown[] = [];
const planId = "00000000-0000-7000-8000-000000000001";

beforeAll(async () => {
  units = new Units(app, (error) => void reported.push(error));
  tenantDb = createTenantDb(units.pool, units);
  await owner.query("INSERT INTO agencies (id, name) VALUES ($1, 'Agency')", [agencyId]);
});
afterAll(() => tenantDb.close());

const addTenant = async (name: string): Promise<string> => {
  const id = randomUUID();
  await tenantDb.withAgency(agencyId, (db) => db.tenant.create({ data: { id, agencyId, planId, name } }));
  return id;
};
const addWorkflow = (tenantId: string, name: string): Promise<unknown> => tenantDb.withTenant(tenantId, (db) => db.workflow.create({ data: { tenantId, id: randomUUID(), name, draft: {} } }));
const namesOf = async (table: "tenants" | "workflows", like: string): Promise<string[]> =>
  (await owner.query<{ name: string }>(`SELECT name FROM ${table} WHERE name LIKE $1 ORDER BY name`, [`${like}%`])).rows.map(({ name }) => name);
const transactionId = async (): Promise<string> => (await units.pool.query<{ id: string }>("SELECT pg_current_xact_id()::text AS id")).rows[0]?.id ?? "";

test("several transactions of several scopes become one, which nobody sees before its end", async () => {
  await units.run(async (client) => {
    const tenantId = await addTenant("one-a");
    await addWorkflow(tenantId, "one-w");
    const own = await transactionId();
    expect((await client.query<{ id: string }>("SELECT pg_current_xact_id()::text AS id")).rows[0]?.id).toBe(own);
    expect(await transactionId()).toBe(own);
    expect(await namesOf("tenants", "one-")).toEqual([]);
  });
  expect([await namesOf("tenants", "one-"), await namesOf("workflows", "one-")]).toEqual([["one-a"], ["one-w"]]);
});

test("a failure at the end undoes everything, and what waits for the commit is not told", async () => {
  const told: string[] = [];
  const unit = units.run(async () => {
    await units.afterCommit(() => void told.push("never"));
    await addWorkflow(await addTenant("two-a"), "two-w");
    throw new Error("injected");
  });
  await expect(unit).rejects.toThrow("injected");
  expect([await namesOf("tenants", "two-"), await namesOf("workflows", "two-"), told]).toEqual([[], [], []]);
});

test("a failure that the work handles undoes its own transaction only", async () => {
  await units.run(async () => {
    await addTenant("three-a");
    await expect(addTenant("three-a")).rejects.toMatchObject({ code: "P2002" });
    await expect(units.pool.query("SELECT 1 / 0")).rejects.toThrow(/division by zero/);
    await addTenant("three-b");
  });
  expect(await namesOf("tenants", "three-")).toEqual(["three-a", "three-b"]);
});

test("what is asked side by side takes turns, also inside of a transaction", async () => {
  await units.run(async () => {
    const ids = await Promise.all([addTenant("four-a"), addTenant("four-b"), addTenant("four-c")]);
    await Promise.all([
      expect(addTenant("four-a")).rejects.toMatchObject({ code: "P2002" }),
      ...ids.map((id, index) => addWorkflow(id, `four-${index}`)),
      transactionId(),
    ]);
    await tenantDb.withAgency(agencyId, async (db) => {
      const [own, other] = await Promise.all([db.$queryRaw<{ id: string }[]>`SELECT pg_current_xact_id()::text AS id`, transactionId()]);
      expect(own).toEqual([{ id: other }]);
      await addTenant("four-d");
    });
  });
  expect([await namesOf("tenants", "four-"), await namesOf("workflows", "four-")]).toEqual([["four-a", "four-b", "four-c", "four-d"], ["four-0", "four-1", "four-2"]]);
});

test("a client that begins and ends by itself joins as well", async () => {
  await units.run(async () => {
    const client = await units.pool.connect();
    await client.query("BEGIN");
    await client.query("SELECT set_config('app.agency_id', $1, true)", [agencyId]);
    await client.query("INSERT INTO tenants (id, agency_id, plan_id, name) VALUES ($1, $2, $3, 'five-a')", [randomUUID(), agencyId, planId]);
    await client.query("ROLLBACK");
    client.release();
    await addTenant("five-b");
  });
  expect(await namesOf("tenants", "five-")).toEqual(["five-b"]);
});

test("what is done aside lasts although the unit is undone", async () => {
  const unit = units.run(async () => {
    await addTenant("aside-gone");
    await units.aside(() => addTenant("aside-kept"));
    throw new Error("injected");
  });
  await expect(unit).rejects.toThrow("injected");
  expect(await namesOf("tenants", "aside-")).toEqual(["aside-kept"]);
});

test("tenants of one unit do not see each other", async () => {
  const [a, b] = [await addTenant("six-a"), await addTenant("six-b")];
  await units.run(async () => {
    await addWorkflow(a, "six-w");
    expect(await tenantDb.withTenant(b, (db) => db.workflow.count())).toBe(0);
    expect(await tenantDb.withAgency(agencyId, (db) => db.workflow.count())).toBe(0);
    await expect(tenantDb.withTenant(b, (db) => db.workflow.create({ data: { tenantId: a, id: randomUUID(), name: "six-x", draft: {} } }))).rejects.toThrow(/row-level security/);
  });
});

test("outside of a unit, and after its end, everything is its own transaction and told at once", async () => {
  const told: string[] = [];
  let late: Promise<string> | undefined;
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const inside = await units.run(async () => {
    await units.afterCommit(() => void told.push("after"));
    late = ended.then(transactionId);
    told.push("before");
    return transactionId();
  });
  expect(told).toEqual(["before", "after"]);
  end();
  expect(await late).not.toBe(inside);
  await units.afterCommit(() => void told.push("at once"));
  expect(told).toEqual(["before", "after", "at once"]);
});

test("what fails after the commit is reported, and the rest is told", async () => {
  const told: string[] = [];
  await units.run(async () => {
    await units.afterCommit(() => Promise.reject(new Error("late")));
    await units.afterCommit(() => {
      throw new Error("later");
    });
    await units.afterCommit(() => void told.push("last"));
  });
  expect([reported, told]).toEqual([[new Error("late"), new Error("later")], ["last"]]);
});

test("many units side by side keep apart on few connections", async () => {
  await Promise.all(
    Array.from({ length: 60 }, async (_, index) => {
      const unit = units.run(async () => {
        await addTenant(`seven-${String(index).padStart(2, "0")}`);
        if (index % 3 === 0) throw new Error("injected");
      });
      if (index % 3 === 0) await expect(unit).rejects.toThrow("injected");
      else await unit;
    }),
  );
  expect(await namesOf("tenants", "seven-")).toHaveLength(40);
});
