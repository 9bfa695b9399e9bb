import { NodeError, type NodeErrorOptions } from "@fluxo/core/errors/node-error";
import { LoginNotOffered } from "./smtp-session.ts";

const MAX_QUOTED_LENGTH = 500;

/** Answers that refuse the login itself (RFC 4954): credentials, mechanism, or that there was none. */
const LOGIN_REFUSED: ReadonlySet<number> = new Set([530, 534, 535, 538]);

/**
 * The failure that an error of the SMTP client stands for.
 * @param nothingDone whether the message was not handed over yet
 */
export function smtpError(error: unknown, host: string, nothingDone: boolean): unknown {
  // The client writes its own code over that of the error which ended its socket; the dialer ends one for a single reason.
  if (error instanceof NodeError) return new NodeError(error.message, { errorClass: "DATA", code: "RESPONSE_TOO_LARGE", cause: error });
  if (error instanceof LoginNotOffered) return new NodeError(`${host} offers no login.`, { errorClass: "CREDENTIAL", code: "CREDENTIAL_REJECTED", cause: error });
  if (!(error instanceof Error)) return error;
  const { code, status, response } = detailsOf(error);
  if (status !== undefined && response !== undefined) {
    return new NodeError(`${host} answered ${response.slice(0, MAX_QUOTED_LENGTH)}`, { ...answerOptions(status, code), nothingDone: true, cause: error });
  }
  switch (code) {
    case "ETIMEDOUT":
      return new NodeError(`${host} did not answer in time.`, { errorClass: "TIMEOUT", code: "NODE_TIMEOUT", nothingDone, cause: error });
    case "EMESSAGE":
      return new NodeError(`${host} takes no message of this size.`, { errorClass: "DATA", code: "PROVIDER_REJECTED", cause: error });
    case "EAUTH":
      return new NodeError(`${host} offers no login that Fluxo knows.`, { errorClass: "CREDENTIAL", code: "CREDENTIAL_REJECTED", cause: error });
    case "ETLS":
    case "ESOCKET":
    case "ECONNECTION":
    case "EPROTOCOL":
      return new NodeError(`The connection to ${host} failed: ${error.message}`, { errorClass: "CONNECTION", code: "CONNECTION_FAILED", nothingDone, cause: error });
    default:
      return error;
  }
}

/** An answer is a refusal: whatever its class, the server did not take the message. */
function answerOptions(status: number, code: string | undefined): NodeErrorOptions {
  if (status < 400 || code === "ETLS") return { errorClass: "CONNECTION", code: "CONNECTION_FAILED" };
  if (status < 500) return { errorClass: "SERVER", code: "PROVIDER_FAILED" };
  if (LOGIN_REFUSED.has(status) || code === "EAUTH") return { errorClass: "CREDENTIAL", code: "CREDENTIAL_REJECTED" };
  return { errorClass: "DATA", code: "PROVIDER_REJECTED" };
}

function detailsOf(error: Error): { readonly code: string | undefined; readonly status: number | undefined; readonly response: string | undefined } {
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  const status = "responseCode" in error && typeof error.responseCode === "number" ? error.responseCode : undefined;
  const response = "response" in error && typeof error.response === "string" ? error.response : undefined;
  return { code, status, response };
}
