import type { JsonObject } from "@fluxo/core/json";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { nodeErrorOf } from "../testing/failures.ts";
import { nodeContext, NOW } from "../testing/node-context.ts";
import { MAX_DELAY_MS } from "./definition.ts";

function run(params: JsonObject): ReturnType<typeof executeNode> {
  return executeNode("delay", params, nodeContext());
}

describe("delay", () => {
  test("suspends for a duration", async () => {
    const resumeAt = new Date(NOW.getTime() + 300);
    await expect(run({ durationMs: 300 })).resolves.toEqual({ kind: "suspended", reason: "DELAY", resumeAt, output: { resumedAt: "2026-01-05T07:00:00.300Z" } });
  });

  test("suspends until an instant, whatever its offset", async () => {
    const result = await run({ until: "2026-01-05T08:30:00+01:00" });
    expect(result).toEqual({ kind: "suspended", reason: "DELAY", resumeAt: new Date("2026-01-05T07:30:00Z"), output: { resumedAt: "2026-01-05T07:30:00.000Z" } });
  });

  test("suspends for units that are added up", async () => {
    const resumeAt = new Date("2026-01-06T09:01:00.500Z");
    await expect(run({ for: { days: 1, hours: 2, minutes: 1, seconds: 0.5 } })).resolves.toEqual({ kind: "suspended", reason: "DELAY", resumeAt, output: { resumedAt: resumeAt.toISOString() } });
  });

  test("suspends until working hours, and goes on at once within them", async () => {
    const resumeAt = new Date("2026-01-05T08:00:00Z");
    await expect(run({ untilWorkingHours: { zone: "Europe/Berlin" } })).resolves.toEqual({ kind: "suspended", reason: "DELAY", resumeAt, output: { resumedAt: resumeAt.toISOString() } });
    await expect(run({ untilWorkingHours: { zone: "Asia/Kolkata" } })).resolves.toEqual({ kind: "done", output: { resumedAt: NOW.toISOString() } });
    await expect(run({ untilWorkingHours: { zone: "UTC", days: ["sunday"], from: "22:00", to: "06:00" } })).resolves.toMatchObject({ resumeAt: new Date("2026-01-11T22:00:00Z") });
  });

  test.each([{ durationMs: 0 }, { until: "2026-01-05T07:00:00Z" }, { until: "1999-12-31T23:59:59Z" }])("goes on at once for %j", async (params) => {
    await expect(run(params)).resolves.toEqual({ kind: "done", output: { resumedAt: NOW.toISOString() } });
  });

  test("waits for any duration that is allowed", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: MAX_DELAY_MS }), async (durationMs) => {
        await expect(run({ durationMs })).resolves.toMatchObject({ kind: "suspended", resumeAt: new Date(NOW.getTime() + durationMs) });
      }),
      { examples: [[MAX_DELAY_MS]] },
    );
  });

  test.each<[string, JsonObject, string]>([
    ["neither field", {}, "/durationMs"],
    ["both fields", { durationMs: 1, until: "2026-01-06T00:00:00Z" }, "/durationMs"],
    ["a negative duration", { durationMs: -1 }, "/durationMs"],
    ["a duration of more than 366 days", { durationMs: MAX_DELAY_MS + 1 }, "/durationMs"],
    ["a fraction", { durationMs: 1.5 }, "/durationMs"],
    ["a text", { durationMs: "300" }, "/durationMs"],
    ["an instant without offset", { until: "2026-01-06T00:00:00" }, "/until"],
    ["a date", { until: "2026-01-06" }, "/until"],
    ["a day that does not exist", { until: "2026-02-30T00:00:00Z" }, "/until"],
    ["an hour that does not exist", { until: "2026-01-06T24:00:00Z" }, "/until"],
    ["units without one", { for: {} }, "/for"],
    ["units of more than 366 days", { for: { days: 366, seconds: 1 } }, "/for"],
    ["a negative unit", { for: { hours: -1 } }, "/for/hours"],
    ["a zone that does not exist", { untilWorkingHours: { zone: "Europe/Bonn" } }, "/untilWorkingHours/zone"],
    ["hours without length", { untilWorkingHours: { zone: "UTC", from: "09:00", to: "09:00" } }, "/untilWorkingHours/from"],
    ["hours without a day", { untilWorkingHours: { zone: "UTC", days: [] } }, "/untilWorkingHours/days"],
    ["a time that does not exist", { untilWorkingHours: { zone: "UTC", to: "25:00" } }, "/untilWorkingHours/to"],
    ["an instant more than 366 days ahead", { until: "2027-02-01T00:00:00Z" }, "until must be at most 366 days ahead"],
  ])("refuses %s", async (_what, params, named) => {
    const error = await nodeErrorOf(run(params));
    expect(error).toMatchObject({ errorClass: "DATA", code: "PARAMS_INVALID" });
    expect(error.message).toContain(named);
  });
});
