import type { Socket } from "node:net";
import { NodeError } from "@fluxo/core/errors/node-error";
import { normalizeMessage } from "@fluxo/core/errors/normalize";
import type { ImapFlowError } from "imapflow";

/** Refusals of a login that say nothing about the password (RFC 5530, RFC 9051). */
const PASSING_REFUSALS: ReadonlySet<string> = new Set(["UNAVAILABLE", "LIMIT", "INUSE", "SERVERBUG", "OVERQUOTA", "CONTACTADMIN", "PRIVACYREQUIRED"]);

/** The failure that an error of an IMAP session stands for. @param socket what the dialer opened: it knows best why it ended */
export function imapError(error: unknown, host: string, socket: Socket): unknown {
  if (error instanceof NodeError) return error;
  if (socket.errored instanceof NodeError) return socket.errored;
  if (!(error instanceof Error)) return error;
  const details: ImapFlowError = error;
  if (details.authenticationFailed === true) return loginRefused(details, host);
  const said = saidBy(details);
  if (details.mailboxMissing === true || details.code === "NotFound") return new NodeError(`${host} has no such mailbox${said}`, { errorClass: "DATA", code: "PARAMS_INVALID", cause: error });
  if (details.code === "ETHROTTLE") {
    const { throttleReset } = details;
    return new NodeError(`${host} asks to slow down.`, { errorClass: "RATE_LIMIT", code: "PROVIDER_RATE_LIMITED", cause: error, ...(throttleReset === undefined ? {} : { retryAfterMs: throttleReset }) });
  }
  if (details.code?.endsWith("TIMEOUT") === true) return new NodeError(`${host} did not answer in time.`, { errorClass: "TIMEOUT", code: "NODE_TIMEOUT", cause: error });
  if (details.responseStatus !== undefined) return new NodeError(`${host} refused a command${said}`, { errorClass: "SERVER", code: "PROVIDER_FAILED", cause: error });
  return new NodeError(`The connection to ${host} failed: ${normalizeMessage(details.message)}`, { errorClass: "CONNECTION", code: "CONNECTION_FAILED", cause: error });
}

function loginRefused(error: ImapFlowError, host: string): NodeError {
  const message = `${host} refused the login${saidBy(error)}`;
  const isPassing = PASSING_REFUSALS.has((error.serverResponseCode ?? "").toUpperCase());
  return new NodeError(message, { ...(isPassing ? { errorClass: "SERVER", code: "PROVIDER_FAILED" } : { errorClass: "CREDENTIAL", code: "CREDENTIAL_REJECTED" }), cause: error });
}

function saidBy({ responseText }: ImapFlowError): string {
  return responseText === undefined || responseText === "" ? "." : `: ${normalizeMessage(responseText).slice(0, 300)}`;
}
