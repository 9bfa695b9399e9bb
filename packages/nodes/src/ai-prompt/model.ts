import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import type { CredentialFields } from "@fluxo/core/credentials/kinds";
import type { LanguageModel } from "ai";

/** OpenAI's own API refuses `max_tokens` for its reasoning models and takes this name for all. */
const OPENAI_HOST = "api.openai.com";

/** The model of a credential's provider, called through `fetch`. */
export function modelOf({ provider, baseUrl, apiKey }: CredentialFields["ai"], model: string, fetch: typeof globalThis.fetch): LanguageModel {
  switch (provider) {
    case "anthropic":
      return createAnthropic({ baseURL: baseUrl, apiKey, fetch })(model);
    case "openai-compatible": {
      const isOpenAi = new URL(baseUrl).host === OPENAI_HOST;
      const settings = { name: "openaiCompatible", baseURL: baseUrl, apiKey, fetch, supportsStructuredOutputs: true };
      return createOpenAICompatible(isOpenAi ? { ...settings, transformRequestBody: withOpenAiNames } : settings)(model);
    }
    default:
      return provider satisfies never;
  }
}

function withOpenAiNames({ max_tokens: limit, ...body }: Record<string, unknown>): Record<string, unknown> {
  return limit === undefined ? body : { ...body, max_completion_tokens: limit };
}
