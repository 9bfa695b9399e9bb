import { NodeError } from "@fluxo/core/errors/node-error";
import type { AiTokenPort } from "@fluxo/core/ports/ai-tokens";
import type { IdSource } from "@fluxo/core/ports/clock";
import type { NodeScope } from "@fluxo/core/ports/node-ports";
import { isTransient } from "@fluxo/prisma/database/errors";
import { holdAiTokens, settleHold } from "@fluxo/prisma/executions/holds";
import type { Logger } from "@fluxo/runtime/logger";
import type pg from "pg";

/** Longer than a node may take: until then a hold is its call's, afterwards it counts in full. */
const HOLD_MS = 3_600_000;

/** The tokens of a tenant's plan in PostgreSQL. @param pool connections of fluxo_app */
export function createAiTokens(pool: pg.Pool, ids: IdSource, logger: Logger): (scope: Pick<NodeScope, "tenantId">) => AiTokenPort {
  return ({ tenantId }) => ({
    hold: async (most) => {
      const id = ids.next();
      const { isGranted, counted, quota, windowEnd } = await held(holdAiTokens(pool, { tenantId, id, amount: most, leaseMs: HOLD_MS }));
      if (!isGranted) {
        const message = `The call may use ${most} tokens; of the ${quota} that the plan allows a month, ${counted} are counted until ${windowEnd.toISOString()}.`;
        throw new NodeError(message, { errorClass: "REFUSED", code: "AI_TOKENS_EXCEEDED", nothingDone: true });
      }
      return {
        settle: async (used) => {
          await settleHold(pool, tenantId, id, used).catch((error: unknown) => logger.warn({ err: error, tenantId }, "tokens could not be settled; they count in full when their hold ends"));
        },
      };
    },
  });
}

async function held<R>(statement: Promise<R>): Promise<R> {
  try {
    return await statement;
  } catch (error) {
    if (!isTransient(error)) throw error;
    throw new NodeError("The store of the plan's tokens does not answer right now.", { errorClass: "CONNECTION", code: "UNAVAILABLE", nothingDone: true, cause: error });
  }
}
