import { rememberKeys } from "@fluxo/prisma/executions/memory";
import { queueExecutions, seedWorkflow } from "@fluxo/prisma/testing/seed";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { createLogger } from "@fluxo/runtime/logger";
import { ManualClock } from "@fluxo/runtime/testing/manual-clock";
import { eventually } from "@fluxo/test/support/eventually";
import { expect, test } from "vitest";
import { Sweeper } from "./sweeper.ts";

const HOUR_MS = 3_600_000;

const { owner, app, system } = await useTestDatabase({ app: 1, system: 1 });

async function keysLeft(): Promise<number> {
  return (await owner.query<{ n: number }>("SELECT count(*)::int AS n FROM remembered_keys")).rows[0]?.n ?? -1;
}

test("the sweeper forgets what expired, once a minute, and keeps the rest", async () => {
  const workflow = await seedWorkflow(owner, { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] });
  const [executionId = ""] = await queueExecutions(app, workflow, [{}]);
  await rememberKeys(app, { ...workflow, executionId, nodeId: "n", item: 0 }, ["a", "b", "c"], HOUR_MS);
  const expireOne = (): Promise<unknown> => owner.query("UPDATE remembered_keys SET expires_at = now() - interval '1 minute' WHERE key_hash = (SELECT max(key_hash) FROM remembered_keys)");
  const clock = new ManualClock();
  const sweeper = new Sweeper({ db: system, clock, logger: createLogger({ service: "relay", level: "silent" }), staleMs: 60_000, intervalMs: 2_000 });
  const asleep = (): Promise<void> => eventually(() => expect(clock.sleeping).toBe(1));
  await expireOne();
  sweeper.start();
  await asleep();
  expect(await keysLeft()).toBe(2);
  await expireOne();
  await clock.advance(2_000);
  await asleep();
  expect(await keysLeft()).toBe(2);
  await clock.advance(60_000);
  await asleep();
  await eventually(async () => expect(await keysLeft()).toBe(1));
  await sweeper.stop();
});
