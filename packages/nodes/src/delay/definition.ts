import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { isZone } from "@fluxo/core/schedule/zone";
import { z } from "zod";

/** The longest delay: 366 days, so that a year fits. */
export const MAX_DELAY_MS = 366 * 86_400_000;

/** From Monday, as ISO 8601 counts. */
export const WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] as const;

const FORMS = ["durationMs", "for", "until", "untilWorkingHours"] as const;

const amount = (unit: string) => z.number().min(0).optional().describe(`How many ${unit}.`);

const forSchema = z
  .strictObject({ days: amount("times 24 hours"), hours: amount("hours"), minutes: amount("minutes"), seconds: amount("seconds") })
  .refine((amounts) => Object.keys(amounts).length > 0, "must name days, hours, minutes or seconds")
  .refine((amounts) => durationOf(amounts) <= MAX_DELAY_MS, "must be at most 366 days");

/** Milliseconds. */
export function durationOf({ days = 0, hours = 0, minutes = 0, seconds = 0 }: { days?: number | undefined; hours?: number | undefined; minutes?: number | undefined; seconds?: number | undefined }): number {
  return Math.round((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000);
}

const timeSchema = z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$|^24:00$/, "must be a time of the day, 00:00 to 24:00");

const workingHoursSchema = z
  .strictObject({
    zone: z.string().max(64).refine(isZone, "must be the name of an IANA time zone").describe("The IANA time zone of the hours."),
    days: z
      .array(z.enum(WEEKDAYS))
      .min(1)
      .max(7)
      .default(["monday", "tuesday", "wednesday", "thursday", "friday"])
      .describe("The days on which the hours begin."),
    from: timeSchema.default("09:00").describe("When they begin."),
    to: timeSchema.default("17:00").describe("When they end; a time before `from` is one of the next day."),
  })
  .refine(({ from, to }) => from !== to && from !== "24:00", { path: ["from"], message: "must differ from `to`, and be before 24:00" });

const paramsSchema = z
  .strictObject({
    durationMs: z.int().min(0).max(MAX_DELAY_MS).optional().describe("How long to wait, in milliseconds; 366 days at most."),
    for: forSchema.optional().describe("How long to wait, in units that are added up; 366 days at most."),
    until: z.iso
      .datetime({ offset: true, error: "must be an ISO 8601 date-time with an offset or Z" })
      .optional()
      .describe("The instant to wait for, with its offset from UTC; at most 366 days ahead. One in the past is no wait at all."),
    untilWorkingHours: workingHoursSchema.optional().describe("Waits for the next instant within these hours, by the wall clock of their zone. Within them it is no wait at all."),
  })
  .superRefine((params, context) => {
    const given = FORMS.filter((form) => params[form] !== undefined);
    if (given.length === 1) return;
    const others = `${FORMS.slice(1, -1).join(", ")} or ${FORMS.at(-1) ?? ""}`;
    context.addIssue({ code: "custom", path: [given[0] ?? "durationMs"], message: given.length === 0 ? `must be there, or ${others}` : `must not be there together with ${given.slice(1).join(" and ")}` });
  })
  .meta({ oneOf: FORMS.map((form) => ({ required: [form] })) });

export type DelayParams = z.output<typeof paramsSchema>;

const outputSchema = z.strictObject({ resumedAt: z.iso.datetime().describe("The planned instant, in UTC.") });

export const delay = defineNode({
  type: "delay",
  kind: "flow",
  title: "Delay",
  docs: `Waits for a while, until an instant, or for working hours. Exactly one of \`durationMs\`, \`for\`, \`until\` and \`untilWorkingHours\` is given. The execution is WAITING
meanwhile: it holds no worker and no concurrency slot, and a restart loses nothing. It goes on at the planned instant or soon after, never before.
The instant may come from a template: \`"until": "{{ trigger.body.remindAt }}"\`.
Working hours are read from the wall clock of their zone: where it jumps over their beginning, they begin after the jump.`,
  tier: "FREE",
  params: paramsSchema,
  output: outputSchema,
  ports: () => MAIN_PORT,
  retryClass: "never",
  sideEffect: "none",
  integration: null,
  defaultTimeoutMs: 10_000,
  examples: [
    { title: "Two hours", params: { durationMs: 7_200_000 } },
    { title: "A day and a half", params: { for: { days: 1, hours: 12 } } },
    { title: "Until an instant", params: { until: "2026-01-05T08:30:00+01:00" } },
    { title: "Until the office is open", params: { untilWorkingHours: { zone: "Europe/Berlin", days: ["monday", "tuesday", "wednesday", "thursday", "friday"], from: "09:00", to: "17:30" } } },
  ],
});
