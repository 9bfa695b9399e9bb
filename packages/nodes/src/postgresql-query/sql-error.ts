import { NodeError, type NodeErrorOptions } from "@fluxo/core/errors/node-error";
import pg from "pg";

const MAX_QUOTED_LENGTH = 500;

/**
 * The failure that an error of the database client stands for.
 * @param nothingDone whether a change cannot have been committed
 */
export function sqlError(error: unknown, host: string, nothingDone: boolean): unknown {
  if (error instanceof NodeError) return new NodeError(error.message, { errorClass: error.errorClass, code: error.code, nothingDone, cause: error });
  if (error instanceof pg.DatabaseError) {
    const state = error.code ?? "XX000";
    const constraint = error.constraint === undefined ? "" : ` [${error.constraint}]`;
    // An answer means that the server has undone the transaction; only one that ends the connection leaves the commit open.
    const isUndone = nothingDone || !/^(08|57P)/.test(state);
    return new NodeError(`${host} answered ${state}: ${error.message.slice(0, MAX_QUOTED_LENGTH)}${constraint}`, { ...optionsFor(state), nothingDone: isUndone, cause: error });
  }
  if (!(error instanceof Error)) return error;
  if (/^SASL|password/i.test(error.message)) {
    return new NodeError(`${host} and the credential do not agree on how to log in.`, { errorClass: "CREDENTIAL", code: "CREDENTIAL_REJECTED", cause: error });
  }
  const code = "code" in error && typeof error.code === "string" ? ` (${error.code})` : "";
  return new NodeError(`The connection to ${host} failed${code}: ${error.message.slice(0, MAX_QUOTED_LENGTH)}`, { errorClass: "CONNECTION", code: "CONNECTION_FAILED", nothingDone, cause: error });
}

/** By SQLSTATE (PostgreSQL, appendix A). */
function optionsFor(state: string): NodeErrorOptions {
  if (state === "57014") return { errorClass: "TIMEOUT", code: "NODE_TIMEOUT" };
  if (/^(08|57P)/.test(state)) return { errorClass: "CONNECTION", code: "CONNECTION_FAILED" };
  if (/^(40|53|58|XX|55P03)/.test(state)) return { errorClass: "SERVER", code: "PROVIDER_FAILED" };
  if (state.startsWith("28")) return { errorClass: "CREDENTIAL", code: "CREDENTIAL_REJECTED" };
  return { errorClass: "DATA", code: "PROVIDER_REJECTED" };
}
