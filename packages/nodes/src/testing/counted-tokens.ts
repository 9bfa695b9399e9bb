import { NodeError } from "@fluxo/core/errors/node-error";
import type { AiTokenHold, AiTokenPort } from "@fluxo/core/ports/ai-tokens";

/** The tokens of a plan, in memory, by the rules of the port. */
export class CountedTokens implements AiTokenPort {
  readonly #quota: number;
  used = 0;
  held = 0;

  constructor(quota = Number.POSITIVE_INFINITY) {
    this.#quota = quota;
  }

  async hold(most: number): Promise<AiTokenHold> {
    await Promise.resolve();
    if (this.used + this.held + most > this.#quota) throw new NodeError(`The call may use ${most} tokens.`, { errorClass: "REFUSED", code: "AI_TOKENS_EXCEEDED", nothingDone: true });
    this.held += most;
    return {
      settle: async (used) => {
        await Promise.resolve();
        this.held -= most;
        this.used += used;
      },
    };
  }
}
