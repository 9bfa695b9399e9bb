import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { z } from "zod";
import { triggerFilterSchema } from "../filters/schema.ts";
import { jsonObjectSchema } from "../schemas/json.ts";
import { authenticationSchema, receivedHeaderSchema } from "./authentication.ts";

const timeoutSchema = z
  .int()
  .min(1)
  .max(30)
  .default(30)
  .describe("How many seconds the caller waits; then the answer is 202 with the execution's id, and the execution goes on.");

const immediateSchema = z.strictObject({ mode: z.literal("immediate") }).describe("At once: 202 with the execution's id.");

const lastNodeSchema = z
  .strictObject({ mode: z.literal("lastNode"), timeoutSeconds: timeoutSchema })
  .describe("When the execution has ended: 200 with its result, or with all results by name when there are several.");

const respondNodeSchema = z
  .strictObject({ mode: z.literal("respondNode"), timeoutSeconds: timeoutSchema })
  .describe("What the first `respond` node answers, as soon as it has run.");

const addressRangeSchema = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], "must be an IPv4 or IPv6 address, alone or with the bits of its network");

const rateLimitSchema = z
  .strictObject({
    perMinute: z.int().min(1).max(60_000).describe("Requests in a minute."),
    burst: z.int().min(0).max(60_000).default(0).describe("So many more within ten minutes."),
  })
  .describe("How many requests are taken, also those that are refused later; more are answered with 429 and `Retry-After`. While Redis is away nobody is refused.");

const paramsSchema = z.strictObject({
  methods: z
    .array(z.enum(["GET", "POST", "PUT", "PATCH", "DELETE"]))
    .min(1)
    .refine((methods) => new Set(methods).size === methods.length, "must not name a method twice")
    .default(["POST"])
    .describe("HTTP methods that are accepted; others are answered with 405."),
  authentication: authenticationSchema.describe("How a caller proves that it may call. It has no default: an open address has to be asked for."),
  deliveryIdHeader: receivedHeaderSchema
    .optional()
    .describe("The header with the caller's id of the delivery. The same id again starts nothing: the answer names the first execution. Standard Webhooks and most providers have one of their own, which counts unless one is named here."),
  allowedAddresses: z
    .array(addressRangeSchema)
    .min(1)
    .max(100)
    .optional()
    .describe("Addresses and ranges (IPv4 or IPv6, such as `192.0.2.0/24`) that may call; all others are answered with 403. Without it, everybody may."),
  rateLimit: rateLimitSchema.optional(),
  filter: triggerFilterSchema.optional(),
  response: z
    .discriminatedUnion("mode", [immediateSchema, lastNodeSchema, respondNodeSchema])
    .default({ mode: "immediate" })
    .describe("What the caller is answered, and when."),
});

export type WebhookTriggerParams = z.output<typeof paramsSchema>;

export const webhookTrigger = defineNode({
  type: "trigger.webhook",
  kind: "trigger",
  title: "Webhook",
  docs: `Starts an execution for every HTTP request to the trigger's own address. The request's payload, headers, query and method are the output,
and are there for every node as \`trigger\`: \`{{ trigger.body.email }}\`.

The secret is not a parameter: it is kept encrypted beside the trigger. A provider that makes the secret itself has it set by
\`POST /v1/triggers/{triggerId}/rotate-secret\`.
A caller that retries should send an id of its delivery, named by \`deliveryIdHeader\`; then the retry starts no second execution.
With \`response\` the caller waits for the outcome, at most 30 s; see [webhooks](../webhooks.md).`,
  tier: "FREE",
  params: paramsSchema,
  output: jsonObjectSchema.describe("The received request."),
  ports: () => MAIN_PORT,
  retryClass: "never",
  sideEffect: "none",
  integration: null,
  defaultTimeoutMs: 10_000,
  examples: [
    { title: "An open address for POST requests", params: { authentication: { mode: "none" } } },
    { title: "A secret in a header, for two methods", params: { methods: ["POST", "PUT"], authentication: { mode: "header", header: "X-Api-Key" } } },
    {
      title: "Signed body, one execution per delivery",
      params: {
        authentication: { mode: "hmac", header: "X-Signature-256", encoding: "hex", prefix: "sha256=" },
        deliveryIdHeader: "X-Delivery-Id",
      },
    },
    {
      title: "A signature over timestamp and body, at most a minute old",
      params: { authentication: { mode: "hmac", header: "X-Signature", encoding: "base64", timestampHeader: "X-Timestamp", toleranceSeconds: 60 } },
    },
    {
      title: "The caller waits for the answer of a respond node",
      params: { authentication: { mode: "header", header: "X-Api-Key" }, response: { mode: "respondNode", timeoutSeconds: 10 } },
    },
    { title: "GitHub", params: { authentication: { mode: "github" } } },
    {
      title: "Stripe, paid invoices only",
      params: { authentication: { mode: "stripe" }, filter: { conditions: [{ path: "body.type", operator: "equals", right: "invoice.paid" }] } },
    },
    {
      title: "From one network, at most 60 requests a minute",
      params: { authentication: { mode: "header", header: "X-Api-Key" }, allowedAddresses: ["192.0.2.0/24", "2001:db8::/32"], rateLimit: { perMinute: 60 } },
    },
    { title: "Standard Webhooks", params: { authentication: { mode: "standard" } } },
  ],
});
