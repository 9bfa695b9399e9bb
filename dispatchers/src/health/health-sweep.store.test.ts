import { addSource, addWorkflow, seedWorkflow, type SeededWorkflow } from "@fluxo/prisma/testing/seed";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { systemClock } from "@fluxo/runtime/clock";
import { createLogger } from "@fluxo/runtime/logger";
import { createMetrics, createRegistry } from "@fluxo/runtime/metrics";
import { beforeEach, expect, test } from "vitest";
import { HealthSweep } from "./health-sweep.ts";

const GRAPH = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };
const HOUR_MS = 3_600_000;

const { owner, system } = await useTestDatabase();
let workflow: SeededWorkflow;
let lines: string[] = [];
const registry = createRegistry();
const metrics = createMetrics(registry);

beforeEach(async () => {
  lines = [];
  await owner.query("DELETE FROM trigger_states");
  workflow = await seedWorkflow(owner, GRAPH);
});

const sweep = (limit = 100): HealthSweep =>
  new HealthSweep({ system, clock: systemClock, logger: createLogger({ service: "test", level: "warn", destination: { write: (line) => void lines.push(line) } }), metrics, limit });

/** A source whose last item came so many hours ago, one every `everyHours` usually. */
async function source(kind: string, hoursAgo: number, everyHours: number | null): Promise<string> {
  const id = await addSource(owner, workflow, kind, {});
  await owner.query("UPDATE trigger_states SET item_seen_at = clock_timestamp() - make_interval(secs => $2), interval_ms = $3 WHERE trigger_id = $1", [id, hoursAgo * 3_600, everyHours === null ? null : everyHours * HOUR_MS]);
  return id;
}

async function silent(): Promise<string[]> {
  const { rows } = await owner.query<{ trigger_id: string }>("SELECT trigger_id FROM trigger_states WHERE silent_since IS NOT NULL ORDER BY 1");
  return rows.map((row) => row.trigger_id);
}

test("a source is silent after an hour at least and five times its usual interval, once", async () => {
  const late = [await source("rss", 6, 1), await source("email", 1.1, 0.01)];
  await source("rss", 4.9, 1);
  await source("rss", 0.9, 0.01);
  await source("rss", 100, null);
  await source("schedule", 100, 1);
  const paused = await source("rss", 100, 1);
  await owner.query("UPDATE trigger_states SET is_paused = true WHERE trigger_id = $1", [paused]);
  const watch = sweep();
  await watch.tick();
  await watch.tick();
  expect(await silent()).toEqual(late.toSorted());
  expect(lines).toHaveLength(2);
  const gauge = await metrics.triggersSilent.get();
  expect(Object.fromEntries(gauge.values.map(({ labels, value }) => [labels.kind, value]))).toEqual({ email: 1, rss: 1 });
});

test("a sweep is bounded, and the next one goes on where it ended", async () => {
  for (let each = 0; each < 5; each += 1) await source("rss", 10 + each, each < 3 ? 100 : 1);
  const watch = sweep(2);
  expect([await watch.tick(), await watch.tick(), await watch.tick(), (await silent()).length]).toEqual([true, true, false, 2]);
});

test("one dead credential is one alert, however many triggers use it", async () => {
  const credentialId = "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b";
  await owner.query("INSERT INTO tenant_keys (tenant_id, version, root_key_id, wrapped) VALUES ($1, 1, 'r', '')", [workflow.tenantId]);
  await owner.query("INSERT INTO credentials (tenant_id, id, name, kind, fields, sealed_secrets, secret_names, key_version) VALUES ($1, $2, 'Mail', 'imap', '{}', '', '{}', 1)", [workflow.tenantId, credentialId]);
  for (let each = 0; each < 3; each += 1) {
    const user = await addWorkflow(owner, workflow.tenantId, GRAPH);
    const id = await addSource(owner, user, "email", {});
    await owner.query("INSERT INTO workflow_version_credentials SELECT tenant_id, $3, node_id, 'account', $4 FROM triggers WHERE tenant_id = $1 AND id = $2", [workflow.tenantId, id, user.versionId, credentialId]);
    await owner.query("UPDATE trigger_states SET failures = 2, error_code = 'CREDENTIAL_REJECTED' WHERE trigger_id = $1", [id]);
  }
  const watch = sweep();
  await watch.tick();
  await watch.tick();
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ event: "credential_dead", credentialId, triggers: 3 }]);
  expect((await metrics.credentialsFailing.get()).values).toMatchObject([{ value: 1 }]);
  expect((await metrics.triggersFailing.get()).values).toMatchObject([{ labels: { kind: "email" }, value: 3 }]);
  await owner.query("UPDATE trigger_states SET failures = 0, error_code = NULL");
  await watch.tick();
  expect((await metrics.credentialsFailing.get()).values).toMatchObject([{ value: 0 }]);
});
