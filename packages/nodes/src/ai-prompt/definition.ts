import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { jsonPointer } from "@fluxo/core/json-pointer";
import { z } from "zod";
import { credentialIdSchema } from "../schemas/credential.ts";
import { jsonObjectSchema } from "../schemas/json.ts";
import { schemaProblems } from "./output-schema.ts";

const TEXT_LENGTH_MAX = 500_000;

const outputJsonSchema = jsonObjectSchema.superRefine((schema, context) => {
  for (const { path, message } of schemaProblems(schema).slice(0, 5)) {
    context.addIssue({ code: "custom", path: [...path], message: `${message}${path.length > 2 ? ` (${jsonPointer(path)})` : ""}` });
  }
});

const price = z.number().min(0).max(10_000);

const paramsSchema = z.strictObject({
  credential: credentialIdSchema.describe("The id of a credential of the kind ai, which names the provider and its address. Not a template."),
  model: z.string().min(1).max(200).describe("The model, as the provider names it."),
  system: z.string().max(TEXT_LENGTH_MAX).optional().describe("Instructions that stand above the prompt."),
  prompt: z.string().min(1).max(TEXT_LENGTH_MAX).describe("What is asked."),
  maxOutputTokens: z.int().min(1).max(200_000).default(4_096).describe("Most tokens that the model may answer with; its reasoning counts."),
  temperature: z.number().min(0).max(2).optional().describe("How much the answers vary, for models that take it. Unless given, the provider decides."),
  schema: outputJsonSchema.optional().describe("JSON Schema of the answer: the model then gives an object instead of a text, which is checked."),
  pricePerMillion: z
    .strictObject({ input: price.describe("Dollars per million tokens read."), output: price.describe("Dollars per million tokens written.") })
    .optional()
    .describe("What the tokens cost, in US dollars, for models that the price table does not know or that cost you something else."),
});

export type AiPromptParams = z.output<typeof paramsSchema>;

const outputSchema = z.strictObject({
  text: z.string().optional().describe("The answer; absent with `schema`."),
  object: jsonObjectSchema.optional().describe("The answer by `schema`; absent without."),
  finishReason: z.string().describe("Why the model stopped: `stop`, `length` (the text is cut at `maxOutputTokens`) or `other`."),
});

const DOCS = `Asks a language model, through an API compatible with OpenAI's chat completions or through Anthropic's messages API; the credential tells which, and where.
The answer is data and nothing else: no tool is called and nothing in it is run or read as a template.

**Objects.** With \`schema\` the model is asked for JSON by the provider's own means, and what it gives is checked: an answer that does not fit fails the node with
\`PROVIDER_REJECTED\`, and the message tells what does not fit. These keywords are understood: \`type\`, \`properties\`, \`required\`, \`additionalProperties\`, \`items\`,
\`enum\`, \`const\`, \`anyOf\`, \`minLength\`, \`maxLength\`, \`minItems\`, \`maxItems\`, \`minimum\`, \`maximum\`, \`exclusiveMinimum\`, \`exclusiveMaximum\`; \`title\`, \`description\`,
\`default\`, \`examples\` and \`format\` are handed on. The top is an object. When every object is closed (\`additionalProperties: false\`) and needs all of its members,
providers that can keep to it strictly are asked to.

**Cost.** Tokens and cost are recorded with the node. The cost comes from \`pricePerMillion\`, else from a table of a few models at OpenAI and Anthropic themselves, else
it is unknown. It is a list price: discounts for cached input are not taken off, and attempts that fail record nothing.

**Quota.** Tokens count against those of the plan's month. Before the call, as many are taken as it could use at most (a token per byte of what is asked, and \`maxOutputTokens\`); when
not that many are left, the node fails with \`AI_TOKENS_EXCEEDED\` and nothing is asked. Afterwards what was not used is given back. An answer that fails the node counts; a refusal does not.

**Failures.** 401 and 403 are \`CREDENTIAL_REJECTED\`, 429 is \`PROVIDER_RATE_LIMITED\` and waits for \`Retry-After\`, other errors of the provider (5xx, 529) are
\`PROVIDER_FAILED\`, other 4xx \`PROVIDER_REJECTED\`. A model that refuses, or an answer that a filter holds back, is \`PROVIDER_REJECTED\` and is not tried again. The
requests carry \`Idempotency-Key\`. The time limit is the node's \`timeoutMs\`. Prompts and answers are never logged.`;

export const aiPrompt = defineNode({
  type: "ai.prompt",
  kind: "action",
  title: "AI prompt",
  docs: DOCS,
  tier: "PRO",
  params: paramsSchema,
  output: outputSchema,
  ports: () => MAIN_PORT,
  retryClass: "transient",
  sideEffect: "keyed",
  integration: "ai",
  credentials: [{ param: "credential", kinds: ["ai"] }],
  defaultTimeoutMs: 120_000,
  examples: [
    {
      title: "A summary",
      params: {
        credential: "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a02",
        model: "gpt-4.1-mini",
        system: "You write for busy people.",
        prompt: "Summarize in two sentences: {{ trigger.body.email }}",
        maxOutputTokens: 300,
      },
    },
    {
      title: "A decision as an object",
      params: {
        credential: "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a02",
        model: "gpt-4.1-mini",
        prompt: "Is this customer content? {{ trigger.body.email }}",
        temperature: 0,
        schema: {
          type: "object",
          properties: { mood: { type: "string", enum: ["good", "bad"] }, score: { type: "number", minimum: 0, maximum: 1 } },
          required: ["mood", "score"],
          additionalProperties: false,
        },
        pricePerMillion: { input: 0.4, output: 1.6 },
      },
    },
  ],
});
