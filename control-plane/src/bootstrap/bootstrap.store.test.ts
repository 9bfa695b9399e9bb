import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { AGENCY_SCOPES, OPERATOR_SCOPES } from "@fluxo/contracts/http/scopes";
import { resolveApiKey } from "@fluxo/prisma/access/api-keys";
import { createPool } from "@fluxo/prisma/database/pool";
import { createTestDatabase, type TestDatabase } from "@fluxo/test/support/database";
import { afterAll, beforeAll, expect, test } from "vitest";
import { matchesSecret, parseApiKey } from "../keys/api-key.ts";

const run = promisify(execFile);
const main = fileURLToPath(new URL("../main.ts", import.meta.url));
let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const start = (args: readonly string[], env: Record<string, string> = {}) => run(process.execPath, [main, ...args], { env: { PATH: process.env["PATH"], ...env } });

test("creates an agency and prints its admin key as one line of JSON", async () => {
  const { stdout } = await start(["bootstrap", "--agency", "Northwind"], { FLUXO_SYSTEM_DATABASE_URL: database.systemUrl });
  const { agencyId, adminKey } = JSON.parse(stdout) as { agencyId: string; adminKey: string };
  expect(stdout.trim().split("\n")).toHaveLength(1);
  const presented = parseApiKey(adminKey);
  const pool = createPool({ connectionString: database.appUrl, applicationName: "test", max: 1, role: "fluxo_app" });
  const stored = await resolveApiKey(pool, presented?.id ?? "");
  await pool.end();
  expect(stored).toMatchObject({ agencyId, tenantId: null, scopes: AGENCY_SCOPES });
  expect(matchesSecret(presented?.secret ?? "", stored?.secretHash ?? new Uint8Array())).toBe(true);
});

test("creates a key of the operator and prints it as one line of JSON", async () => {
  const { stdout } = await start(["bootstrap", "--operator"], { FLUXO_SYSTEM_DATABASE_URL: database.systemUrl });
  const { operatorKey } = JSON.parse(stdout) as { operatorKey: string };
  const presented = parseApiKey(operatorKey);
  const pool = createPool({ connectionString: database.appUrl, applicationName: "test", max: 1, role: "fluxo_app" });
  const stored = await resolveApiKey(pool, presented?.id ?? "");
  await pool.end();
  expect(stored).toMatchObject({ agencyId: null, tenantId: null, scopes: OPERATOR_SCOPES, isSuspended: false });
  expect(matchesSecret(presented?.secret ?? "", stored?.secretHash ?? new Uint8Array())).toBe(true);
  await expect(start(["bootstrap", "--operator", "--agency", "X"])).rejects.toMatchObject({ code: 2 });
});

test("refuses to run as another role", async () => {
  for (const url of [database.appUrl, database.ownerUrl]) {
    await expect(start(["bootstrap", "--agency", "X"], { FLUXO_SYSTEM_DATABASE_URL: url })).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining("must connect as fluxo_system") });
  }
});

test("says what is wrong with its call", async () => {
  await expect(start([])).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining("Usage:") });
  await expect(start(["nonsense"])).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('There is no role "nonsense"') });
  await expect(start(["bootstrap"])).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining("--agency") });
  await expect(start(["bootstrap", "--agency", "X"])).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining("FLUXO_SYSTEM_DATABASE_URL: is not set") });
  expect((await start(["--help"])).stdout).toContain("Usage:");
});
