import { TextDecoder } from "node:util";

/** What a `Content-Type` header says. */
interface MediaType {
  /** Lower case, without parameters; empty when the header is absent. */
  readonly essence: string;
  readonly charset: string | undefined;
}

const TEXTUAL = /^(?:text\/.+|application\/(?:json|xml|javascript|ecmascript|x-www-form-urlencoded|x-ndjson|yaml|graphql)|.+\+(?:json|xml|yaml))$/;
const JSON_TYPE = /^(?:(?:application|text)\/json|.+\+json)$/;

/** Reads a `Content-Type` header; what cannot be read counts as absent. */
export function mediaTypeOf(header: string | undefined): MediaType {
  const [essence = "", ...parameters] = (header ?? "").split(";");
  const charset = parameters.map((parameter) => /^\s*charset\s*=\s*"?([^"\s]+)"?\s*$/i.exec(parameter)?.[1]).find((found) => found !== undefined);
  return { essence: essence.trim().toLowerCase(), charset };
}

/** Whether a body of this type is text. */
export function isTextual({ essence }: MediaType): boolean {
  return TEXTUAL.test(essence);
}

/** Whether a body of this type is JSON (also `application/problem+json` and its like). */
export function isJsonType({ essence }: MediaType): boolean {
  return JSON_TYPE.test(essence);
}

/** Text of bytes; an unknown charset counts as UTF-8, bytes that it does not allow become U+FFFD, a byte order mark is dropped. */
export function decodeText(bytes: Uint8Array, charset = "utf-8"): string {
  return decoderFor(charset).decode(bytes);
}

/** Text of bytes if they are UTF-8 without control characters other than white space; undefined otherwise. */
export function decodeIfText(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return /[^\P{Cc}\s]/u.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

function decoderFor(charset: string): TextDecoder {
  try {
    return new TextDecoder(charset);
  } catch {
    return new TextDecoder("utf-8");
  }
}
