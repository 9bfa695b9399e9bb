import { NodeError } from "@fluxo/core/errors/node-error";
import type { JsonObject } from "@fluxo/core/json";
import type { NodeContext, NodeExecutor } from "@fluxo/core/node/executor";
import { resolveLocal, zoneOf } from "@fluxo/core/schedule/zone";
import { DateTime, FixedOffsetZone, IANAZone, type DateTimeUnit, type Zone } from "luxon";
import type { DateTimeParams } from "./definition.ts";

const YEAR_MAX = 9_999;

/** @throws NodeError DATA, PARAMS_INVALID for what is no time, or leads out of the calendar */
export const executeDateTime: NodeExecutor<DateTimeParams> = (params, context) => {
  const { operation, unit, duration = {} } = params;
  const start = params.value === undefined ? inZone(DateTime.fromJSDate(context.clock.now()), params) : read(params.value, "value", params);
  switch (operation) {
    case "now":
    case "parse":
      return { kind: "done", output: describe(start, params) };
    case "add":
      return { kind: "done", output: describe(start.plus(definedOf(duration)), params) };
    case "subtract":
      return { kind: "done", output: describe(start.minus(definedOf(duration)), params) };
    case "startOf":
      return { kind: "done", output: describe(start.startOf(singular(unit)), params) };
    case "endOf":
      return { kind: "done", output: describe(start.endOf(singular(unit)), params) };
    case "difference":
      return { kind: "done", output: differenceOf(start, params, context) };
    default:
      return operation satisfies never;
  }
};

/** Luxon's types know a unit to begin and end in the singular only. */
function singular(unit: DateTimeParams["unit"] = "days"): DateTimeUnit {
  switch (unit) {
    case "years":
      return "year";
    case "quarters":
      return "quarter";
    case "months":
      return "month";
    case "weeks":
      return "week";
    case "days":
      return "day";
    case "hours":
      return "hour";
    case "minutes":
      return "minute";
    case "seconds":
      return "second";
    case "milliseconds":
      return "millisecond";
    default:
      return unit satisfies never;
  }
}

function definedOf(duration: NonNullable<DateTimeParams["duration"]>): Record<string, number> {
  return Object.fromEntries(Object.entries(duration).flatMap(([unit, amount]) => (amount === undefined ? [] : [[unit, amount]])));
}

function read(value: string | number, name: "value" | "other", params: DateTimeParams): DateTime {
  const time = inZone(parsed(value, params), params);
  if (!isInCalendar(time)) {
    throw refused(`${name} must be a time, read as ${params.readAs}`);
  }
  return time;
}

function parsed(value: string | number, params: DateTimeParams): DateTime {
  const { readAs, readPattern = "", locale } = params;
  switch (readAs) {
    case "auto":
      return typeof value === "number" ? DateTime.fromMillis(whole(value)) : zoned(params, (zone) => firstValid(DateTime.fromISO(value, { zone }), () => DateTime.fromRFC2822(value, { zone })));
    case "iso":
      return zoned(params, (zone) => DateTime.fromISO(String(value), { zone }));
    case "rfc2822":
      return DateTime.fromRFC2822(String(value), { zone: FixedOffsetZone.utcInstance });
    case "unixSeconds":
      return DateTime.fromMillis(whole(Math.round(numberFrom(value) * 1_000)));
    case "unixMilliseconds":
      return DateTime.fromMillis(whole(numberFrom(value)));
    case "pattern":
      return zoned(params, (zone) => DateTime.fromFormat(String(value), readPattern, { zone, locale }));
    default:
      return readAs satisfies never;
  }
}

/**
 * What a text names that may have an offset of its own: where the zone that it is read in makes a difference, it has none, and is a local time of the read zone.
 * Luxon's own choice of an instant would depend on the offset that the zone has today.
 */
function zoned({ zone, readZone = zone }: DateTimeParams, readIn: (zone: Zone) => DateTime): DateTime {
  const asUtc = readIn(FixedOffsetZone.utcInstance);
  if (!asUtc.isValid || asUtc.toMillis() === readIn(FixedOffsetZone.instance(60)).toMillis()) {
    return asUtc;
  }
  const found = resolveLocal(asUtc.toMillis(), zoneOf(readZone));
  switch (found.kind) {
    case "once":
      return DateTime.fromMillis(found.at);
    case "gap":
      return DateTime.fromMillis(found.shifted);
    case "repeat":
      return DateTime.fromMillis(found.first);
    default:
      return found satisfies never;
  }
}

function firstValid(time: DateTime, otherwise: () => DateTime): DateTime {
  return time.isValid ? time : otherwise();
}

/** A number, also in a text; what is none becomes one that the calendar does not have. */
function numberFrom(value: string | number): number {
  return typeof value === "number" || /^-?\d{1,17}(?:\.\d{1,9})?$/.test(value) ? Number(value) : Number.MAX_SAFE_INTEGER;
}

/** Luxon throws at numbers that are none. */
function whole(milliseconds: number): number {
  return Number.isFinite(milliseconds) ? Math.trunc(milliseconds) : Number.MAX_SAFE_INTEGER;
}

function inZone(time: DateTime, { zone, locale }: DateTimeParams): DateTime {
  return time.setZone(zone === "UTC" ? FixedOffsetZone.utcInstance : IANAZone.create(zone)).setLocale(locale);
}

function isInCalendar(time: DateTime): boolean {
  return time.isValid && time.year >= 1 && time.year <= YEAR_MAX;
}

function describe(time: DateTime, { pattern }: DateTimeParams): JsonObject {
  if (!isInCalendar(time)) {
    throw refused("the result is outside of the calendar");
  }
  const local = time.toISO() ?? "";
  const { year, month, day, hour, minute, second, weekday, weekNumber } = time;
  return {
    instant: time.toUTC().toISO() ?? "",
    local,
    unixMilliseconds: time.toMillis(),
    text: pattern === undefined ? local : time.toFormat(pattern),
    zone: time.zoneName ?? "UTC",
    offsetMinutes: time.offset,
    isDaylightSaving: time.isInDST,
    ...{ year, month, day, hour, minute, second },
    weekday,
    week: weekNumber,
  };
}

function differenceOf(start: DateTime, params: DateTimeParams, context: NodeContext): JsonObject {
  const { other = context.clock.now().getTime(), unit = "days" } = params;
  const end = read(other, "other", params);
  return { milliseconds: end.toMillis() - start.toMillis(), amount: end.diff(start, unit).as(unit), unit };
}

function refused(reason: string): NodeError {
  return new NodeError(`The time cannot be worked out: ${reason}.`, { errorClass: "DATA", code: "PARAMS_INVALID" });
}
