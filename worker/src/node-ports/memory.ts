import { NodeError } from "@fluxo/core/errors/node-error";
import type { MemoryPort } from "@fluxo/core/ports/memory";
import type { NodeScope } from "@fluxo/core/ports/node-ports";
import { isTransient } from "@fluxo/prisma/database/errors";
import { exchangeValue, rememberKeys } from "@fluxo/prisma/executions/memory";
import type pg from "pg";

/** The memory of nodes in PostgreSQL. @param pool connections of fluxo_app */
export function createMemory(pool: pg.Pool): (scope: NodeScope) => MemoryPort {
  return (scope) => ({
    remember: (keys, windowMs) => answered(rememberKeys(pool, scope, keys, windowMs)),
    exchange: (name, value) => answered(exchangeValue(pool, scope, name, value)),
  });
}

/** Both statements may be repeated as they are, so a failure that passes is a reason to try again. */
async function answered<R>(statement: Promise<R>): Promise<R> {
  try {
    return await statement;
  } catch (error) {
    if (!isTransient(error)) throw error;
    throw new NodeError("The store of what nodes remember does not answer right now.", { errorClass: "CONNECTION", code: "UNAVAILABLE", cause: error });
  }
}
