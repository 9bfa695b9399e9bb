/** What one answer of a model used, for the journal and for metering. */
export interface NodeUsage {
  readonly model: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Millionths of a US dollar; null when the price is not known. */
  readonly costMicros: number | null;
}

/** What the attempts of one node used together, as the journal keeps it: of models, and bytes sent to other hosts before encryption. */
export interface JournalUsage extends Partial<NodeUsage> {
  readonly egressBytes?: number;
}

/** Both together. A cost that is not known stays unknown. */
export function addNodeUsage(left: NodeUsage, right: NodeUsage): NodeUsage {
  return {
    model: right.model,
    inputTokens: left.inputTokens + right.inputTokens,
    outputTokens: left.outputTokens + right.outputTokens,
    costMicros: left.costMicros === null || right.costMicros === null ? null : left.costMicros + right.costMicros,
  };
}
