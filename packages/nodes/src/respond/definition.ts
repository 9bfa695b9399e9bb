import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { z } from "zod";
import { headerNameSchema } from "../schemas/header-name.ts";
import { jsonValueSchema } from "../schemas/json.ts";
import { scalarSchema } from "../schemas/scalar.ts";

/** Largest body of an answer. Bytes of JSON. */
export const RESPONSE_BYTES_MAX = 1_048_576;

const HEADERS_MAX = 50;
const HEADER_BYTES_MAX = 4_096;

/** Headers that Fluxo sets itself, and those of the connection, which could smuggle a second answer in. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  ...["connection", "content-length", "content-encoding", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "via"],
  ...["content-security-policy", "content-security-policy-report-only", "date", "server", "x-content-type-options", "x-request-id"],
]);

/** Headers that speak for the whole host, which the webhooks of all tenants share, or to the proxies before it. */
const HOST_HEADERS: ReadonlySet<string> = new Set([
  ...["set-cookie", "set-cookie2", "clear-site-data", "strict-transport-security", "public-key-pins", "expect-ct", "alt-svc", "service-worker-allowed"],
  ...["origin-agent-cluster", "report-to", "reporting-endpoints", "nel", "proxy-authenticate", "x-sendfile", "x-lighttpd-send-file"],
]);
const HOST_PREFIXES = ["x-accel-", "x-amz-cf-", "surrogate-", "fluxo-", "proxy-"];

/** Statuses whose answer has no body (RFC 9110). */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

function refusalOf(name: string): string | undefined {
  if (name === "content-type") return "must not be set here: use contentType";
  if (OWN_HEADERS.has(name)) return "must not be set: Fluxo sets it, or it belongs to the connection";
  if (HOST_HEADERS.has(name) || HOST_PREFIXES.some((prefix) => name.startsWith(prefix))) return "must not be set: it would speak for the webhooks of others";
  return undefined;
}

const headersSchema = z.record(headerNameSchema, scalarSchema).superRefine((headers, context) => {
  const seen = new Set<string>();
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    const refuse = (message: string): void => context.addIssue({ code: "custom", path: [name], message });
    const refusal = refusalOf(lower);
    if (refusal !== undefined) refuse(refusal);
    if (seen.has(lower)) refuse("must not be set twice: upper and lower case do not differ in header names");
    if (!/^[\t\x20-\x7E\x80-\xFF]*$/.test(String(value))) refuse("must hold neither line breaks nor characters outside of Latin-1");
    if (String(value).length > HEADER_BYTES_MAX) refuse(`must have at most ${HEADER_BYTES_MAX} characters`);
    seen.add(lower);
  }
  if (seen.size > HEADERS_MAX) context.addIssue({ code: "custom", message: `must be at most ${HEADERS_MAX}` });
});

const mediaTypeSchema = z
  .string()
  .max(255)
  .regex(/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:\s*;\s*[\w.-]+=(?:[\w.:+-]+|"[\w .:+-]*"))*$/, "must be a media type, such as text/html; charset=utf-8");

const paramsSchema = z
  .strictObject({
    status: z.int().min(200).max(599).default(200).describe("The HTTP status."),
    headers: headersSchema
      .default({})
      .describe("Headers of the answer. Refused are those of the connection, those that Fluxo sets, and those that would speak for the whole host: Set-Cookie, Strict-Transport-Security, Clear-Site-Data, …"),
    body: jsonValueSchema.optional().describe("The answer: a text is sent as it is, any other value as JSON. Absent: an empty answer. At most 1 MiB."),
    contentType: mediaTypeSchema.optional().describe("The media type of the body. Absent: `application/json`, for a text `text/plain; charset=utf-8`."),
  })
  .superRefine(({ status, body }, context) => {
    if (body !== undefined && BODILESS.has(status)) context.addIssue({ code: "custom", path: ["body"], message: `must be absent, because an answer with the status ${status} has none` });
  });

export type RespondParams = z.output<typeof paramsSchema>;

const outputSchema = z
  .strictObject({
    status: z.int().min(200).max(599),
    /** By lower-case name. Without `content-type` there is no body. */
    headers: z.record(z.string(), z.string()),
    body: jsonValueSchema,
  })
  .describe("The answer as the caller gets it.");

export type RespondOutput = z.output<typeof outputSchema>;

export const respond = defineNode({
  type: "respond",
  kind: "flow",
  title: "Respond to the webhook",
  docs: `Answers the caller of a webhook whose \`response\` has the mode \`respondNode\`. The answer goes out as soon as this node is recorded; the execution goes on after it.
The first answer counts: a second respond node, a caller that no longer waits and a start by other means change nothing but the output.`,
  tier: "FREE",
  params: paramsSchema,
  output: outputSchema,
  ports: () => MAIN_PORT,
  retryClass: "never",
  sideEffect: "none",
  isOutsideLoops: true,
  integration: null,
  defaultTimeoutMs: 10_000,
  examples: [
    { title: "JSON", params: { body: { received: "{{ trigger.body.id }}" } } },
    { title: "Another status with a header", params: { status: 201, headers: { Location: "/orders/{{ trigger.body.id }}" } } },
    { title: "A page", params: { contentType: "text/html", body: "<h1>Thank you</h1>" } },
  ],
});
