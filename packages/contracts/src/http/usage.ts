import { USAGE_STEPS, USAGE_GROUPS, USAGE_METRICS } from "@fluxo/core/usage/metrics";
import { z } from "zod";
import { defineRoute } from "./route.ts";
import { givenInstantSchema, idSchema, instantSchema, pageOf, pageQueryShape } from "./scalars.ts";

const tag = "Usage";
const params = z.strictObject({ tenantId: idSchema("The tenant.") });

const quantity = (description: string, example: number) => z.int().meta({ description, example });
const bucket = z.string().meta({ description: "The hour as an instant, or the day in the tenant's zone.", example: "2026-11-23" });
const granularity = z.enum(USAGE_STEPS).default("day").meta({ description: "By UTC hour, or by calendar day of the tenant's zone.", example: "day" });
const span = { from: givenInstantSchema("The hour or day of this instant is the first."), to: givenInstantSchema("The hour or day of the last instant before this one is the last.") };

const exportFormat = z.enum(["csv", "ndjson"]).default("csv").meta({ description: "Comma-separated with a head line, or one JSON object per line.", example: "csv" });

const quantitiesShape = {
  executions: quantity("Executions that started and ended.", 1_204),
  nodeExecutions: quantity("Nodes that ended.", 6_020),
  aiInputTokens: quantity("Tokens that models read.", 812_000),
  aiOutputTokens: quantity("Tokens that models wrote.", 96_000),
  aiUnpricedTokens: quantity("Of these, tokens whose price is not known.", 0),
  aiCostMicros: quantity("What providers of models charged, in millionths of a US dollar.", 1_292_000),
  egressBytes: quantity("Bytes sent to other hosts.", 2_048_000),
};

const pointSchema = z
  .strictObject({
    start: bucket,
    group: z.string().nullable().meta({ description: "What it is told apart by: a workflow's id, a node type, an integration or a model; null for what has none, and without `groupBy`.", example: "http.request" }),
    quantity: quantity("How much. Of storage: the bytes kept at the end.", 412),
  })
  .meta({ id: "UsagePoint", description: "One quantity of one hour or day." });

const tenantTotalsSchema = z
  .strictObject({ tenantId: idSchema("The tenant."), ...quantitiesShape, storageBytes: quantity("Bytes kept in files at the end of the span.", 48_213) })
  .meta({ id: "TenantUsage", description: "What one tenant used between two days." });

const differenceSchema = z.strictObject({
  measure: z.string().meta({ description: "Which sum.", example: "executions" }),
  subject: z.string().meta({ description: "The workflow, or the node type with its integration and model; empty for sums of the tenant.", example: "" }),
  expected: quantity("By executions, journal, files or the finer sums.", 12),
  metered: quantity("By the events or the coarser sums.", 11),
});

const reconciliationSchema = z
  .strictObject({
    isBalanced: z.boolean().meta({ description: "Whether everything fits.", example: true }),
    from: instantSchema("First instant of the full hours that were compared."),
    to: instantSchema("First instant after them."),
    differences: z.array(differenceSchema).meta({ description: "What does not fit, 100 at most." }),
  })
  .meta({ id: "UsageReconciliation", description: "Whether the usage fits the executions, the journal and the files." });

const forecastSchema = z
  .strictObject({
    window: z.strictObject({ start: instantSchema("First instant of the month."), end: instantSchema("First instant of the next month.") }),
    quotas: z
      .array(
        z.strictObject({
          metric: z.enum(["executions", "aiTokens"]).meta({ description: "The quota.", example: "executions" }),
          limit: quantity("What the plan allows in the month.", 10_000),
          used: quantity("What is used or reserved.", 6_200),
          perDay: z.number().meta({ description: "Mean of the last seven full days.", example: 310.5 }),
          expected: quantity("What will have been used at the end of the month.", 11_400),
          exhaustedAt: instantSchema("When the quota will be used up; null when it lasts.").nullable(),
        }),
      )
      .meta({ description: "Every quota that is counted by the month." }),
  })
  .meta({ id: "QuotaForecast", description: "How the last week goes on: each day uses the mean of the last seven times the weight of its day of the week." });

export const usageRoutes = {
  getUsageSeries: defineRoute({
    operationId: "getUsageSeries",
    method: "get",
    path: "/v1/tenants/{tenantId}/usage/series",
    tag,
    summary: "Read a quantity over time",
    description: "Oldest first. Hours and days in which nothing was used are left out; of storage, those in which nothing changed. The sums are some seconds behind.",
    scope: "usage:read",
    subject: "pathTenant",
    params,
    query: z.strictObject({
      ...pageQueryShape,
      limit: z.coerce.number().int().min(1).max(1_000).default(100).meta({ description: "Most points of one page.", example: 100 }),
      metric: z.enum(USAGE_METRICS).meta({ description: "Which quantity.", example: "executions" }),
      granularity,
      ...span,
      groupBy: z.enum(USAGE_GROUPS).optional().meta({ description: "What to tell it apart by. Storage belongs to none of these.", example: "nodeType" }),
    }),
    responses: { 200: { description: "One page of points.", body: pageOf(pointSchema) } },
    problems: ["NOT_FOUND"],
  }),
  listUsage: defineRoute({
    operationId: "listUsage",
    method: "get",
    path: "/v1/usage",
    tag,
    summary: "Read the usage of all tenants",
    description: "The agency's tenants by id, those without usage too, each with its totals between two of its own calendar days.",
    scope: "usage:read",
    subject: "agency",
    query: z.strictObject({
      ...pageQueryShape,
      from: z.iso.date().meta({ description: "The first day.", example: "2026-11-01" }),
      to: z.iso.date().meta({ description: "The day after the last.", example: "2026-12-01" }),
    }),
    responses: { 200: { description: "One page of tenants.", body: pageOf(tenantTotalsSchema) } },
    problems: [],
  }),
  exportUsage: defineRoute({
    operationId: "exportUsage",
    method: "get",
    path: "/v1/tenants/{tenantId}/usage/export",
    tag,
    summary: "Export the usage of a tenant",
    description:
      "All quantities per hour or day, workflow, node type, integration and model, as a stream in the order of time. In CSV a text that a spreadsheet would take for a formula has an apostrophe before it. `storageBytes` is the change.",
    scope: "usage:read",
    subject: "pathTenant",
    params,
    query: z.strictObject({
      granularity,
      ...span,
      format: exportFormat,
    }),
    responses: { 200: { description: "The rows.", content: "text/csv or application/x-ndjson.", headers: { "Content-Disposition": "A name for the file." } } },
    problems: ["NOT_FOUND"],
  }),
  exportAgencyUsage: defineRoute({
    operationId: "exportAgencyUsage",
    method: "get",
    path: "/v1/usage/export",
    tag,
    summary: "Export the usage of all tenants",
    description:
      "As the export of one tenant, tenant by tenant, the newest first, with what each row costs by the prices and the plan of its day: `aiCost` is what providers of models charged, in the `currency`, `aiMarkup` what comes on top, " +
      "`charge` everything, both included, exact to a millionth. The monthly fee and storage are charged by the month and are on the invoice only.",
    scope: "usage:read",
    subject: "agency",
    isExport: true,
    query: z.strictObject({ granularity, ...span, format: exportFormat }),
    responses: { 200: { description: "The rows.", content: "text/csv or application/x-ndjson.", headers: { "Content-Disposition": "A name for the file." } } },
    problems: [],
  }),
  reconcileUsage: defineRoute({
    operationId: "reconcileUsage",
    method: "get",
    path: "/v1/tenants/{tenantId}/usage/reconciliation",
    tag,
    summary: "Check the usage of a tenant",
    description: "Compares, in the full hours of at most 31 days, the usage with the executions, the journal and the files, and its sums with each other.",
    scope: "usage:read",
    subject: "pathTenant",
    params,
    query: z.strictObject({ from: givenInstantSchema("Its hour is the first."), to: givenInstantSchema("The hour of the last instant before this one is the last.") }),
    responses: { 200: { description: "What was found.", body: reconciliationSchema } },
    problems: ["NOT_FOUND"],
  }),
  forecastUsage: defineRoute({
    operationId: "forecastUsage",
    method: "get",
    path: "/v1/tenants/{tenantId}/usage/forecast",
    tag,
    summary: "Forecast the quotas of a tenant",
    description: "When the month's executions and AI tokens will be used up.",
    scope: "usage:read",
    subject: "pathTenant",
    params,
    responses: { 200: { description: "The forecast.", body: forecastSchema } },
    problems: ["NOT_FOUND"],
  }),
} as const;
