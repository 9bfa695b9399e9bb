import { z } from "zod";
import { headerNameSchema } from "../schemas/header-name.ts";

/** Lower case, as the headers of a received request are. */
export const receivedHeaderSchema = headerNameSchema.toLowerCase();

const toleranceSchema = z.int().min(1).max(86_400).default(300).describe("How far the time of signing may be from now, in seconds.");

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

const githubSchema = z
  .strictObject({ mode: z.literal("github") })
  .describe("Signed by GitHub: `X-Hub-Signature-256`. The secret is the one that the webhook has there; `X-GitHub-Delivery` is the delivery's id.");

const stripeSchema = z
  .strictObject({ mode: z.literal("stripe"), toleranceSeconds: toleranceSchema })
  .describe("Signed by Stripe: `Stripe-Signature` with time and one or more `v1`. The secret is the endpoint's signing secret; the event's `id` is the delivery's.");

const slackSchema = z
  .strictObject({ mode: z.literal("slack"), toleranceSeconds: toleranceSchema })
  .describe("Signed by Slack: `X-Slack-Signature`. The secret is the app's signing secret; `event_id` is the delivery's id. `url_verification` is answered without an execution.");

const shopifySchema = z
  .strictObject({ mode: z.literal("shopify") })
  .describe("Signed by Shopify: `X-Shopify-Hmac-Sha256`. The secret is the app's client secret; topic and `X-Shopify-Event-Id` are the delivery's id.");

const metaSchema = z
  .strictObject({ mode: z.literal("meta") })
  .describe("Signed by Meta (Facebook, Instagram, WhatsApp): `X-Hub-Signature-256`. The secret is the app secret. The verify token is the last part of the hook's address.");

const zoomSchema = z
  .strictObject({ mode: z.literal("zoom"), toleranceSeconds: toleranceSchema })
  .describe("Signed by Zoom: `x-zm-signature`. The secret is the app's secret token. `endpoint.url_validation` is answered without an execution.");

const microsoftSchema = z
  .strictObject({ mode: z.literal("microsoft") })
  .describe("Notifications of Microsoft Graph: each holds the secret as `clientState`, which is not recorded. `validationToken` is answered without an execution.");

/** How callers of a hook prove that they may call. */
export const authenticationSchema = z.discriminatedUnion("mode", [
  noneSchema,
  headerSchema,
  hmacSchema,
  standardSchema,
  githubSchema,
  stripeSchema,
  slackSchema,
  shopifySchema,
  metaSchema,
  zoomSchema,
  microsoftSchema,
]);
