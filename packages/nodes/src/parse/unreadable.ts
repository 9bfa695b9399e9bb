import { NodeError } from "@fluxo/core/errors/node-error";

/** The refusal of a text that is not of its format. @param where a place in the text, never a piece of it */
export function unreadable(format: string, where: string): NodeError {
  return new NodeError(`The text is no ${format}: ${where}.`, { errorClass: "DATA", code: "DATA_UNREADABLE" });
}

/** The refusal of data beyond a limit. */
export function tooLarge(what: string): NodeError {
  return new NodeError(`${what}.`, { errorClass: "DATA", code: "DATA_TOO_LARGE" });
}
