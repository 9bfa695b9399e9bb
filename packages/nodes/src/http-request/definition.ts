import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { z } from "zod";
import { jsonValueSchema } from "../schemas/json.ts";
import { CREDENTIAL_KINDS } from "./authentication.ts";
import { paramsSchema } from "./params.ts";

const outputSchema = z.strictObject({
  status: z.int().min(100).max(599).describe("The status of the answer; of pages, that of the last."),
  headers: z.record(z.string(), z.string()).describe("Its headers, with names in lower case, without `set-cookie`."),
  body: jsonValueSchema.describe("Its body, or the reference of the file that it was stored as; null when there is none. Of pages, the items of all of them."),
  url: z.string().describe("The address that answered, after redirects, without the key of a credential."),
  pages: z.int().min(1).optional().describe("Pages that were read. Only with `pagination`."),
  hasMore: z.boolean().optional().describe("Whether there are pages after those that `pagesMax` allows. Only with `pagination`."),
});

const DOCS = `Sends one HTTP request and gives its answer. Only public addresses are called, also after redirects.

**Authentication.** \`credential\` names a credential of this tenant: \`apiKey\` (sent in the header or query parameter that it names), \`basic\`, \`bearer\` or \`oauth2\`
(the access token is renewed as needed). It is opened for the host of \`url\` and nothing else; a redirect to another host goes there without it. A header that the
credential sets must not be in \`headers\` as well.

**Repeats.** Requests that write (all but GET, HEAD and OPTIONS) carry the header \`Idempotency-Key\`, the same over all attempts, so that a provider can drop the
repeat; your own header of this name takes its place, \`idempotencyHeader\` gives it another name or, with null, leaves it out. The body is the same to the byte.
With \`onUncertain: "fail"\` an attempt of unknown outcome is not repeated: one that got no answer, one that a gateway answered with 502 or 504, and one during
which the worker died. The node then fails with \`SIDE_EFFECT_UNCERTAIN\`.

**Pages.** \`pagination\` reads an answer that comes in pages: by the \`Link\` header, by a cursor in the body, or by number. Every page is an array, or holds one at
\`itemsPath\`; the output's \`body\` has the items of all pages in order. An attempt that fails at one page begins again with the first. \`maxResponseBytes\` bounds
all pages together; the limit of the journal for one output holds as well.

**Files.** \`bodyType\` \`file\` sends the content of a file reference, \`multipart\` a form with files in it. \`responseFormat\` \`file\` stores the answer and gives a
reference: \`{ fileId, name, mediaType, bytes, sha256 }\`. Content never stands in the journal.

**Failures.** Unless \`failOnStatus\` is false or \`expectedStatuses\` tells otherwise, the status decides; the message quotes the start of the body.

| answer | code | tried again |
|---|---|---|
| 429, or 503 with \`Retry-After\` | \`PROVIDER_RATE_LIMITED\` | yes, not before \`Retry-After\` |
| other 5xx | \`PROVIDER_FAILED\` | yes |
| 408 | \`NODE_TIMEOUT\` | yes |
| 401, 403 | \`CREDENTIAL_REJECTED\` | no |
| other 4xx, or any status that is not in \`expectedStatuses\` | \`PROVIDER_REJECTED\` | no |
| none in time | \`NODE_TIMEOUT\` | yes |
| no connection | \`CONNECTION_FAILED\` | yes |
| not JSON, though \`responseFormat\` is \`json\`; a page that is none | \`PROVIDER_FAILED\` | no |

**Body of the answer.** \`auto\` reads JSON types as JSON (as text, if it is none), textual types and whatever is UTF-8 without a type as text, the rest as base64.
An empty body is null, and an empty text with \`text\` and \`base64\`. The time limit is the node's \`timeoutMs\`, over all pages.`;

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
  credentials: [{ param: "credential", kinds: CREDENTIAL_KINDS }],
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
    { title: "Fetch a file into the output", params: { url: "https://www.example.com/logo.png", responseFormat: "base64", maxResponseBytes: 2_000_000 } },
    { title: "Store a file", params: { url: "https://www.example.com/report.pdf", responseFormat: "file", fileName: "report.pdf" } },
    {
      title: "Send a file with a credential",
      params: {
        method: "POST",
        url: "https://api.example.com/uploads",
        credential: "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a01",
        bodyType: "multipart",
        body: { title: "Report", file: "{{ trigger.body.file }}" },
      },
    },
    {
      title: "Read all pages",
      params: {
        url: "https://api.example.com/customers",
        expectedStatuses: ["2xx"],
        pagination: { kind: "cursor", cursorPath: "next", param: "cursor", itemsPath: "items", pagesMax: 20 },
      },
    },
  ],
});
