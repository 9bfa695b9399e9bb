import { z } from "zod";
import { defineRoute } from "./route.ts";
import { idSchema, instantSchema, nameSchema, pageOf, pageQueryShape } from "./scalars.ts";

const tag = "Tenants";

const timeZoneSchema = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_+-]*(?:\/[A-Za-z0-9_+-]+)*$/, "must be the name of an IANA time zone")
  .max(64)
  .refine(isTimeZone, "is not a known IANA time zone")
  .meta({ description: "IANA time zone of its quota windows.", example: "Europe/Berlin" });

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

const tenantName = nameSchema("Its name, unique in the agency.", "Blue Bakery");
const externalIdSchema = nameSchema("Its id in the agency's own systems, unique in the agency.", "crm-4711");
const statusSchema = z.enum(["ACTIVE", "SUSPENDED"]).meta({ description: "Executions of a suspended tenant are blocked with TENANT_SUSPENDED.", example: "ACTIVE" });

const shownStatusSchema = z.enum(["ACTIVE", "SUSPENDED", "OFFBOARDING"]).meta({ description: "OFFBOARDING: it can be read only, until it is erased or its off-boarding is given up.", example: "ACTIVE" });

const suspensionReasonSchema = nameSchema("Why it is suspended, in the agency's words; null for none. Blocked executions tell it, outside callers never see it.", "Unpaid invoice").nullable();

const errorWorkflowSchema = idSchema("The workflow to be started when an execution fails whose workflow names none; null for the agency's. It needs a published trigger.error node.").nullable();

export const tenantSchema = z
  .strictObject({
    id: idSchema("The tenant's id."),
    name: tenantName,
    externalId: externalIdSchema.nullable(),
    planId: idSchema("Its plan."),
    timeZone: z.string().meta({ description: "IANA time zone of its quota windows.", example: "Europe/Berlin" }),
    status: shownStatusSchema,
    suspensionReason: suspensionReasonSchema,
    errorWorkflowId: errorWorkflowSchema,
    createdAt: instantSchema("When it was created."),
    updatedAt: instantSchema("When it was last changed."),
  })
  .meta({ id: "Tenant", description: "One client of the agency: the isolation unit." });

const usageSchema = z
  .strictObject({
    tenantId: idSchema("The tenant."),
    planId: idSchema("Its plan."),
    window: z.strictObject({ start: instantSchema("First instant of the month."), end: instantSchema("First instant of the next month.") }),
    executions: z.strictObject({
      limit: z.int().meta({ description: "What the plan allows in the window.", example: 10_000 }),
      used: z.int().meta({ description: "Executions that ended.", example: 120 }),
      reserved: z.int().meta({ description: "Executions that started and did not end yet.", example: 3 }),
      remaining: z.int().meta({ description: "What is left.", example: 9_877 }),
    }),
    concurrency: z.strictObject({
      running: z.int().meta({ description: "Executions that run now.", example: 3 }),
      max: z.int().meta({ description: "What the plan allows at once.", example: 10 }),
    }),
    aiTokens: z.strictObject({
      limit: z.int().meta({ description: "What the plan allows in the window.", example: 200_000 }),
      used: z.int().meta({ description: "Tokens of answers.", example: 12_000 }),
      reserved: z.int().meta({ description: "Tokens that running nodes may still use.", example: 4_400 }),
      remaining: z.int().meta({ description: "What is left.", example: 183_600 }),
    }),
    parked: z
      .strictObject({
        count: z.int().meta({ description: "Executions that wait for the quota.", example: 0 }),
        calledOut: z.int().meta({ description: "How many of them were called out and start next.", example: 0 }),
        oldestQueuedAt: instantSchema("When the oldest of them was accepted.").nullable(),
        expectedDrainAt: instantSchema("When the last of them is called out, if nothing else starts meanwhile; null when there are none, or more than this month and the next have room for.").nullable(),
      })
      .meta({ description: "Executions over the quota that the plan parks." }),
  })
  .meta({ id: "Usage", description: "What a tenant used of its plan in the current window." });

const params = z.strictObject({ tenantId: idSchema("The tenant.") });
const externalParams = z.strictObject({ externalId: externalIdSchema });

export const tenantRoutes = {
  listTenants: defineRoute({
    operationId: "listTenants",
    method: "get",
    path: "/v1/tenants",
    tag,
    summary: "List the tenants",
    description: "Newest first.",
    scope: "tenants:read",
    subject: "agency",
    query: z.strictObject({
      ...pageQueryShape,
      externalId: externalIdSchema.optional(),
      status: shownStatusSchema.optional(),
    }),
    responses: { 200: { description: "One page of tenants.", body: pageOf(tenantSchema) } },
    problems: [],
  }),
  createTenant: defineRoute({
    operationId: "createTenant",
    method: "post",
    path: "/v1/tenants",
    tag,
    summary: "Create a tenant",
    description: "A tenant starts active and without API keys.",
    scope: "tenants:write",
    subject: "agency",
    body: z
      .strictObject({
        name: tenantName,
        planId: idSchema("Its plan."),
        timeZone: timeZoneSchema.default("UTC"),
        externalId: externalIdSchema.optional(),
      })
      .meta({ id: "CreateTenant", description: "The tenant to be created." }),
    responses: { 201: { description: "The tenant was created.", body: tenantSchema, headers: { Location: "The path of the tenant." } } },
    problems: ["NAME_TAKEN", "TOO_MANY_TENANTS"],
  }),
  getTenantByExternalId: defineRoute({
    operationId: "getTenantByExternalId",
    method: "get",
    path: "/v1/tenants/by-external-id/{externalId}",
    tag,
    summary: "Read a tenant by its external id",
    description: "The tenant to which the agency gave this id of its own systems.",
    scope: "tenants:read",
    subject: "agency",
    params: externalParams,
    responses: { 200: { description: "The tenant.", body: tenantSchema } },
    problems: ["NOT_FOUND"],
  }),
  putTenantByExternalId: defineRoute({
    operationId: "putTenantByExternalId",
    method: "put",
    path: "/v1/tenants/by-external-id/{externalId}",
    tag,
    summary: "Create or change a tenant by its external id",
    description:
      "Safe to repeat, also at the same time: the first request creates the tenant, the others change it. An absent time zone is UTC for a new tenant and stays as it is for a known one; the status is left alone.",
    scope: "tenants:write",
    subject: "agency",
    params: externalParams,
    body: z
      .strictObject({ name: tenantName, planId: idSchema("Its plan."), timeZone: timeZoneSchema.optional() })
      .meta({ id: "PutTenant", description: "The tenant as it is to be." }),
    responses: {
      200: { description: "The tenant was known and is changed.", body: tenantSchema },
      201: { description: "The tenant was created.", body: tenantSchema, headers: { Location: "The path of the tenant." } },
    },
    problems: ["NAME_TAKEN", "TENANT_OFFBOARDING", "TOO_MANY_TENANTS"],
  }),
  getTenant: defineRoute({
    operationId: "getTenant",
    method: "get",
    path: "/v1/tenants/{tenantId}",
    tag,
    summary: "Read a tenant",
    description: "An agency key reads its tenants; the key of a tenant reads that tenant.",
    scope: "tenants:read",
    subject: "pathTenant",
    params,
    responses: { 200: { description: "The tenant.", body: tenantSchema } },
    problems: ["NOT_FOUND"],
  }),
  updateTenant: defineRoute({
    operationId: "updateTenant",
    method: "patch",
    path: "/v1/tenants/{tenantId}",
    tag,
    summary: "Change a tenant",
    description: "Absent fields stay as they are. A change of plan counts from the next execution on. Resuming forgets the reason of a suspension.",
    scope: "tenants:write",
    subject: "agency",
    params,
    body: z
      .strictObject({
        name: tenantName.optional(),
        planId: idSchema("Its plan.").optional(),
        timeZone: timeZoneSchema.optional(),
        status: statusSchema.optional(),
        suspensionReason: suspensionReasonSchema.optional(),
        externalId: externalIdSchema.nullable().optional(),
        errorWorkflowId: errorWorkflowSchema.optional(),
      })
      .meta({ id: "UpdateTenant", description: "The fields to be changed." }),
    responses: { 200: { description: "The tenant after the change.", body: tenantSchema } },
    problems: ["NOT_FOUND", "NAME_TAKEN", "TENANT_OFFBOARDING"],
  }),
  getTenantUsage: defineRoute({
    operationId: "getTenantUsage",
    method: "get",
    path: "/v1/tenants/{tenantId}/usage",
    tag,
    summary: "Read the usage of a tenant",
    description: "The current calendar month in the tenant's zone.",
    scope: "tenants:read",
    subject: "pathTenant",
    params,
    responses: { 200: { description: "The usage.", body: usageSchema } },
    problems: ["NOT_FOUND"],
  }),
} as const;
