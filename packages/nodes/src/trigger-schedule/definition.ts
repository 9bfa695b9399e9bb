import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { cronProblem } from "@fluxo/core/schedule/cron";
import { isZone } from "@fluxo/core/schedule/zone";
import { z } from "zod";
import { triggerFilterSchema } from "../filters/schema.ts";
import { jsonObjectSchema } from "../schemas/json.ts";

const expressionSchema = z
  .string()
  .max(200)
  .superRefine((expression, context) => {
    const problem = cronProblem(expression);
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
  });

const zoneSchema = z.string().max(64).refine(isZone, "must be a zone of the tz database, such as Europe/Berlin");

const cronSchema = z
  .strictObject({
    kind: z.literal("cron"),
    expression: expressionSchema.describe("Five fields (minute, hour, day of month, month, day of week), or six with seconds first."),
    timeZone: zoneSchema.default("UTC").describe("The zone whose wall clock it follows."),
    gap: z.enum(["skip", "shift"]).default("shift").describe("A local time that the clock jumps over: leave it out, or start as much later as the clock jumps."),
    repeat: z.enum(["first", "second", "both"]).default("first").describe("A local time that the clock shows twice: which one counts."),
  })
  .describe("By the wall clock.");

const intervalSchema = z
  .strictObject({
    kind: z.literal("interval"),
    everySeconds: z.int().min(1).max(31_622_400).describe("Seconds from one start to the next."),
    anchor: z.iso.datetime().default("1970-01-01T00:00:00Z").describe("An instant that the interval is counted from."),
  })
  .describe("By elapsed time, whatever the clock shows.");

const onceSchema = z.strictObject({ kind: z.literal("once"), at: z.iso.datetime({ offset: true }).describe("The instant.") }).describe("Once.");

const paramsSchema = z
  .strictObject({
    when: z.discriminatedUnion("kind", [cronSchema, intervalSchema, onceSchema]).describe("When it is due."),
    startAt: z.iso.datetime({ offset: true }).optional().describe("Nothing is due before."),
    endAt: z.iso.datetime({ offset: true }).optional().describe("Nothing is due after."),
    graceSeconds: z.int().min(1).max(86_400).default(60).describe("What starts at most so much later still counts as on time."),
    misfire: z.enum(["skip", "latest", "all"]).default("latest").describe("What was missed by more: start none of it, the latest, or all within `catchUpSeconds`."),
    catchUpSeconds: z.int().min(1).max(31_622_400).default(86_400).describe("With `misfire: all`: what is older is left out."),
    overlap: z
      .enum(["skip", "bufferOne", "allow", "cancelPrevious"])
      .default("skip")
      .describe("While the execution before is not over: leave the instant out, keep one until then, start all the same, or cancel that execution first."),
    jitterSeconds: z.int().min(0).max(3_600).default(0).describe("Spreads starts over so many seconds; a trigger's instant always has the same place in it."),
    filter: triggerFilterSchema.optional(),
  })
  .superRefine(({ startAt, endAt }, context) => {
    if (startAt !== undefined && endAt !== undefined && Date.parse(startAt) > Date.parse(endAt)) context.addIssue({ code: "custom", path: ["endAt"], message: "must not be before startAt" });
  });

export type ScheduleTriggerParams = z.output<typeof paramsSchema>;
/** The parameters as the trigger keeps them. */
export const scheduleParamsSchema = paramsSchema;

export const scheduleTrigger = defineNode({
  type: "trigger.schedule",
  kind: "trigger",
  title: "Schedule",
  docs: `Starts an execution at instants: by cron on the wall clock of a zone, by an interval of elapsed time, or once.

Each instant starts at most one execution, ever, and ends in one reason: started, or left out because it was missed (\`MISFIRE_SKIPPED\`, \`CATCH_UP_SKIPPED\`)
or because the execution before was not over (\`OVERLAP_SKIPPED\`). Instants while the workflow is off are nobody's miss. A change of \`when\` begins anew;
the other settings can change without losing the place. With \`misfire: all\` the instants of a long absence overlap each other, so that only the first (\`cancelPrevious\`: the last) starts at once: use \`allow\`.

The output tells the instant: \`{ scheduledAt, localTime, timeZone, lateMs, missed }\`, where \`missed\` counts the instants that this start stands for.`,
  tier: "FREE",
  params: paramsSchema,
  output: jsonObjectSchema.describe("The instant."),
  ports: () => MAIN_PORT,
  sourceKey: ({ when }) => JSON.parse(JSON.stringify(when ?? null)),
  retryClass: "never",
  sideEffect: "none",
  integration: null,
  defaultTimeoutMs: 10_000,
  examples: [
    { title: "Working days at nine in Berlin", params: { when: { kind: "cron", expression: "0 9 * * MON-FRI", timeZone: "Europe/Berlin" } } },
    { title: "Every 15 minutes, also beside a slow one", params: { when: { kind: "interval", everySeconds: 900 }, overlap: "allow" } },
    { title: "Once, on New Year's Eve", params: { when: { kind: "once", at: "2026-12-31T23:59:00+01:00" } } },
    {
      title: "Nightly, every missed night of the last week made up for",
      params: { when: { kind: "cron", expression: "30 2 * * *", timeZone: "America/New_York", gap: "shift", repeat: "first" }, misfire: "all", catchUpSeconds: 604_800, overlap: "allow" },
    },
  ],
});
