/** Tokens of AI models, counted against the month of the tenant's plan. */
export interface AiTokenPort {
  /**
   * Takes the most tokens that a call could use, before it is made.
   * @throws NodeError REFUSED, AI_TOKENS_EXCEEDED when the month has not that many left; CONNECTION, UNAVAILABLE when the store does not answer
   */
  hold(most: number): Promise<AiTokenHold>;
}

/** Tokens that were taken and not yet used. */
export interface AiTokenHold {
  /** Counts what was really used and gives the rest back. Never throws: what cannot be settled counts in full later. */
  settle(used: number): Promise<void>;
}
