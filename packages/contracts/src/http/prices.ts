import { DECIMAL_FORM } from "@fluxo/core/usage/decimal";
import { z } from "zod";
import { defineRoute } from "./route.ts";
import { idSchema, instantSchema, pageOf, pageQueryShape } from "./scalars.ts";

const tag = "Prices";

const decimal = (description: string, example: string) => z.string().regex(DECIMAL_FORM, "must be a decimal of at most six places, such as 12.5").meta({ description, example });
const currencySchema = z
  .string()
  .regex(/^[A-Z]{3}$/, "must be an ISO 4217 code")
  .refine((code) => Intl.supportedValuesOf("currency").includes(code), "is not a known currency")
  .meta({ description: "ISO 4217 code of all amounts of the agency.", example: "EUR" });

const pricesSchema = z
  .strictObject({
    monthlyFee: decimal("Of each month.", "49").optional(),
    perThousandExecutions: decimal("Per 1,000 executions.", "1.5").optional(),
    perThousandNodeExecutions: decimal("Per 1,000 node executions.", "0.1").optional(),
    perMillionAiTokens: decimal("Per million tokens, read and written.", "2").optional(),
    perAiDollar: decimal("What a US dollar that a provider of models charges is charged on with, before the markup.", "0.92").optional(),
    aiMarkupPercent: decimal("Percent on top of what providers of models charge.", "20").optional(),
    perEgressGigabyte: decimal("Per 10^9 bytes sent to other hosts.", "0.09").optional(),
    perStorageGigabyteMonth: decimal("Per 10^9 bytes kept for a month.", "0.1").optional(),
  })
  .meta({ id: "Prices", description: "What usage costs: decimals as texts. What is absent costs nothing, or what a more general list says." });

const priceListSchema = z
  .strictObject({
    id: idSchema("The list's id."),
    planId: idSchema("The plan that it is for.").nullable(),
    tenantId: idSchema("The tenant that it is for.").nullable(),
    currency: z.string().nullable().meta({ description: "Of the agency's own list; the others follow it.", example: "EUR" }),
    prices: pricesSchema,
    validFrom: z.iso.date().meta({ description: "From this day on, in the zone of the tenant that is charged; 1970-01-01 for what held before days were remembered.", example: "2026-11-01" }),
    updatedAt: instantSchema("When it was last changed."),
  })
  .meta({ id: "PriceList", description: "The agency's own prices (neither plan nor tenant), or those of a plan or a tenant, which go before them." });

const validFromSchema = z.iso
  .date()
  .refine((day) => day >= "1970-01-01" && day < "2200-01-01", "must be a day from 1970 to 2199")
  .optional()
  .meta({ description: "From this day on, whatever was to hold then; what held before stays, and so does what it costs. Today (UTC) when absent.", example: "2026-12-01" });

const lineSchema = z.strictObject({
  from: z.iso.date().meta({ description: "The first day that it is for: a price that changes within the month makes another line.", example: "2026-11-01" }),
  to: z.iso.date().meta({ description: "The day after the last.", example: "2026-12-01" }),
  item: z.enum(["monthlyFee", "executions", "nodeExecutions", "aiTokens", "aiCostMicros", "egressBytes", "storageByteHours"]).meta({ description: "What for.", example: "executions" }),
  quantity: z.string().regex(/^\d+$/).meta({ description: "How much, a whole number of any size.", example: "12345" }),
  per: z.string().regex(/^\d+$/).meta({ description: "How many of it the price is for.", example: "1000" }),
  unitPrice: z.string().meta({ description: "The price.", example: "1.5" }),
  markupPercent: z.string().meta({ description: "Percent on top.", example: "0" }),
  amount: z.string().meta({ description: "quantity ÷ per × unitPrice with the markup, rounded to the currency's last place, halves up.", example: "18.52" }),
});

const invoiceSchema = z
  .strictObject({
    tenantId: idSchema("The tenant."),
    month: z.string().meta({ description: "The calendar month in the tenant's zone.", example: "2026-11" }),
    window: z.strictObject({ start: instantSchema("Its first instant."), end: instantSchema("The first instant of the next month.") }),
    isFinal: z.boolean().meta({ description: "Whether the month is over and all of its usage is in the sums.", example: false }),
    currency: z.string().meta({ description: "ISO 4217.", example: "EUR" }),
    lines: z.array(lineSchema).meta({ description: "One per price." }),
    total: z.string().meta({ description: "The sum of the amounts.", example: "85.82" }),
    unpricedAiTokens: z.int().meta({ description: "Tokens whose provider's price is not known: their cost is in no line.", example: 0 }),
  })
  .meta({ id: "Invoice", description: "What a tenant's month costs, by the prices and the plan of each day." });

const body = z.strictObject({ prices: pricesSchema, validFrom: validFromSchema }).meta({ id: "PutPrices", description: "The prices of the list; those that are absent are taken out." });
const tenantParams = z.strictObject({ tenantId: idSchema("The tenant.") });
const planParams = z.strictObject({ planId: idSchema("A plan that the agency may give.") });
const listOnly = z.strictObject({ priceListId: idSchema("The list.") });
const read = { 200: { description: "The list.", body: priceListSchema } };
const saved = { 200: { description: "The list as it is now.", body: priceListSchema } };

export const priceRoutes = {
  listPriceLists: defineRoute({
    operationId: "listPriceLists",
    method: "get",
    path: "/v1/price-lists",
    tag,
    summary: "List the price lists",
    description: "The agency's own and those of plans and tenants.",
    scope: "usage:read",
    subject: "agency",
    query: z.strictObject(pageQueryShape),
    responses: { 200: { description: "One page of lists.", body: pageOf(priceListSchema) } },
    problems: [],
  }),
  getAgencyPrices: defineRoute({ operationId: "getAgencyPrices", method: "get", path: "/v1/price-lists/agency", tag, summary: "Read the agency's prices", description: "The agency's own list; there is none before it was set.", scope: "usage:read", subject: "agency", responses: read, problems: ["NOT_FOUND"] }),
  putAgencyPrices: defineRoute({
    operationId: "putAgencyPrices",
    method: "put",
    path: "/v1/price-lists/agency",
    tag,
    summary: "Set the agency's prices",
    description: "For all tenants, where no list of their plan or of their own tells another price. Replaces the list from `validFrom` on. Another currency begins with a month.",
    scope: "plans:write",
    subject: "agency",
    body: z.strictObject({ currency: currencySchema, prices: pricesSchema, validFrom: validFromSchema }).meta({ id: "PutAgencyPrices", description: "Currency and prices; those that are absent are taken out." }),
    responses: saved,
    problems: [],
  }),
  getPlanPrices: defineRoute({ operationId: "getPlanPrices", method: "get", path: "/v1/price-lists/plans/{planId}", tag, summary: "Read the prices of a plan", description: "The agency's list for this plan; there is none before it was set.", scope: "usage:read", subject: "agency", params: planParams, responses: read, problems: ["NOT_FOUND"] }),
  putPlanPrices: defineRoute({
    operationId: "putPlanPrices",
    method: "put",
    path: "/v1/price-lists/plans/{planId}",
    tag,
    summary: "Set the prices of a plan",
    description: "For the agency's tenants with this plan. Replaces the list from `validFrom` on.",
    scope: "plans:write",
    subject: "agency",
    params: planParams,
    body,
    responses: saved,
    problems: ["NOT_FOUND"],
  }),
  getTenantPrices: defineRoute({ operationId: "getTenantPrices", method: "get", path: "/v1/price-lists/tenants/{tenantId}", tag, summary: "Read the prices of a tenant", description: "The agency's list for this tenant; there is none before it was set.", scope: "usage:read", subject: "agency", params: tenantParams, responses: read, problems: ["NOT_FOUND"] }),
  putTenantPrices: defineRoute({
    operationId: "putTenantPrices",
    method: "put",
    path: "/v1/price-lists/tenants/{tenantId}",
    tag,
    summary: "Set the prices of a tenant",
    description: "They go before those of its plan and the agency. Replaces the list from `validFrom` on.",
    scope: "plans:write",
    subject: "agency",
    params: tenantParams,
    body,
    responses: saved,
    problems: ["TENANT_OFFBOARDING", "NOT_FOUND"],
  }),
  getPriceList: defineRoute({ operationId: "getPriceList", method: "get", path: "/v1/price-lists/{priceListId}", tag, summary: "Read a price list", description: "One of the agency's lists, by its id.", scope: "usage:read", subject: "agency", params: listOnly, responses: read, problems: ["NOT_FOUND"] }),
  deletePriceList: defineRoute({
    operationId: "deletePriceList",
    method: "delete",
    path: "/v1/price-lists/{priceListId}",
    tag,
    summary: "Delete a price list",
    description: "From today on the more general prices count; what was used before costs what it cost.",
    scope: "plans:write",
    subject: "agency",
    params: listOnly,
    responses: { 204: { description: "It is gone." } },
    problems: ["NOT_FOUND"],
  }),
  getInvoice: defineRoute({
    operationId: "getInvoice",
    method: "get",
    path: "/v1/tenants/{tenantId}/invoice",
    tag,
    summary: "Price the usage of a month",
    description: "Units times prices, line by line, in exact decimal arithmetic, each by the prices and the plan of the day on which it was used. A month that is not over is priced as far as it got.",
    scope: "usage:read",
    subject: "pathTenant",
    params: tenantParams,
    query: z.strictObject({ month: z.string().regex(/^20\d{2}-(?:0[1-9]|1[0-2])$/, "must be a month such as 2026-11").meta({ description: "The calendar month in the tenant's zone.", example: "2026-11" }) }),
    responses: { 200: { description: "The lines.", body: invoiceSchema } },
    problems: ["NOT_FOUND"],
  }),
} as const;
