import { Lifecycle } from "@fluxo/runtime/lifecycle";
import { createLogger } from "@fluxo/runtime/logger";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { expect, test } from "vitest";
import { addTenant } from "@fluxo/prisma/testing/seed";
import { addHook } from "../testing/hooks.ts";
import { composeIngress } from "./compose.ts";
import { loadIngressConfig } from "./config.ts";

const { database, owner } = await useTestDatabase();

test("the ingress as it is composed: limits, trusted proxies, filters and samples from its configuration", async () => {
  const logger = createLogger({ service: "ingress", level: "silent" });
  const lifecycle = new Lifecycle({ logger });
  const config = loadIngressConfig({
    ...{ HOST: "127.0.0.1", PORT: "0", FLUXO_APP_DATABASE_URL: database.appUrl, REDIS_URL: process.env["FLUXO_TEST_REDIS_URL"], FLUXO_REDIS_PREFIX: `composed-${process.pid}` },
    ...{ FLUXO_FAST_LANE: "false", FLUXO_MASTER_KEY: Buffer.alloc(32, 1).toString("base64"), INGRESS_TRUSTED_PROXIES: "127.0.0.1" },
  });
  const port = await composeIngress(config, logger, lifecycle);
  const { tenantId } = await addTenant(owner);
  const hook = await addHook(owner, tenantId, {
    config: { authentication: { mode: "none" }, allowedAddresses: ["192.0.2.7"], rateLimit: { perMinute: 2 }, filter: { conditions: [{ path: "query.a", operator: "equals", right: "1" }] } },
  });
  await owner.query("INSERT INTO hook_tests (tenant_id, trigger_id, opened_at, expires_at) VALUES ($1, $2, now(), now() + interval '10 minutes')", [tenantId, hook.triggerId]);
  const call = async (path: string, from: string): Promise<number> => (await fetch(`http://127.0.0.1:${port}/${path}`, { method: "POST", headers: { "x-forwarded-for": from } })).status;
  const statuses = [await call(`hooks/${hook.token}`, "192.0.2.8"), await call(`hooks/${hook.token}?a=2`, "192.0.2.7"), await call(`hooks-test/${hook.token}`, "192.0.2.7"), await call(`hooks/${hook.token}?a=1`, "192.0.2.7")];
  expect(statuses).toEqual([403, 202, 202, 429]);
  const { rows } = await owner.query("SELECT reason FROM occurrences WHERE trigger_id = $1", [hook.triggerId]);
  expect(rows).toEqual([{ reason: "FILTERED" }]);
  await lifecycle.stop("test");
});
