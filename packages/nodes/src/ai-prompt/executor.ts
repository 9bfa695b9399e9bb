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

/** What a model answered. */
interface Answer {
  readonly text: string;
  readonly finishReason: string;
  readonly usage: NodeUsage | undefined;
}

/**
 * Asks the model once. @throws NodeError by the provider's answer (see `providerError`), PROVIDER_REJECTED (DATA) for a refusal or an answer that does not fit,
 * what the ports throw; the signal's reason
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
  try {
    const answer = await ask(params, modelOf(fields, params.model, fetch), idempotencyKey, usageFor);
    const output = outputOf(answer, params.schema);
    return { kind: "done", output, ...(answer.usage === undefined ? {} : { usage: answer.usage }) };
  } catch (error) {
    signal.throwIfAborted();
    throw aiFailure(error, clock, usageFor);
  }
};

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
