import { canaryPolicySchema } from "@fluxo/core/workflow-templates/canary";
import { ROLLOUT_ITEM_STATUSES, ROLLOUT_PHASES, ROLLOUT_STATUSES } from "@fluxo/core/workflow-templates/rollout";
import { z } from "zod";
import { defineRoute } from "./route.ts";
import { idSchema, instantSchema, isParkedSchema, pageOf, pageQueryShape } from "./scalars.ts";
import { onConflictField, valuesField, versionNumberField } from "./templates.ts";

const tag = "Rollouts";
const TENANTS_MAX = 10_000;

const statusSchema = z.enum(ROLLOUT_STATUSES).meta({ description: "ABORTED and DONE are final. STOPPED: the rollout itself found a reason not to go on.", example: "RUNNING" });
const itemStatusSchema = z
  .enum(ROLLOUT_ITEM_STATUSES)
  .meta({ description: "BLOCKED: plan, credentials or other workflows of the tenant do not allow it. CONFLICT: its own changes contradict it. Both keep what they have.", example: "DONE" });
const policySchema = canaryPolicySchema.meta({
  description: "How it goes on after the canary tenants: by approval, or by itself once `minExecutions` of theirs ended and no more than `failureRateMax` of them failed. It stops when that cannot come true any more, or did not within the window.",
  example: { mode: "automatic", minExecutions: 50, failureRateMax: 0.05, windowMinutes: 240 },
});
const tenantListSchema = (description: string) => z.array(idSchema("A tenant.")).min(1).max(TENANTS_MAX).meta({ description });

export const rolloutSchema = z
  .strictObject({
    id: idSchema("The rollout's id."),
    templateId: idSchema("The template."),
    kind: z.enum(["rollout", "rollback"]).meta({ description: "A version on its way to tenants, or the way back.", example: "rollout" }),
    versionId: idSchema("Of a rollout: the version.").nullable(),
    rollsBackId: idSchema("Of a rollback: the rollout that it takes back.").nullable(),
    status: statusSchema,
    isParked: isParkedSchema,
    phase: z.enum(ROLLOUT_PHASES).meta({ description: "CANARY: the canary tenants get it; OBSERVE: they are watched; REST: all others get it.", example: "CANARY" }),
    canaryPolicy: policySchema.nullable(),
    onConflict: onConflictField,
    stop: z
      .strictObject({ code: z.string().meta({ description: "The stable code.", example: "CANARY_FAILURE_RATE" }), message: z.string().meta({ description: "In words." }) })
      .nullable()
      .meta({ description: "Why it stopped itself." }),
    createdBy: idSchema("Who asked for it."),
    createdAt: instantSchema("When it was asked for."),
    canaryDoneAt: instantSchema("When the last canary tenant was worked.").nullable(),
    completedAt: instantSchema("When it ended.").nullable(),
  })
  .meta({ id: "Rollout", description: "A version of a template on its way to many tenants, worked in the background." });

const rolloutDetailSchema = rolloutSchema
  .extend({ tenants: z.strictObject(Object.fromEntries(ROLLOUT_ITEM_STATUSES.map((status) => [status, z.int().meta({ description: `Tenants that are ${status}.`, example: 3 })]))).meta({ description: "How many tenants stand where." }) })
  .meta({ id: "RolloutDetail", description: "A rollout with its progress." });

export const rolloutItemSchema = z
  .strictObject({
    tenantId: idSchema("The tenant."),
    isCanary: z.boolean().meta({ description: "Whether it is a canary tenant.", example: true }),
    status: itemStatusSchema,
    code: z.string().nullable().meta({ description: "Why it is not DONE: the stable code.", example: "NODE_NOT_IN_PLAN" }),
    message: z.string().nullable().meta({ description: "In words." }),
    workflowId: idSchema("The tenant's workflow, once it is known.").nullable(),
    doneAt: instantSchema("When it was worked.").nullable(),
  })
  .meta({ id: "RolloutItem", description: "One tenant of a rollout." });

const params = z.strictObject({ rolloutId: idSchema("The rollout.") });
const changed = { 200: { description: "The rollout.", body: rolloutSchema } } as const;
const created = { 202: { description: "It works.", body: rolloutSchema, headers: { Location: "The path of the rollout." } } } as const;

const canarySchema = z
  .strictObject({
    tenantIds: tenantListSchema("These tenants go first.").optional(),
    percent: z.number().gt(0).max(100).optional().meta({ description: "So many per hundred of the tenants go first, at least one.", example: 5 }),
    policy: policySchema,
  })
  .refine(({ tenantIds, percent }) => (tenantIds === undefined) !== (percent === undefined), "must hold tenantIds or percent, and not both")
  .meta({ description: "Who goes first, and when the others follow. Without it all tenants are worked at once." });

const change = <const N extends string>(operationId: N, verb: string, summary: string, description: string) =>
  defineRoute({
    operationId,
    method: "post",
    path: `/v1/rollouts/{rolloutId}/${verb}`,
    tag,
    summary,
    description,
    scope: "templates:write",
    subject: "agency",
    params,
    responses: changed,
    problems: ["NOT_FOUND", "STATE_CONFLICT"],
  });

export const rolloutRoutes = {
  createRollout: defineRoute({
    operationId: "createRollout",
    method: "post",
    path: "/v1/templates/{templateId}/rollouts",
    tag,
    summary: "Roll a version out to many tenants",
    description:
      "Fixes the tenants now and works on them in the background, one transaction each: tenants that have the template are brought to the version with their own changes kept, named ones that do not have it get it. " +
      "A tenant that cannot have it keeps what it has, with the reason; the others go on.",
    scope: "templates:write",
    subject: "agency",
    params: z.strictObject({ templateId: idSchema("The template.") }),
    body: z
      .strictObject({
        number: versionNumberField.optional().meta({ description: "The version; the newest when absent." }),
        tenantIds: tenantListSchema("These tenants; without it all that have the template in another version.").optional(),
        parameters: valuesField.default({}),
        parametersByTenant: z.record(z.uuid(), valuesField).default({}).meta({ description: "Values for single tenants, over `parameters`." }),
        canary: canarySchema.optional(),
        onConflict: onConflictField.default("refuse"),
      })
      .meta({ id: "CreateRollout", description: "Which version goes to whom, and how." }),
    responses: created,
    problems: ["TENANT_OFFBOARDING", "NOT_FOUND"],
  }),
  listRollouts: defineRoute({
    operationId: "listRollouts",
    method: "get",
    path: "/v1/rollouts",
    tag,
    summary: "List rollouts",
    description: "Newest first.",
    scope: "templates:read",
    subject: "agency",
    query: z.strictObject({
      ...pageQueryShape,
      templateId: idSchema("Only those of this template.").optional(),
      status: z.array(statusSchema).max(ROLLOUT_STATUSES.length).optional().meta({ description: "Any of these; repeat the parameter for several.", example: ["RUNNING"] }),
    }),
    responses: { 200: { description: "One page of rollouts.", body: pageOf(rolloutSchema) } },
    problems: [],
  }),
  getRollout: defineRoute({
    operationId: "getRollout",
    method: "get",
    path: "/v1/rollouts/{rolloutId}",
    tag,
    summary: "Read a rollout",
    description: "With its progress.",
    scope: "templates:read",
    subject: "agency",
    params,
    responses: { 200: { description: "The rollout.", body: rolloutDetailSchema } },
    problems: ["NOT_FOUND"],
  }),
  listRolloutItems: defineRoute({
    operationId: "listRolloutItems",
    method: "get",
    path: "/v1/rollouts/{rolloutId}/tenants",
    tag,
    summary: "List the tenants of a rollout",
    description: "In the order in which they are worked: canary tenants first.",
    scope: "templates:read",
    subject: "agency",
    params,
    query: z.strictObject({ ...pageQueryShape, status: z.array(itemStatusSchema).max(ROLLOUT_ITEM_STATUSES.length).optional().meta({ description: "Any of these; repeat the parameter for several.", example: ["BLOCKED", "CONFLICT"] }) }),
    responses: { 200: { description: "One page of tenants.", body: pageOf(rolloutItemSchema) } },
    problems: ["NOT_FOUND"],
  }),
  pauseRollout: change("pauseRollout", "pause", "Pause a rollout", "It works on no further tenant until it is resumed."),
  resumeRollout: change("resumeRollout", "resume", "Resume a paused rollout", "It goes on where it was."),
  abortRollout: change("abortRollout", "abort", "Abort a rollout", "It works on no further tenant; those that were worked keep what they have. One that is DONE is refused."),
  approveRollout: change("approveRollout", "approve", "Let a rollout go on after its canary tenants", "Also one that waits for executions, or that stopped itself."),
  rollBackRollout: defineRoute({
    operationId: "rollBackRollout",
    method: "post",
    path: "/v1/rollouts/{rolloutId}/rollback",
    tag,
    summary: "Take a rollout back",
    description:
      "Another rollout, which brings every tenant that got the version back to what it had before, with the parameters of before and its own changes kept; the workflows of tenants that did not have the template before are switched off. " +
      "Tenants that have another version by now are left alone. One that still works is aborted.",
    scope: "templates:write",
    subject: "agency",
    params,
    body: z.strictObject({ onConflict: onConflictField.default("refuse") }).default({ onConflict: "refuse" }).meta({ id: "RollBackRollout", description: "Who wins where changes contradict each other." }),
    responses: created,
    problems: ["NOT_FOUND", "STATE_CONFLICT"],
  }),
} as const;
