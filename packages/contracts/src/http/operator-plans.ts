import { entitlementChangesShape, entitlementsShape } from "@fluxo/core/quota/entitlements";
import { z } from "zod";
import { codeSchema, effectShape, planName, planSchema } from "./plans.ts";
import { defineRoute } from "./route.ts";
import { idSchema, pageOf, pageQueryShape } from "./scalars.ts";

const tag = "Plans";

const params = z.strictObject({ planId: idSchema("A plan of the operator.") });
const entityTag = { ETag: "The revision of the plan, in quotes." };
const one = { 200: { description: "The plan.", body: planSchema, headers: entityTag } } as const;

/** Most tenants that a preview names. */
export const NAMED_MAX = 50;

const previewSchema = z
  .strictObject({
    planId: idSchema("The plan."),
    tenants: z.int().meta({ description: "How many tenants have the plan, of all agencies.", example: 1_200 }),
    examined: z.int().meta({ description: "How many of them this answer is about.", example: 200 }),
    affected: z.int().meta({ description: "For how many of those something would change.", example: 12 }),
    blockedWorkflows: z.int().meta({ description: "How many of their workflows would be blocked that are not blocked now.", example: 17 }),
    rules: z
      .array(z.strictObject({ ...effectShape, tenants: z.int().meta({ description: "For how many tenants.", example: 9 }), workflows: z.int().meta({ description: "About how many of their workflows; 0 for rules about the tenant as a whole.", example: 17 }) }))
      .meta({ description: "What would newly not be allowed, by rule." }),
    data: z
      .array(z.strictObject({ agencyId: idSchema("Its agency."), tenantId: idSchema("The tenant."), blockedWorkflows: z.int().meta({ description: "How many of its workflows would be blocked.", example: 2 }), codes: z.array(effectShape.code).meta({ description: "The rules." }) }))
      .meta({ description: `The first ${NAMED_MAX} of the affected tenants, by their ids alone: what they have is their agency's to see.` }),
    nextPageToken: z.string().nullable().meta({ description: "Asks for the next tenants; null when all were looked at.", example: null }),
  })
  .meta({ id: "OperatorPlanPreview", description: "What a change of a plan of the operator would change for tenants that have it." });

export const operatorPlanRoutes = {
  listOperatorPlans: defineRoute({ operationId: "listOperatorPlans", method: "get", path: "/v1/operator/plans", tag, summary: "List the operator's plans", description: "Those that Fluxo brings and those that the operator defined, in the order of their ids, also retired ones.", scope: "plans:read", subject: "operator", query: z.strictObject(pageQueryShape), responses: { 200: { description: "One page of plans.", body: pageOf(planSchema) } }, problems: [] }),
  createOperatorPlan: defineRoute({
    operationId: "createOperatorPlan",
    method: "post",
    path: "/v1/operator/plans",
    tag,
    summary: "Define a plan of the operator",
    description: "Every agency may give it to its tenants, whatever its limits say of its own plans. Entitlements that are absent have their defaults. Where an agency has a plan with this code, the code goes on to mean the agency's own to it.",
    scope: "plans:write",
    subject: "operator",
    body: z.strictObject({ code: codeSchema, name: planName, ...entitlementsShape }).meta({ id: "CreateOperatorPlan", description: "The plan to be defined." }),
    responses: { 201: { description: "The plan was defined.", body: planSchema, headers: { Location: "The path of the plan.", ...entityTag } } },
    problems: ["NAME_TAKEN"],
  }),
  getOperatorPlan: defineRoute({ operationId: "getOperatorPlan", method: "get", path: "/v1/operator/plans/{planId}", tag, summary: "Read a plan of the operator", description: "Agencies read it at /v1/plans/{planId}.", scope: "plans:read", subject: "operator", params, responses: one, problems: ["NOT_FOUND"] }),
  updateOperatorPlan: defineRoute({
    operationId: "updateOperatorPlan",
    method: "patch",
    path: "/v1/operator/plans/{planId}",
    tag,
    summary: "Change a plan of the operator",
    description: "For all tenants of all agencies that have it, from the next execution on; look at the preview first. Absent entitlements stay as they are. A retired plan stays with the tenants that have it; no other gets it. Plans of agencies are not the operator's to change: their limits are.",
    scope: "plans:write",
    subject: "operator",
    params,
    body: z
      .strictObject({ name: planName.optional(), isRetired: z.boolean().optional().meta({ description: "Whether no further tenant gets it.", example: false }), ...entitlementChangesShape })
      .meta({ id: "UpdateOperatorPlan", description: "What is to be changed." }),
    responses: one,
    problems: ["NOT_FOUND"],
  }),
  previewOperatorPlanChange: defineRoute({
    operationId: "previewOperatorPlanChange",
    method: "post",
    path: "/v1/operator/plans/{planId}/preview",
    tag,
    summary: "Preview a change of a plan of the operator",
    description: "Counts what the change would do to tenants of all agencies that have the plan, by the rules that enforce it, so many tenants at a time. Nothing is changed.",
    repeatable: "It changes nothing.",
    unaudited: "It changes nothing.",
    scope: "plans:read",
    subject: "operator",
    params,
    query: z.strictObject({ ...pageQueryShape, limit: z.coerce.number().int().min(1).max(1_000).default(200).meta({ description: "Most tenants that are looked at.", example: 200 }) }),
    body: z.strictObject({ ...entitlementChangesShape }).meta({ id: "PreviewOperatorPlanChange", description: "The entitlements as they would be; absent ones stay as they are." }),
    responses: { 200: { description: "The counts.", body: previewSchema } },
    problems: ["NOT_FOUND"],
  }),
} as const;
