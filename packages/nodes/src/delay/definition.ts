import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { z } from "zod";

/** The longest delay: 366 days, so that a year fits. */
export const MAX_DELAY_MS = 366 * 86_400_000;

const paramsSchema = z
  .strictObject({
    durationMs: z.int().min(0).max(MAX_DELAY_MS).optional().describe("How long to wait, in milliseconds; 366 days at most."),
    until: z.iso
      .datetime({ offset: true, error: "must be an ISO 8601 date-time with an offset or Z" })
      .optional()
      .describe("The instant to wait for, with its offset from UTC; at most 366 days ahead. One in the past is no wait at all."),
  })
  .superRefine(({ durationMs, until }, context) => {
    if (durationMs === undefined && until === undefined) {
      context.addIssue({ code: "custom", path: ["durationMs"], message: "must be there, or until" });
    }
    if (durationMs !== undefined && until !== undefined) {
      context.addIssue({ code: "custom", path: ["durationMs"], message: "must not be there together with until" });
    }
  })
  .meta({ oneOf: [{ required: ["durationMs"] }, { required: ["until"] }] });

export type DelayParams = z.output<typeof paramsSchema>;

const outputSchema = z.strictObject({ resumedAt: z.iso.datetime().describe("The planned instant, in UTC.") });

export const delay = defineNode({
  type: "delay",
  kind: "flow",
  title: "Delay",
  docs: `Waits for a while, or until an instant. Exactly one of \`durationMs\` and \`until\` is given. The execution is WAITING meanwhile: it holds no worker and
no concurrency slot, and a restart loses nothing. It goes on at the planned instant or soon after, never before.
The instant may come from a template: \`"until": "{{ trigger.body.remindAt }}"\`.`,
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
    { title: "Until an instant", params: { until: "2026-01-05T08:30:00+01:00" } },
  ],
});
