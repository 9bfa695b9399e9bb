import type { NodeUsage } from "@fluxo/core/node/usage";

/** US dollars per million tokens. */
export interface Price {
  readonly input: number;
  readonly output: number;
}

/**
 * List prices of providers for their own API, by host and model. Other hosts may sell the same model at another price, and a model that is not listed has none:
 * then the cost is unknown, unless the node's `pricePerMillion` tells it.
 * Sources: openai.com/api/pricing and claude.com/pricing, as of 2025-11.
 */
const PRICES: Readonly<Record<string, Readonly<Record<string, Price>>>> = {
  "api.openai.com": {
    "gpt-5": { input: 1.25, output: 10 },
    "gpt-5-mini": { input: 0.25, output: 2 },
    "gpt-5-nano": { input: 0.05, output: 0.4 },
    "gpt-4.1": { input: 2, output: 8 },
    "gpt-4.1-mini": { input: 0.4, output: 1.6 },
    "gpt-4.1-nano": { input: 0.1, output: 0.4 },
    "gpt-4o": { input: 2.5, output: 10 },
    "gpt-4o-mini": { input: 0.15, output: 0.6 },
    "o4-mini": { input: 1.1, output: 4.4 },
  },
  "api.anthropic.com": {
    "claude-opus-4-5": { input: 5, output: 25 },
    "claude-opus-4-1": { input: 15, output: 75 },
    "claude-sonnet-4-5": { input: 3, output: 15 },
    "claude-haiku-4-5": { input: 1, output: 5 },
    "claude-3-5-haiku": { input: 0.8, output: 4 },
  },
};

/** A dated snapshot costs what its model costs: `gpt-4o-2024-08-06`, `claude-haiku-4-5-20251001`. */
const SNAPSHOT = /-(?:\d{4}-\d{2}-\d{2}|\d{8})$/;

/** The list price of a model at an API; undefined when it is not known. */
export function listPrice(baseUrl: string, model: string): Price | undefined {
  const models = PRICES[new URL(baseUrl).host] ?? {};
  const name = model.replace(SNAPSHOT, "");
  return Object.hasOwn(models, name) ? models[name] : undefined;
}

/** What an answer used; the cost, rounded up to millionths of a dollar, is null when the price is not known. */
export function usageOf(model: string, inputTokens: number, outputTokens: number, price: Price | undefined): NodeUsage {
  // A dollar per million tokens is a millionth of a dollar per token.
  const costMicros = price === undefined ? null : Math.ceil(Number((inputTokens * price.input + outputTokens * price.output).toFixed(6)));
  return { model, inputTokens, outputTokens, costMicros };
}
