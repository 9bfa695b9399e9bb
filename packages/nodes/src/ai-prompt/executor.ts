import { NodeError } from "@fluxo/core/errors/node-error";
import type { Json, JsonObject } from "@fluxo/core/json";
import type { NodeExecutor } from "@fluxo/core/node/executor";
import type { NodeUsage } from "@fluxo/core/node/usage";
import type { HttpPort } from "@fluxo/core/ports/http";
import { generateText, jsonSchema, Output } from "ai";
import { guardedFetch } from "../http/guarded-fetch.ts";
import { isJsonObject } from "../schemas/json.ts";
import type { AiPromptParams } from "./definition.ts";
import { aiFailure, unusable, type UsageFor } from "./failure.ts";
import { modelOf } from "./model.ts";
import { isStrict, mismatches } from "./output-schema.ts";
import { listPrice, usageOf } from "./prices.ts";

const RESPONSE_BYTES_MAX = 8_388_608;

// The library would print its warnings to the console, where no log of ours is.
globalThis.AI_SDK_LOG_WARNINGS = false;

/** What requests and APIs add to what is asked: roles, names of schemas, instructions about them. */
const OVERHEAD_TOKENS = 1_024;

/** What a model answered. */
interface Answer {
  readonly text: string;
  readonly finishReason: string;
  readonly usage: NodeUsage | undefined;
}

/**
 * Asks the model once. @throws NodeError by the provider's answer (see `providerError`), PROVIDER_REJECTED (DATA) for a refusal or an answer that does not fit,
 * AI_TOKENS_EXCEEDED when the plan has not as many tokens left as the call could use; what the ports throw; the signal's reason
 */
export const executeAiPrompt: NodeExecutor<AiPromptParams> = async (params, context) => {
  context.signal.throwIfAborted();
  const { fields } = await context.credentials.open(params.credential, ["ai"]);
  const { clock, signal, timeoutMs, idempotencyKey } = context;
  // A redirect would take the prompt to a host that the credential does not name.
  const http: HttpPort = { send: (request) => context.http.send({ ...request, maxRedirects: 0 }) };
  const fetch = guardedFetch(http, { timeoutMs, maxResponseBytes: RESPONSE_BYTES_MAX, signal });
  const price = params.pricePerMillion ?? listPrice(fields.baseUrl, params.model);
  const usageFor: UsageFor = (tokens) =>
    tokens.inputTokens === undefined || tokens.outputTokens === undefined ? undefined : usageOf(params.model, tokens.inputTokens, tokens.outputTokens, price);
  const most = tokensAtMost(params);
  const hold = await context.aiTokens.hold(most);
  let used = 0;
  try {
    const answer = await ask(params, modelOf(fields, params.model, fetch), idempotencyKey, usageFor);
    // A provider that tells nothing may have used all of it.
    used = answer.usage === undefined ? most : tokensOf(answer.usage);
    const output = outputOf(answer, params.schema);
    return { kind: "done", output, ...(answer.usage === undefined ? {} : { usage: answer.usage }) };
  } catch (error) {
    signal.throwIfAborted();
    const failure = aiFailure(error, clock, usageFor);
    if (failure instanceof NodeError && failure.usage !== undefined) used = tokensOf(failure.usage);
    throw failure;
  } finally {
    await hold.settle(used);
  }
};

function tokensOf({ inputTokens, outputTokens }: NodeUsage): number {
  return inputTokens + outputTokens;
}

/** No token is shorter than a byte, so this is never too little. */
function tokensAtMost({ system = "", prompt, schema, maxOutputTokens }: AiPromptParams): number {
  return Buffer.byteLength(system) + Buffer.byteLength(prompt) + (schema === undefined ? 0 : Buffer.byteLength(JSON.stringify(schema))) + OVERHEAD_TOKENS + maxOutputTokens;
}

async function ask(
  { system, prompt, maxOutputTokens, temperature, schema }: AiPromptParams,
  model: ReturnType<typeof modelOf>,
  idempotencyKey: string,
  usageFor: UsageFor,
): Promise<Answer> {
  const settings = {
    model,
    prompt,
    maxOutputTokens,
    maxRetries: 0,
    headers: { "Idempotency-Key": idempotencyKey },
    ...(system === undefined ? {} : { instructions: system }),
    ...(temperature === undefined ? {} : { temperature }),
  };
  const { text, finishReason, usage } =
    schema === undefined
      ? await generateText(settings)
      : await generateText({
          ...settings,
          output: Output.object({ schema: jsonSchema<Json>(schema), name: "answer" }),
          providerOptions: { openaiCompatible: { strictJsonSchema: isStrict(schema) } },
        });
  return { text, finishReason, usage: usageFor(usage) };
}

/** The answer as data. @throws NodeError DATA, PROVIDER_REJECTED */
function outputOf({ text, finishReason, usage }: Answer, schema: JsonObject | undefined): JsonObject {
  if (finishReason === "content-filter") {
    throw unusable(finishReason, "", usage);
  }
  if (schema === undefined) {
    return { text, finishReason };
  }
  const object = parsed(text);
  const problems = object === undefined ? ["it is not JSON"] : mismatches(object, schema);
  if (object === undefined || !isJsonObject(object) || problems.length > 0) {
    throw unusable(finishReason, problems.join("; "), usage);
  }
  return { object, finishReason };
}

function parsed(text: string): Json | undefined {
  try {
    const json: Json = JSON.parse(text);
    return json;
  } catch {
    return undefined;
  }
}
