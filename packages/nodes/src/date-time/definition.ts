import { isZone } from "@fluxo/core/schedule/zone";
import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { z } from "zod";
import { localeSchema } from "../schemas/locale.ts";

const UNITS = ["years", "quarters", "months", "weeks", "days", "hours", "minutes", "seconds", "milliseconds"] as const;
type Unit = (typeof UNITS)[number];

/** Longest text that is read as a time. */
const TEXT_LENGTH_MAX = 128;
const PATTERN_LENGTH_MAX = 64;
/** What a calendar can carry: about 270,000 years in milliseconds; other units are far below. */
const AMOUNT_MAX = 8_640_000_000_000_000;

const valueSchema = z.union([z.string().max(TEXT_LENGTH_MAX), z.number()], `must be a text of at most ${TEXT_LENGTH_MAX} characters or a number`);
const zoneSchema = z.string().max(64).refine(isZone, "must be a zone of the tz database, such as Europe/Berlin");
const amountSchema = z.int().min(-AMOUNT_MAX).max(AMOUNT_MAX);
const durationSchema = z.strictObject(Object.fromEntries(UNITS.map((unit) => [unit, amountSchema.optional()])) as { readonly [U in Unit]: z.ZodOptional<typeof amountSchema> }); // one member per unit, by construction
const patternSchema = z.string().min(1).max(PATTERN_LENGTH_MAX);

/** Parameters that an operation needs, besides those that every operation takes. */
const NEEDS: Readonly<Record<string, readonly ("value" | "duration" | "unit" | "other")[]>> = {
  parse: ["value"],
  add: ["duration"],
  subtract: ["duration"],
  startOf: ["unit"],
  endOf: ["unit"],
  difference: ["other"],
};

const paramsSchema = z
  .strictObject({
    operation: z.enum(["now", "parse", "add", "subtract", "startOf", "endOf", "difference"]).default("parse").describe("What is done."),
    value: valueSchema.optional().describe("The time. Absent: now."),
    readAs: z
      .enum(["auto", "iso", "rfc2822", "unixSeconds", "unixMilliseconds", "pattern"])
      .default("auto")
      .describe("How texts and numbers are read. `auto`: a text is ISO 8601 or RFC 2822, a number milliseconds since 1970."),
    readPattern: patternSchema.optional().describe("Of `readAs: pattern`: Luxon's tokens, such as `dd.MM.yyyy HH:mm`."),
    zone: zoneSchema.default("UTC").describe("The zone of the result, whose calendar counts; and of a time that is given without an offset."),
    readZone: zoneSchema.optional().describe("The zone of a time that is given without an offset, where it is another one than `zone`."),
    locale: localeSchema.default("en").describe("The language of names in what is read and written by a pattern. Weeks begin on Monday, whatever the language."),
    duration: durationSchema.optional().describe("Of `add` and `subtract`: how much of each unit."),
    unit: z.enum(UNITS).optional().describe("Of `startOf` and `endOf`: the unit. Of `difference`: the unit that it is counted in; `days` when absent."),
    other: valueSchema.optional().describe("Of `difference`: the later time, read in the same way."),
    pattern: patternSchema.optional().describe("How `text` is written: Luxon's tokens, such as `cccc, d LLLL yyyy`. Absent: ISO 8601."),
  })
  .superRefine((params, context) => {
    const refuse = (path: string, message: string): void => context.addIssue({ code: "custom", path: [path], message });
    for (const name of NEEDS[params.operation] ?? []) {
      if (params[name] === undefined) refuse(name, `must be there, because ${params.operation} needs it`);
    }
    if (params.operation === "now" && params.value !== undefined) refuse("value", "must be absent, because it is now");
    if ((params.readAs === "pattern") !== (params.readPattern !== undefined)) refuse("readPattern", "must go together with readAs: pattern");
    if (params.duration !== undefined && Object.values(params.duration).every((amount) => amount === undefined)) refuse("duration", "must name a unit");
  });

export type DateTimeParams = z.output<typeof paramsSchema>;

const instantSchema = z.strictObject({
  instant: z.string().describe("The instant, in UTC, as ISO 8601."),
  local: z.string().describe("The same with the clock and the offset of the zone."),
  unixMilliseconds: z.int(),
  text: z.string().describe("The time as `pattern` writes it."),
  zone: z.string(),
  offsetMinutes: z.number().describe("How far the zone is ahead of UTC."),
  isDaylightSaving: z.boolean(),
  year: z.int(),
  month: z.int().min(1).max(12),
  day: z.int().min(1).max(31),
  hour: z.int().min(0).max(23),
  minute: z.int().min(0).max(59),
  second: z.int().min(0).max(59),
  weekday: z.int().min(1).max(7).describe("1 is Monday."),
  week: z.int().min(1).max(53).describe("The week of the year (ISO 8601)."),
});

const differenceSchema = z.strictObject({
  milliseconds: z.int().describe("From the first time to the other; negative when the other is earlier."),
  amount: z.number().describe("The same in `unit`, with its fraction, on the calendar of the zone."),
  unit: z.enum(UNITS),
});

const outputSchema = z.union([instantSchema, differenceSchema]).describe("The time; of `difference`, how far the two are apart.");

export const dateTime = defineNode({
  type: "date-time",
  kind: "data",
  title: "Date and time",
  docs: `Reads, moves, compares and writes times, in any zone of the tz database. Patterns are those of [Luxon](https://moment.github.io/luxon/#/formatting?id=table-of-tokens).

**Clock changes.** Years, quarters, months, weeks and days follow the calendar: a day after 12:00 is 12:00, also when the day has 23 or 25 hours. Hours and smaller units are elapsed time.
A local time that the clock jumps over is moved forward by as much as the clock jumps; one that the clock shows twice is the first of the two. A month after 31 January is the last
day of February.

A text that is no time, and a result outside of the calendar (years 1 to 9999), fail the node. "Now" is the clock of the worker, and the same in what the node gives.`,
  tier: "FREE",
  params: paramsSchema,
  output: outputSchema,
  ports: () => MAIN_PORT,
  retryClass: "never",
  sideEffect: "none",
  integration: null,
  defaultTimeoutMs: 10_000,
  examples: [
    { title: "Today, in words", params: { operation: "now", zone: "Europe/Berlin", locale: "de", pattern: "cccc, d. LLLL yyyy" } },
    { title: "Another zone", params: { value: "2026-03-29T00:30:00Z", zone: "America/New_York" } },
    { title: "A form of its own", params: { value: "05.01.2026 08:30", readAs: "pattern", readPattern: "dd.MM.yyyy HH:mm", readZone: "Europe/Vienna" } },
    { title: "In two weeks, at the same time", params: { operation: "add", duration: { weeks: 2 }, zone: "Europe/Berlin" } },
    { title: "The end of the month", params: { operation: "endOf", unit: "months", value: "2026-02-10", zone: "Europe/Berlin" } },
    { title: "Days between", params: { operation: "difference", value: "2026-01-01", other: "2026-03-01", unit: "days" } },
  ],
});
