import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { z } from "zod";
import { headerNameSchema } from "../schemas/header-name.ts";
import { jsonObjectSchema } from "../schemas/json.ts";

/** Lower case, as the headers of a received request are. */
const receivedHeaderSchema = headerNameSchema.toLowerCase();

const noneSchema = z.strictObject({ mode: z.literal("none") }).describe("Everybody who knows the address may call it.");

const headerSchema = z
  .strictObject({ mode: z.literal("header"), header: receivedHeaderSchema.describe("The header that must hold the secret.") })
  .describe("A header holds the secret.");

const hmacSchema = z
  .strictObject({
    mode: z.literal("hmac"),
    header: receivedHeaderSchema.describe("The header that holds the signature."),
    algorithm: z.enum(["sha256", "sha384", "sha512", "sha1"]).default("sha256").describe("Hash of the HMAC. sha1 is for providers that offer nothing else."),
    encoding: z.enum(["hex", "base64"]).describe("How the signature is written."),
    prefix: z.string().min(1).max(64).optional().describe("What stands before the signature in the header, such as `sha256=`."),
    timestampHeader: receivedHeaderSchema
      .optional()
      .describe("The header that holds the time of signing in seconds since 1970. With it, `<timestamp>.<body>` is signed; without it, the body."),
    toleranceSeconds: z.int().min(1).max(86_400).default(300).describe("How far the time of signing may be from now. Means nothing without `timestampHeader`."),
  })
  .describe("A header holds the HMAC of the raw body.");

const standardSchema = z.strictObject({ mode: z.literal("standard") }).describe("Signed as the specification of Standard Webhooks has it.");

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

const paramsSchema = z.strictObject({
  methods: z
    .array(z.enum(["GET", "POST", "PUT", "PATCH", "DELETE"]))
    .min(1)
    .refine((methods) => new Set(methods).size === methods.length, "must not name a method twice")
    .default(["POST"])
    .describe("HTTP methods that are accepted; others are answered with 405."),
  authentication: z
    .discriminatedUnion("mode", [noneSchema, headerSchema, hmacSchema, standardSchema])
    .describe("How a caller proves that it may call. It has no default: an open address has to be asked for."),
  deliveryIdHeader: receivedHeaderSchema
    .optional()
    .describe("The header with the caller's id of the delivery. The same id again starts nothing: the answer names the first execution. With Standard Webhooks it is `webhook-id` unless named here."),
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

The secret of the modes \`header\`, \`hmac\` and \`standard\` is not a parameter: it is kept encrypted beside the trigger.
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
      title: "GitHub: signed body, one execution per delivery",
      params: {
        authentication: { mode: "hmac", header: "X-Hub-Signature-256", encoding: "hex", prefix: "sha256=" },
        deliveryIdHeader: "X-GitHub-Delivery",
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
    { title: "Standard Webhooks", params: { authentication: { mode: "standard" } } },
  ],
});
