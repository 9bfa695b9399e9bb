import type { Json, JsonObject } from "@fluxo/core/json";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { doneOf } from "../testing/done.ts";
import { nodeErrorOf } from "../testing/failures.ts";
import { nodeContext, NOW } from "../testing/node-context.ts";

async function run(params: JsonObject): Promise<Json> {
  return doneOf(await executeNode("date-time", params, nodeContext())).output;
}

async function local(params: JsonObject): Promise<unknown> {
  return Object(await run(params)).local;
}

describe("date-time", () => {
  test("describes now in a zone, with a text by pattern and locale", async () => {
    await expect(run({ operation: "now", zone: "Europe/Berlin", locale: "de", pattern: "cccc, d. LLLL yyyy" })).resolves.toEqual({
      instant: NOW.toISOString(),
      local: "2026-01-05T08:00:00.000+01:00",
      unixMilliseconds: NOW.getTime(),
      text: "Montag, 5. Januar 2026",
      zone: "Europe/Berlin",
      offsetMinutes: 60,
      isDaylightSaving: false,
      ...{ year: 2026, month: 1, day: 5, hour: 8, minute: 0, second: 0, weekday: 1, week: 2 },
    });
  });

  test.each<[JsonObject, string]>([
    [{ value: "2026-01-05T08:30:00+01:00" }, "2026-01-05T07:30:00.000Z"],
    [{ value: "2026-01-05" }, "2026-01-05T00:00:00.000Z"],
    [{ value: "Mon, 05 Jan 2026 08:30:00 +0100" }, "2026-01-05T07:30:00.000Z"],
    [{ value: 1_767_600_000_000 }, "2026-01-05T08:00:00.000Z"],
    [{ value: "1767600000", readAs: "unixSeconds" }, "2026-01-05T08:00:00.000Z"],
    [{ value: 1_767_600_000.5, readAs: "unixSeconds" }, "2026-01-05T08:00:00.500Z"],
    [{ value: "1767600000000", readAs: "unixMilliseconds" }, "2026-01-05T08:00:00.000Z"],
    [{ value: "05.01.2026 08:30", readAs: "pattern", readPattern: "dd.MM.yyyy HH:mm", readZone: "Europe/Vienna" }, "2026-01-05T07:30:00.000Z"],
    [{ value: "5 janvier 2026", readAs: "pattern", readPattern: "d LLLL yyyy", locale: "fr" }, "2026-01-05T00:00:00.000Z"],
    [{ value: "2026-07-01T12:00:00", zone: "America/New_York" }, "2026-07-01T12:00:00.000-04:00"],
    [{ value: "2026-07-01T12:00:00", readZone: "Europe/Berlin", zone: "Asia/Kolkata" }, "2026-07-01T15:30:00.000+05:30"],
    [{ operation: "subtract", value: "2026-03-31", duration: { months: 1 } }, "2026-02-28T00:00:00.000Z"],
    [{ operation: "startOf", value: "2026-01-08T10:00:00Z", unit: "weeks" }, "2026-01-05T00:00:00.000Z"],
    [{ operation: "endOf", value: "2028-02-10", unit: "months" }, "2028-02-29T23:59:59.999Z"],
    [{ operation: "startOf", value: "2026-05-10", unit: "quarters" }, "2026-04-01T00:00:00.000Z"],
  ])("%j is %s", async (params, expected) => {
    await expect(local(params)).resolves.toBe(expected);
  });

});

describe("date-time on the calendar", () => {
  test("across clock changes, days follow the calendar and hours are elapsed time", async () => {
    const before = { operation: "add", value: "2026-03-28T12:00:00", zone: "Europe/Berlin" };
    await expect(local({ ...before, duration: { days: 1 } })).resolves.toBe("2026-03-29T12:00:00.000+02:00");
    await expect(local({ ...before, duration: { hours: 24 } })).resolves.toBe("2026-03-29T13:00:00.000+02:00");
  });

  test("a local time that does not exist is moved forward; of one that exists twice the first counts", async () => {
    await expect(local({ value: "2026-03-29T02:30:00", zone: "Europe/Berlin" })).resolves.toBe("2026-03-29T03:30:00.000+02:00");
    await expect(local({ value: "2026-10-25T02:30:00", zone: "Europe/Berlin" })).resolves.toBe("2026-10-25T02:30:00.000+02:00");
    await expect(local({ value: "2026-11-01T01:30:00", zone: "America/New_York" })).resolves.toBe("2026-11-01T01:30:00.000-04:00");
  });

  test("counts differences on the calendar of the zone", async () => {
    const days = { operation: "difference", value: "2026-03-28T12:00:00", other: "2026-03-30T12:00:00", zone: "Europe/Berlin" };
    await expect(run(days)).resolves.toEqual({ milliseconds: 47 * 3_600_000, amount: 2, unit: "days" });
    await expect(run({ ...days, unit: "hours" })).resolves.toMatchObject({ amount: 47 });
    await expect(run({ operation: "difference", value: "2026-01-02", other: "2026-01-01", unit: "days" })).resolves.toMatchObject({ amount: -1, milliseconds: -86_400_000 });
    await expect(run({ operation: "difference", value: "2024-02-29", other: "2025-02-28", unit: "months" })).resolves.toMatchObject({ unit: "months" });
  });

  test("what it writes, it reads as the same instant, in any zone", async () => {
    const zones = fc.constantFrom("UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe");
    await fc.assert(
      fc.asyncProperty(fc.date({ min: new Date("1900-01-01"), max: new Date("2100-01-01"), noInvalidDate: true }), zones, async (date, zone) => {
        const written = Object(await run({ value: date.getTime(), zone }));
        expect(written.instant).toBe(date.toISOString());
        // Offsets of more than whole minutes, before zones were made, are cut in ISO 8601.
        if (Number.isInteger(written.offsetMinutes)) expect(Object(await run({ value: written.local })).unixMilliseconds).toBe(date.getTime());
      }),
    );
  });

});

describe("date-time refuses", () => {
  test.each<[JsonObject, string]>([
    [{ value: "yesterday" }, "value must be a time, read as auto"],
    [{ value: "2026-02-30" }, "value must be a time"],
    [{ value: "" }, "value must be a time"],
    [{ value: 1e300 }, "value must be a time"],
    [{ value: "1e3", readAs: "unixSeconds" }, "value must be a time, read as unixSeconds"],
    [{ operation: "difference", value: "2026-01-01", other: "x" }, "other must be a time"],
    [{ operation: "add", duration: { years: 9_000 } }, "outside of the calendar"],
    [{ operation: "add", duration: { milliseconds: 8_640_000_000_000_000 } }, "outside of the calendar"],
    [{ value: "x".repeat(129) }, "/value"],
    [{ value: "2026-01-01", readAs: "pattern" }, "/readPattern"],
    [{ value: "2026-01-01", zone: "Mars/Olympus" }, "/zone"],
    [{ value: "2026-01-01", locale: "xx-invalid" }, "/locale"],
    [{ operation: "now", value: "2026-01-01" }, "/value"],
    [{ operation: "add" }, "/duration"],
    [{ operation: "add", duration: {} }, "/duration"],
    [{ operation: "add", duration: { days: 1.5 } }, "/duration/days"],
    [{ operation: "startOf" }, "/unit"],
    [{ operation: "parse" }, "/value"],
    [{ operation: "difference", value: "2026-01-01" }, "/other"],
  ])("%j", async (params, named) => {
    const error = await nodeErrorOf(run(params));
    expect(error).toMatchObject({ errorClass: "DATA", code: "PARAMS_INVALID" });
    expect(error.message).toContain(named);
  });

  test("hostile texts and patterns in no time", async () => {
    const startedAt = performance.now();
    for (const value of [" ".repeat(128), "(".repeat(128), `Mon, ${" ".repeat(120)}`, "1".repeat(128), "-".repeat(128)]) {
      await expect(run({ value })).rejects.toMatchObject({ code: "PARAMS_INVALID" });
      for (const readPattern of ["y".repeat(64), "'".repeat(64), "LLLL ".repeat(12), "d".repeat(64)]) {
        await expect(run({ value, readAs: "pattern", readPattern })).rejects.toMatchObject({ code: "PARAMS_INVALID" });
      }
    }
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });
});
