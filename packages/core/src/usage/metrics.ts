/** What is metered. Storage is a level, everything else adds up. */
export const USAGE_METRICS = ["executions", "nodeExecutions", "aiInputTokens", "aiOutputTokens", "aiUnpricedTokens", "aiCostMicros", "egressBytes", "storageBytes"] as const;
export type UsageMetric = (typeof USAGE_METRICS)[number];

/** What usage can be told apart by. */
export const USAGE_GROUPS = ["workflow", "nodeType", "integration", "model"] as const;
export type UsageGroup = (typeof USAGE_GROUPS)[number];

/** UTC hours, or days of the tenant's zone. */
export const USAGE_STEPS = ["hour", "day"] as const;
export type UsageGranularity = (typeof USAGE_STEPS)[number];
