import { NodeError } from "@fluxo/core/errors/node-error";

/** The connection could not be had or broke; `detail` begins with a space. */
export function unreachable(host: string, detail: string, cause: unknown): NodeError {
  return new NodeError(`The connection to ${host} failed${detail}.`, { errorClass: "CONNECTION", code: "CONNECTION_FAILED", cause });
}

export function timedOut(message: string, cause: unknown): NodeError {
  return new NodeError(message, { errorClass: "TIMEOUT", code: "NODE_TIMEOUT", cause });
}

/** What the system or TLS says about a connection, as a NodeError that names the host as it was given. */
export function connectionFailure(error: unknown, host: string): NodeError {
  if (error instanceof NodeError) return error;
  const code = systemCodeOf(error);
  if (code === "ETIMEDOUT") return timedOut(`${host} did not answer in time.`, error);
  return unreachable(host, code === undefined ? "" : ` (${code})`, error);
}

/** The code that Node gave an error, such as ECONNRESET or ERR_TLS_CERT_ALTNAME_INVALID. */
export function systemCodeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
