import { expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { nodeContext } from "../testing/node-context.ts";

test("trigger.schedule gives the instant", async () => {
  const trigger = { scheduledAt: "2026-01-05T08:00:00.000Z", lateMs: 12 };
  const params = { when: { kind: "cron", expression: "0 9 * * *", timeZone: "Europe/Berlin" } };
  await expect(executeNode("trigger.schedule", params, nodeContext({ trigger }))).resolves.toEqual({ kind: "done", output: trigger });
});
