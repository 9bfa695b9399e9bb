import { z } from "zod";
import { isStrict } from "../ai-prompt/output-schema.ts";
import type { ReceivedRequest, Reply } from "./provider.ts";

/** What the model says, in the words of its API. */
export interface ModelAnswer {
  readonly text: string;
  /** `finish_reason` or `stop_reason`. */
  readonly finish?: string;
  /** Of chat completions only. */
  readonly refusal?: string;
  readonly usage?: { readonly input: number; readonly output: number };
}

export const AI_KEY = "example-key";

const jsonSchemaShape = z.looseObject({ type: z.literal("object") });

/** The fields of POST /chat/completions that a plain text request has (platform.openai.com/docs/api-reference/chat/create). */
const chatRequest = z
  .strictObject({
    model: z.string().min(1),
    messages: z
      .array(z.discriminatedUnion("role", [z.strictObject({ role: z.enum(["system", "developer"]), content: z.string().min(1) }), z.strictObject({ role: z.literal("user"), content: z.string().min(1) })]))
      .min(1)
      .refine((messages) => messages.at(-1)?.role === "user", "the last message must be the user's"),
    max_tokens: z.int().min(1).optional(),
    max_completion_tokens: z.int().min(1).optional(),
    temperature: z.number().min(0).max(2).optional(),
    response_format: z
      .strictObject({
        type: z.literal("json_schema"),
        json_schema: z.strictObject({ name: z.string().regex(/^[\w-]{1,64}$/), schema: jsonSchemaShape, strict: z.boolean().optional() }),
      })
      .optional(),
  })
  .refine((body) => body.max_tokens === undefined || body.max_completion_tokens === undefined, "max_tokens and max_completion_tokens exclude each other")
  .refine(
    ({ response_format: format }) => format?.json_schema.strict !== true || isStrict(z.record(z.string(), z.json()).parse(format.json_schema.schema)),
    "strict needs closed objects whose members are all required",
  );

/** The fields of POST /v1/messages that a plain text request has (docs.claude.com/en/api/messages). */
const messagesRequest = z.strictObject({
  model: z.string().min(1),
  max_tokens: z.int().min(1),
  system: z.union([z.string(), z.array(z.strictObject({ type: z.literal("text"), text: z.string().min(1) })).min(1)]).optional(),
  messages: z
    .array(z.strictObject({ role: z.enum(["user", "assistant"]), content: z.union([z.string().min(1), z.array(z.strictObject({ type: z.literal("text"), text: z.string().min(1) })).min(1)]) }))
    .min(1)
    .refine((messages) => messages.every(({ role }, index) => role === (index % 2 === 0 ? "user" : "assistant")), "roles must alternate between user and assistant"),
  temperature: z.number().min(0).max(1).optional(),
  output_config: z.strictObject({ format: z.strictObject({ type: z.literal("json_schema"), schema: jsonSchemaShape.extend({ additionalProperties: z.literal(false) }) }) }).optional(),
});

/** Answers as an OpenAI-compatible API at `/v1` does: what does not fit its documentation gets the error that it documents. */
export function chatCompletion(request: ReceivedRequest, { text, finish = "stop", refusal, usage }: ModelAnswer): Reply {
  const fail = (status: number, message: string): Reply => json(status, { error: { message, type: "invalid_request_error", param: null, code: null } });
  if (request.headers["authorization"] !== `Bearer ${AI_KEY}`) {
    return fail(401, "Incorrect API key provided.");
  }
  const problem = problemOf(request, "/v1/chat/completions", chatRequest);
  if (problem !== undefined) {
    return fail(problem.status, problem.message);
  }
  const message = refusal === undefined ? { role: "assistant", content: text, refusal: null } : { role: "assistant", content: null, refusal };
  return json(200, {
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1_767_596_400,
    model: modelIn(request),
    choices: [{ index: 0, message, logprobs: null, finish_reason: finish }],
    ...(usage === undefined ? {} : { usage: { prompt_tokens: usage.input, completion_tokens: usage.output, total_tokens: usage.input + usage.output } }),
  });
}

/** Answers as Anthropic's API does, by the same rule. */
export function anthropicMessage(request: ReceivedRequest, { text, finish = "end_turn", usage = { input: 1, output: 1 } }: ModelAnswer): Reply {
  const fail = (status: number, type: string, message: string): Reply => json(status, { type: "error", error: { type, message }, request_id: "req_1" });
  if (request.headers["x-api-key"] !== AI_KEY || request.headers["authorization"] !== undefined) {
    return fail(401, "authentication_error", "invalid x-api-key");
  }
  if (request.headers["anthropic-version"] !== "2023-06-01") {
    return fail(400, "invalid_request_error", "anthropic-version: header is required");
  }
  const problem = problemOf(request, "/v1/messages", messagesRequest);
  if (problem !== undefined) {
    return fail(problem.status, problem.status === 404 ? "not_found_error" : "invalid_request_error", problem.message);
  }
  return json(200, {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: modelIn(request),
    content: text === "" ? [] : [{ type: "text", text }],
    stop_reason: finish,
    stop_sequence: null,
    usage: { input_tokens: usage.input, output_tokens: usage.output },
  });
}

function problemOf(request: ReceivedRequest, path: string, schema: z.ZodType): { readonly status: number; readonly message: string } | undefined {
  if (request.method !== "POST" || new URL(request.url).pathname !== path) {
    return { status: 404, message: `Unknown request URL: ${request.method} ${new URL(request.url).pathname}` };
  }
  if (request.headers["content-type"] !== "application/json") {
    return { status: 400, message: "The content type must be application/json." };
  }
  const checked = schema.safeParse(JSON.parse(request.body));
  return checked.success ? undefined : { status: 400, message: z.prettifyError(checked.error) };
}

function modelIn(request: ReceivedRequest): string {
  return z.looseObject({ model: z.string() }).parse(JSON.parse(request.body)).model;
}

function json(status: number, body: unknown): Reply {
  return { status, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}
