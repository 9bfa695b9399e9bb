import { entitlementChangesShape, entitlementsShape } from "@fluxo/core/quota/entitlements";
import { z } from "zod";
import { CONCURRENCY_CLASSES } from "../events/execution-released.ts";
import { defineRoute } from "./route.ts";
import { idSchema, instantSchema, nameSchema, pageOf, pageQueryShape } from "./scalars.ts";

const tag = "Plans";

export const codeSchema = z
  .string()
  .regex(/^[A-Z][A-Z0-9_]{0,39}$/, "must be capital letters, digits and underscores")
  .meta({ description: "Its short name, unique among the plans that the agency sees.", example: "BAKERY_PLUS" });
export const planName = nameSchema("Its name, as messages tell it.", "Bakery plus");

/** Entitlements as they are answered: all of them, of the right form already. */
const { nodeTypesAllowed, nodeTypesDenied, alertPercents, ...plain } = entitlementsShape;
const list = <T extends z.ZodType>(item: T, meta: { readonly description?: string | undefined } | undefined, example: readonly z.output<T>[]) => z.array(item).meta({ description: meta?.description ?? "", example });
const answeredShape = {
  ...withoutDefaults(plain),
  nodeTypesAllowed: list(z.string(), nodeTypesAllowed.meta(), ["ai.prompt"]),
  nodeTypesDenied: list(z.string(), nodeTypesDenied.meta(), []),
  alertPercents: list(z.int(), alertPercents.meta(), [80, 100]),
};

function withoutDefaults<S extends Readonly<Record<string, z.ZodDefault<z.ZodType>>>>(shape: S): { readonly [K in keyof S]: S[K] extends z.ZodDefault<infer T> ? T : never } {
  return Object.fromEntries(Object.entries(shape).map(([name, schema]) => [name, schema.unwrap().meta(schema.meta() ?? {})])) as never;
}

export const planSchema = z
  .strictObject({
    id: idSchema("The plan's id."),
    agencyId: idSchema("The agency that defined it; null for the operator's plans.").nullable(),
    code: z.string().meta({ description: "Its short name.", example: "PRO" }),
    name: z.string().meta({ description: "Its name.", example: "Pro" }),
    ...answeredShape,
    concurrencyClass: z.enum(Object.keys(CONCURRENCY_CLASSES) as [string, ...string[]]).meta({ description: "The group of plans that it is scheduled with; follows from concurrencyMax.", example: "medium" }),
    retiredAt: instantSchema("Since when no tenant gets it any more.").nullable(),
    createdAt: instantSchema("When it was defined."),
    updatedAt: instantSchema("When it was last changed."),
  })
  .meta({ id: "Plan", description: "A priced bundle of entitlements and quotas." });

/** What a plan does not allow of what is there, or does to it. */
export const PLAN_EFFECT_CODES = ["TOO_MANY_WORKFLOWS", "TOO_MANY_NODES", "NODE_NOT_IN_PLAN", "QUOTA_EXCEEDED", "AI_TOKENS_EXCEEDED", "CONCURRENCY_REACHED", "POLL_INTERVAL_RAISED", "SEATS_EXCEEDED"] as const;

export const effectShape = {
  code: z.enum(PLAN_EFFECT_CODES).meta({ description: "The rule.", example: "NODE_NOT_IN_PLAN" }),
  effect: z
    .enum(["blocked", "parked", "failed", "delayed", "frozen"])
    .meta({ description: "What happens: executions are blocked or parked, nodes fail, things happen later, or nothing more may be added.", example: "blocked" }),
};

const effectSchema = z
  .strictObject({
    ...effectShape,
    isNew: z.boolean().meta({ description: "Whether the present plan does not have this effect.", example: true }),
    message: z.string().meta({ description: "What would happen and why, for people.", example: 'The workflow "Invoices" would be blocked: the plan Free does not include ai.prompt.' }),
    workflowId: idSchema("The workflow that it is about; null where it is about the tenant.").nullable(),
    workflowName: z.string().nullable().meta({ description: "Its name.", example: "Invoices" }),
    actual: z.int().nullable().meta({ description: "What there is.", example: 12 }),
    allowed: z.int().nullable().meta({ description: "What the plan allows.", example: 10 }),
  })
  .meta({ id: "PlanEffect", description: "One thing that a plan would change for a tenant." });

const changeSchema = z
  .strictObject({
    entitlement: z.string().meta({ description: "Its name.", example: "concurrencyMax" }),
    from: z.unknown().meta({ description: "Its present value.", example: 50 }),
    to: z.unknown().meta({ description: "Its value then.", example: 10 }),
  })
  .meta({ id: "EntitlementChange", description: "An entitlement that would be another one." });

const previewShape = {
  tenantId: idSchema("The tenant."),
  blockedWorkflows: z.int().meta({ description: "How many workflows would be blocked that are not blocked now.", example: 3 }),
  effects: z.array(effectSchema).meta({ description: "Everything that the plan would not allow, by workflow." }),
};

const tenantPreviewSchema = z
  .strictObject({ ...previewShape, planId: idSchema("The plan."), changes: z.array(changeSchema).meta({ description: "Entitlements that differ from those of the present plan." }) })
  .meta({ id: "PlanPreview", description: "What another plan would change for a tenant." });

const affectedTenantSchema = z
  .strictObject({ ...previewShape, tenantName: z.string().meta({ description: "Its name.", example: "Blue Bakery" }) })
  .meta({ id: "AffectedTenant", description: "What a change of its plan would change for a tenant." });

const entitlementsAnswer = z
  .strictObject({
    tenantId: idSchema("The tenant."),
    planId: idSchema("Its plan."),
    planCode: z.string().meta({ description: "Its short name.", example: "PRO" }),
    ...answeredShape,
    activeWorkflows: z.int().meta({ description: "Workflows that are active now.", example: 4 }),
    blockedWorkflows: z.int().meta({ description: "Active workflows beyond the plan's number, whose executions are blocked.", example: 0 }),
  })
  .meta({ id: "TenantEntitlements", description: "What a tenant may use." });

const alertSchema = z
  .strictObject({
    id: idSchema("The alert's id."),
    metric: z.enum(["executions", "aiTokens"]).meta({ description: "The quota.", example: "executions" }),
    percent: z.int().meta({ description: "The threshold that was crossed.", example: 80 }),
    counted: z.int().meta({ description: "Used and reserved when it was crossed.", example: 8_000 }),
    quota: z.int().meta({ description: "What the plan allowed then.", example: 10_000 }),
    windowStart: instantSchema("First instant of the month."),
    raisedAt: instantSchema("When it was crossed."),
  })
  .meta({ id: "QuotaAlert", description: "A threshold of a quota that was crossed: one per month and threshold." });

const params = z.strictObject({ planId: idSchema("The plan.") });
const tenantParams = z.strictObject({ tenantId: idSchema("The tenant.") });
const entityTag = { ETag: "The revision of the plan, in quotes." };
const ifMatch = z.object({
  "If-Match": z
    .string()
    .regex(/^(?:\*|(?:W\/)?"[^"]*"(?:\s*,\s*(?:W\/)?"[^"]*")*)$/, "must be an entity tag in quotes")
    .max(1_000)
    .optional()
    .meta({ description: "The entity tag that the plan must still have.", example: '"2"' }),
});

export const planRoutes = {
  listPlans: defineRoute({
    operationId: "listPlans",
    method: "get",
    path: "/v1/plans",
    tag,
    summary: "List the plans",
    description: "The operator's plans and the agency's own; whoever is bound to a tenant sees the operator's and the tenant's own.",
    scope: "authenticated",
    subject: "caller",
    query: z.strictObject({ ...pageQueryShape, code: z.string().max(100).optional().meta({ description: "Only the plan with this short name.", example: "PRO" }) }),
    responses: { 200: { description: "One page of plans.", body: pageOf(planSchema) } },
    problems: [],
  }),
  createPlan: defineRoute({
    operationId: "createPlan",
    method: "post",
    path: "/v1/plans",
    tag,
    summary: "Define a plan",
    description: "Entitlements that are absent have their defaults. The operator may limit what an agency's plans grant.",
    scope: "plans:write",
    subject: "agency",
    body: z.strictObject({ code: codeSchema, name: planName, ...entitlementsShape }).meta({ id: "CreatePlan", description: "The plan to be defined." }),
    responses: { 201: { description: "The plan was defined.", body: planSchema, headers: { Location: "The path of the plan.", ...entityTag } } },
    problems: ["NAME_TAKEN", "PLAN_BEYOND_AGENCY"],
  }),
  getPlan: defineRoute({
    operationId: "getPlan",
    method: "get",
    path: "/v1/plans/{planId}",
    tag,
    summary: "Read a plan",
    description: "One of the operator's plans or of the agency's own.",
    scope: "plans:read",
    subject: "caller",
    params,
    responses: { 200: { description: "The plan.", body: planSchema, headers: entityTag } },
    problems: ["NOT_FOUND"],
  }),
  updatePlan: defineRoute({
    operationId: "updatePlan",
    method: "patch",
    path: "/v1/plans/{planId}",
    tag,
    summary: "Change a plan",
    description:
      "For all tenants that have it, from the next execution on. Absent entitlements stay as they are. With If-Match, only when the plan still has that revision. A retired plan stays with the tenants that have it; no other gets it. The operator's plans are not the agency's to change.",
    scope: "plans:write",
    subject: "agency",
    params,
    headers: ifMatch,
    body: z
      .strictObject({ name: planName.optional(), isRetired: z.boolean().optional().meta({ description: "Whether no further tenant gets it.", example: false }), ...entitlementChangesShape })
      .meta({ id: "UpdatePlan", description: "What is to be changed." }),
    responses: { 200: { description: "The plan after the change.", body: planSchema, headers: entityTag } },
    problems: ["NOT_FOUND", "PRECONDITION_FAILED", "PLAN_BEYOND_AGENCY"],
  }),
  deletePlan: defineRoute({
    operationId: "deletePlan",
    method: "delete",
    path: "/v1/plans/{planId}",
    tag,
    summary: "Delete a plan",
    description: "Only one of the agency's own that no tenant has; one that is in use can be retired.",
    scope: "plans:write",
    subject: "agency",
    params,
    responses: { 204: { description: "The plan is gone." } },
    problems: ["NOT_FOUND", "PLAN_IN_USE"],
  }),
  previewPlanChange: defineRoute({
    operationId: "previewPlanChange",
    method: "post",
    path: "/v1/plans/{planId}/preview",
    tag,
    summary: "Preview a change of a plan",
    description: "What the change would do to the tenants that have the plan, by the rules that enforce it. Nothing is changed. A page has those of its tenants that something changes for, and may be empty before the last one.",
    repeatable: "It changes nothing.",
    unaudited: "It changes nothing.",
    scope: "plans:read",
    subject: "agency",
    params,
    query: z.strictObject(pageQueryShape),
    body: z.strictObject({ ...entitlementChangesShape }).meta({ id: "PreviewPlanChange", description: "The entitlements as they would be; absent ones stay as they are." }),
    responses: { 200: { description: "One page of tenants.", body: pageOf(affectedTenantSchema) } },
    problems: ["NOT_FOUND"],
  }),
  previewTenantPlan: defineRoute({
    operationId: "previewTenantPlan",
    method: "post",
    path: "/v1/tenants/{tenantId}/plan-preview",
    tag,
    summary: "Preview another plan of a tenant",
    description: "What would be blocked, parked or slower with that plan, and why, by the rules that enforce it. Nothing is changed.",
    repeatable: "It changes nothing.",
    unaudited: "It changes nothing.",
    scope: "plans:read",
    subject: "pathTenant",
    params: tenantParams,
    body: z.strictObject({ planId: idSchema("The plan.") }).meta({ id: "PreviewTenantPlan", description: "The plan that the tenant would have." }),
    responses: { 200: { description: "The effects.", body: tenantPreviewSchema } },
    problems: ["NOT_FOUND"],
  }),
  getTenantEntitlements: defineRoute({
    operationId: "getTenantEntitlements",
    method: "get",
    path: "/v1/tenants/{tenantId}/entitlements",
    tag,
    summary: "Read the entitlements of a tenant",
    description: "What its plan grants, and how many workflows are active.",
    scope: "plans:read",
    subject: "pathTenant",
    params: tenantParams,
    responses: { 200: { description: "The entitlements.", body: entitlementsAnswer } },
    problems: ["NOT_FOUND"],
  }),
  listQuotaAlerts: defineRoute({
    operationId: "listQuotaAlerts",
    method: "get",
    path: "/v1/tenants/{tenantId}/quota-alerts",
    tag,
    summary: "List the quota alerts of a tenant",
    description: "Thresholds of its quotas that were crossed, newest first.",
    scope: "usage:read",
    subject: "pathTenant",
    params: tenantParams,
    query: z.strictObject(pageQueryShape),
    responses: { 200: { description: "One page of alerts.", body: pageOf(alertSchema) } },
    problems: [],
  }),
  releaseParkedExecutions: defineRoute({
    operationId: "releaseParkedExecutions",
    method: "post",
    path: "/v1/tenants/{tenantId}/parked-executions/release",
    tag,
    summary: "Release parked executions",
    description: "Looks at once whether there is room for parked executions, and calls out as many as the quota and the plan's pace allow; the rest follows at that pace. That happens by itself after a change of plan and in a new month.",
    repeatable: "A repeat looks again, at the same pace.",
    scope: "executions:write",
    subject: "pathTenant",
    params: tenantParams,
    responses: { 200: { description: "What was called out now.", body: z.strictObject({ calledOut: z.int().meta({ description: "How many.", example: 10 }) }).meta({ id: "ParkedReleased", description: "How many parked executions were called out." }) } },
    problems: ["NOT_FOUND"],
  }),
  discardParkedExecutions: defineRoute({
    operationId: "discardParkedExecutions",
    method: "post",
    path: "/v1/tenants/{tenantId}/parked-executions/discard",
    tag,
    summary: "Discard parked executions",
    description: "Ends all parked executions as CANCELED.",
    repeatable: "A repeat finds nothing more to discard.",
    scope: "executions:write",
    subject: "pathTenant",
    params: tenantParams,
    responses: { 200: { description: "What was discarded.", body: z.strictObject({ discarded: z.int().meta({ description: "How many.", example: 120 }) }).meta({ id: "ParkedDiscarded", description: "How many parked executions were discarded." }) } },
    problems: ["NOT_FOUND"],
  }),
} as const;
