import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { z } from "zod";
import { headerNameSchema } from "../schemas/header-name.ts";
import { jsonValueSchema } from "../schemas/json.ts";
import { scalarSchema, scalarsSchema } from "../schemas/scalar.ts";

const DEFAULT_RESPONSE_BYTES = 1_048_576;
const MAX_RESPONSE_BYTES = 10 * DEFAULT_RESPONSE_BYTES;

/** Headers that belong to the connection; the client sets them itself, and a caller who did could smuggle a second request in. */
const CONNECTION_HEADERS: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "connection",
  "transfer-encoding",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "upgrade",
  "expect",
]);

/** Methods without a body. */
const BODILESS: ReadonlySet<string> = new Set(["GET", "HEAD"]);

const urlSchema = z
  .string()
  .max(8_192)
  .superRefine((text, context) => {
    const refuse = (message: string): void => context.addIssue({ code: "custom", message });
    if (!URL.canParse(text)) {
      refuse("must be a complete URL");
      return;
    }
    const url = new URL(text);
    if (url.protocol !== "https:" && url.protocol !== "http:") {
      refuse("must begin with https:// or http://");
    }
    if (url.username !== "" || url.password !== "") {
      refuse("must not hold credentials: send them in a header");
    }
  });

const headersSchema = z.record(headerNameSchema, scalarSchema).superRefine((headers, context) => {
  const seen = new Set<string>();
  for (const [name, value] of Object.entries(headers)) {
    const refuse = (message: string): void => context.addIssue({ code: "custom", path: [name], message });
    if (CONNECTION_HEADERS.has(name.toLowerCase())) {
      refuse("must not be set: it belongs to the connection");
    }
    if (seen.has(name.toLowerCase())) {
      refuse("must not be set twice: upper and lower case do not differ in header names");
    }
    if (!/^[\t\x20-\x7E\x80-\xFF]*$/.test(String(value))) {
      refuse("must hold neither line breaks nor characters outside of Latin-1");
    }
    seen.add(name.toLowerCase());
  }
});

const paramsSchema = z
  .strictObject({
    method: z.enum(["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]).default("GET").describe("The HTTP method."),
    url: urlSchema.describe("Where to send it: http or https, a public address, no credentials in it."),
    query: z.record(z.string().min(1).max(256), scalarsSchema).default({}).describe("Added to the query of `url`, encoded; an array repeats its name."),
    headers: headersSchema.default({}).describe("Headers. Those of the connection (Host, Content-Length, Connection, Transfer-Encoding, …) are refused."),
    body: jsonValueSchema.optional().describe("What is sent, in the form that `bodyType` names. Not with GET and HEAD."),
    bodyType: z
      .enum(["json", "text", "form", "none"])
      .default("json")
      .describe("`json`: any value as JSON. `text`: a text as it is. `form`: an object, URL-encoded. `none`: there is no body. Sets Content-Type unless `headers` does."),
    responseFormat: z
      .enum(["auto", "json", "text", "base64"])
      .default("auto")
      .describe("How the answer's body is read. `auto`: JSON or text where its type or content says so, else base64."),
    maxResponseBytes: z.int().min(1).max(MAX_RESPONSE_BYTES).default(DEFAULT_RESPONSE_BYTES).describe("Largest body that is accepted, in bytes."),
    failOnStatus: z.boolean().default(true).describe("Whether an answer of 400 or above fails the node. If not, its status and body are the output."),
    onUncertain: z
      .enum(["repeat", "fail"])
      .default("repeat")
      .describe("What to do when nobody knows whether an attempt arrived: `repeat` it with the same Idempotency-Key, or `fail` for good."),
  })
  .superRefine(({ method, body, bodyType }, context) => {
    const refuse = (field: string, message: string): void => context.addIssue({ code: "custom", path: [field], message });
    if (body === undefined) {
      return;
    }
    if (bodyType === "none") {
      refuse("body", "must be absent, because bodyType is none");
    } else if (BODILESS.has(method)) {
      refuse("method", `must be another one, because ${method} sends no body`);
    }
    if (bodyType === "text" && typeof body !== "string") {
      refuse("body", "must be a text, because bodyType is text");
    }
    if (bodyType === "form" && !isForm(body)) {
      refuse("body", "must be an object of texts, numbers, booleans or arrays of these, because bodyType is form");
    }
  });

const formSchema = z.record(z.string(), scalarsSchema);

/** What a body of the type `form` is. */
type Form = z.output<typeof formSchema>;

/** Whether a body can be sent as a form. */
export function isForm(body: unknown): body is Form {
  return formSchema.safeParse(body).success;
}

export type HttpRequestParams = z.output<typeof paramsSchema>;

const outputSchema = z.strictObject({
  status: z.int().min(100).max(599).describe("The status of the answer."),
  headers: z.record(z.string(), z.string()).describe("Its headers, with names in lower case, without `set-cookie`."),
  body: jsonValueSchema.describe("Its body; null when there is none."),
  url: z.string().describe("The address that answered, after redirects."),
});

const DOCS = `Sends one HTTP request and gives its answer. Only public addresses are called, also after redirects.

**Repeats.** Requests that write (all but GET, HEAD and OPTIONS) carry the header \`Idempotency-Key\`, the same over all attempts, so that a provider can drop the
repeat; your own header of this name takes its place. With \`onUncertain: "fail"\` an attempt of unknown outcome is not repeated: one that got no answer, one that a
gateway answered with 502 or 504, and one during which the worker died. The node then fails with \`SIDE_EFFECT_UNCERTAIN\`.

**Failures.** Unless \`failOnStatus\` is false, the status decides; the message quotes the start of the body.

| answer | code | tried again |
|---|---|---|
| 429, or 503 with \`Retry-After\` | \`PROVIDER_RATE_LIMITED\` | yes, not before \`Retry-After\` |
| other 5xx | \`PROVIDER_FAILED\` | yes |
| 408 | \`NODE_TIMEOUT\` | yes |
| 401, 403 | \`CREDENTIAL_REJECTED\` | no |
| other 4xx | \`PROVIDER_REJECTED\` | no |
| none in time | \`NODE_TIMEOUT\` | yes |
| no connection | \`CONNECTION_FAILED\` | yes |
| not JSON, though \`responseFormat\` is \`json\` | \`PROVIDER_FAILED\` | no |

**Body of the answer.** \`auto\` reads JSON types as JSON (as text, if it is none), textual types and whatever is UTF-8 without a type as text, the rest as base64.
An empty body is null, and an empty text with \`text\` and \`base64\`. The time limit is the node's \`timeoutMs\`.`;

export const httpRequest = defineNode({
  type: "http.request",
  kind: "action",
  title: "HTTP request",
  docs: DOCS,
  tier: "FREE",
  params: paramsSchema,
  output: outputSchema,
  ports: () => MAIN_PORT,
  retryClass: "transient",
  sideEffect: "keyed",
  // A template may become either value, so it guards as well.
  guardsRepeat: ({ onUncertain = "repeat" }) => onUncertain !== "repeat",
  integration: "http",
  defaultTimeoutMs: 30_000,
  examples: [
    { title: "Read a record", params: { url: "https://api.example.com/customers/{{ trigger.body.customerId | urlEncode }}", query: { expand: ["orders", "plan"] } } },
    {
      title: "Create a record from JSON",
      params: { method: "POST", url: "https://api.example.com/orders", headers: { "X-Api-Version": "2" }, body: { sku: "{{ trigger.body.sku }}", quantity: 2 } },
    },
    {
      title: "Send a form, never twice",
      params: { method: "POST", url: "https://api.example.com/messages", bodyType: "form", body: { to: "+4912345", text: "Hello" }, onUncertain: "fail" },
    },
    { title: "Look whether a page is there", params: { method: "HEAD", url: "https://www.example.com/", failOnStatus: false } },
    { title: "Fetch a file", params: { url: "https://www.example.com/logo.png", responseFormat: "base64", maxResponseBytes: 2_000_000 } },
  ],
});
